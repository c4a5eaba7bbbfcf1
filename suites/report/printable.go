package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable shows text that others wrote, such as an upstream's answer or a gateway's log, so that it does nothing to
// where it is shown: control characters, characters that turn the direction of text and bytes that are not UTF-8 are
// escaped as Go does it. Line feeds stay.
//
// GitHub's runner takes ##[name] for a command wherever it stands in a line of output, so its first character is escaped
// too; commands of the form ::name:: work at the begin of a line only, where no report puts others' text.
func Printable(text string) string {
	plain := func(r rune) bool { return r != utf8.RuneError && (unicode.IsPrint(r) || r == '\n') }
	if strings.IndexFunc(text, func(r rune) bool { return !plain(r) }) < 0 && !strings.Contains(text, "##[") {
		return text
	}
	var out strings.Builder
	for i, r := range text {
		switch _, size := utf8.DecodeRuneInString(text[i:]); {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&out, `\x%02x`, text[i])
		case strings.HasPrefix(text[i:], "##["):
			out.WriteString(`\x23`)
		case plain(r) || r == utf8.RuneError:
			out.WriteRune(r)
		case r == '\t':
			out.WriteString(`\t`)
		case r == '\r':
			out.WriteString(`\r`)
		case r < 0x80:
			fmt.Fprintf(&out, `\x%02x`, r)
		case r <= 0xffff:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			fmt.Fprintf(&out, `\U%08x`, r)
		}
	}
	return out.String()
}

// printableLine is [Printable] in one line.
func printableLine(text string) string { return strings.ReplaceAll(Printable(text), "\n", `\n`) }

// quoteLines puts others' text below each other with a mark before each line. It shows the first most lines, each cut to
// longest characters, and says how many are left out: a report is read by people, and the JSON report has everything.
func quoteLines(text string, most, longest int) []string {
	all := strings.Split(strings.TrimRight(Printable(text), "\n"), "\n")
	lines := all[:min(len(all), most)]
	out := make([]string, len(lines))
	for i, l := range lines {
		if runes := []rune(l); len(runes) > longest {
			l = string(runes[:longest]) + fmt.Sprintf("... (%d more characters)", len(runes)-longest)
		}
		out[i] = strings.TrimRight("| "+l, " ")
	}
	if more := len(all) - len(lines); more > 0 {
		out = append(out, fmt.Sprintf("(%s more)", counted(more, "line")))
	}
	return out
}
