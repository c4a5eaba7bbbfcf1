package report

import (
	"strings"
	"unicode/utf8"
)

// PlainWidth is the width of texts that do not go to a terminal, in columns.
const PlainWidth = 80

// Wrap breaks a text at its white space into lines of at most width columns. The first line begins with first, the
// others with rest. A word that is longer stands in a line of its own and is not broken.
func Wrap(text string, width int, first, rest string) string {
	var out strings.Builder
	out.WriteString(first)
	column, fresh := utf8.RuneCountInString(first), true
	for word := range strings.FieldsSeq(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case fresh:
		case column+1+n > width:
			out.WriteString("\n" + rest)
			column = utf8.RuneCountInString(rest)
		default:
			out.WriteString(" ")
			column++
		}
		out.WriteString(word)
		column, fresh = column+n, false
	}
	return out.String()
}
