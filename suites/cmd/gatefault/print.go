package main

import (
	"encoding/json"
	"io"
	"strings"
	"unicode/utf8"
)

// printJSON prints v for machines.
func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// textWidth is the width of explanations; wider lines are hard to read.
const textWidth = 90

// wrap breaks a text into lines of textWidth and indents all of them.
func wrap(text, indent string) string {
	var out strings.Builder
	column := 0
	for _, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case column == 0:
			out.WriteString(indent)
			column = len(indent)
		case column+1+n > textWidth:
			out.WriteString("\n" + indent)
			column = len(indent)
		default:
			out.WriteString(" ")
			column++
		}
		out.WriteString(word)
		column += n
	}
	return out.String()
}

// section prints a heading and an indented text, unless the text is empty.
func (a *app) section(heading, text string) {
	if text != "" {
		a.printf("\n%s\n%s\n", heading, wrap(text, "  "))
	}
}

// block prints a heading and lines as they are, unless there are none.
func (a *app) block(heading string, lines ...string) {
	if len(lines) == 0 {
		return
	}
	a.printf("\n%s\n", heading)
	for _, l := range lines {
		a.printf("  %s\n", l)
	}
}

// bullets prints a heading and one wrapped item after the other.
func (a *app) bullets(heading string, items ...string) {
	if len(items) == 0 {
		return
	}
	a.printf("\n%s\n", heading)
	for _, item := range items {
		a.printf("  - %s\n", strings.TrimSpace(wrap(item, "    ")))
	}
}

// rawLine ends a document with exactly one newline.
func rawLine(w io.Writer, b []byte) error {
	_, err := w.Write(append(b, '\n'))
	return err
}
