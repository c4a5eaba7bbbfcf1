package look

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Visible shows text that others wrote so that it does nothing to where it is shown: control characters, characters that turn
// the direction of text and bytes that are not UTF-8 are escaped as Go does it. Line feeds stay.
func Visible(text string) string {
	if strings.IndexFunc(text, func(r rune) bool { return !plain(r) }) < 0 && utf8.ValidString(text) {
		return text
	}
	return VisibleBut(text, func(string, int) bool { return false })
}

// VisibleLine is [Visible] in one line.
func VisibleLine(text string) string { return strings.ReplaceAll(Visible(text), "\n", `\n`) }

// VisibleBut is [Visible] and escapes the characters besides that also chooses by their places in the text.
func VisibleBut(text string, also func(text string, i int) bool) string {
	var out strings.Builder
	for i, r := range text {
		_, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&out, `\x%02x`, text[i])
		case also(text, i):
			fmt.Fprintf(&out, `\x%02x`, r)
		case plain(r):
			out.WriteRune(r)
		default:
			out.WriteString(escape(r))
		}
	}
	return out.String()
}

func plain(r rune) bool { return unicode.IsPrint(r) || r == '\n' }

func escape(r rune) string {
	switch {
	case r == '\t':
		return `\t`
	case r == '\r':
		return `\r`
	case r < utf8.RuneSelf:
		return fmt.Sprintf(`\x%02x`, r)
	case r <= 0xffff:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\U%08x`, r)
}
