package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	pages "github.com/gatefault/gatefault/suites/look"
)

// Printable shows text that others wrote, such as an upstream's answer or a gateway's log, so that it does nothing to
// where it is shown: control characters, characters that turn the direction of text and bytes that are not UTF-8 are
// escaped as Go does it, and so is the first character of what GitHub's runner would take for a command. Line feeds stay.
func Printable(text string) string {
	if !strings.Contains(text, "##[") && !strings.Contains(text, "::") {
		return pages.Visible(text)
	}
	return pages.VisibleBut(text, startsCommand)
}

// startsCommand tells whether GitHub's runner would find a command of its own at i: ##[name] anywhere, ::name::value
// where a line begins (actions/runner, ActionCommand.cs). Wrapping can make any word begin a line.
func startsCommand(text string, i int) bool {
	if strings.HasPrefix(text[i:], "##[") {
		return true
	}
	name, two := strings.CutPrefix(text[i:], "::")
	name, _, _ = strings.Cut(name, "\n")
	first, _ := utf8.DecodeRuneInString(name)
	return two && unicode.IsLetter(first) && (i == 0 || text[i-1] == ' ' || text[i-1] == '\n') && strings.Contains(name, "::")
}

// printableLine is [Printable] in one line.
func printableLine(text string) string { return strings.ReplaceAll(Printable(text), "\n", `\n`) }

// Quote puts others' text below each other with a mark before each line. It shows the first most lines, each cut to
// longest characters, and says how many are left out: a report is read by people, and the JSON report has everything.
func Quote(text string, most, longest int) []string {
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
