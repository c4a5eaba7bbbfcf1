package report_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/gatefault/gatefault/suites/report"
)

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "",
		"plain ✓ text\nof two":    "plain ✓ text\nof two",
		"\x1b[31mred\x07":         `\x1b[31mred\x07`,
		"tab\tcr\r\n":             `tab\tcr\r` + "\n",
		"not UTF-8 \xff\x00":      `not UTF-8 \xff\x00`,
		"a real \ufffd":           "a real \ufffd",
		"turned \u202e around":    `turned \u202e around`,
		"\U000e0041 tag":          `\U000e0041 tag`,
		"##[error]x and ##[end]":  `\x23#[error]x and \x23#[end]`,
		"###[group]":              `#\x23#[group]`,
		"## heading [and a link]": "## heading [and a link]",
	} {
		if got := report.Printable(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func FuzzPrintable(f *testing.F) {
	for _, seed := range []string{"", "\x1b]0;title\x07", "##[set-output]", "a\u2066b", "\xc3\x28", "\u009b31m"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := report.Printable(text)
		if strings.Contains(got, "##[") {
			t.Errorf("%q: a command is left in %q", text, got)
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
