package report_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/gatefault/gatefault/suites/report"
)

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "",
		"plain ✓ text\nof two":        "plain ✓ text\nof two",
		"\x1b[31mred\x07":             `\x1b[31mred\x07`,
		"tab\tcr\r\n":                 `tab\tcr\r` + "\n",
		"not UTF-8 \xff\x00":          `not UTF-8 \xff\x00`,
		"a real \ufffd":               "a real \ufffd",
		"turned \u202e around":        `turned \u202e around`,
		"\U000e0041 tag":              `\U000e0041 tag`,
		"##[error]x and ##[end]":      `\x23#[error]x and \x23#[end]`,
		"###[group]":                  `#\x23#[group]`,
		"::error::x\n ::add-mask::y":  `\x3a:error::x` + "\n " + `\x3a:add-mask::y`,
		"at ::1 and [::1]:80, std::x": "at ::1 and [::1]:80, std::x",
		"## heading [and a link]":     "## heading [and a link]",
	} {
		if got := report.Printable(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// command is a command for GitHub's runner.
var command = regexp.MustCompile(`^::\pL.*::`)

func FuzzPrintable(f *testing.F) {
	for _, seed := range []string{"", "\x1b]0;title\x07", "##[set-output]", "a\u2066b", "\xc3\x28", "\u009b31m"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := report.Printable(text)
		for line := range strings.Lines(got) {
			if line = strings.TrimSpace(line); strings.Contains(line, "##[") || command.MatchString(line) {
				t.Errorf("%q: a command is left in %q", text, got)
			}
		}
		for _, r := range got {
			if r != '\n' && !unicode.IsPrint(r) {
				t.Errorf("%q: %U is left in %q", text, r, got)
			}
		}
		if report.Printable(got) != got {
			t.Errorf("%q: escaped twice", text)
		}
	})
}
