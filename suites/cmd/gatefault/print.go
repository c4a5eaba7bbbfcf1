package main

import (
	"encoding/json"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/gatefault/gatefault/suites/report"
)

// printJSON prints v for machines.
func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// wrap fits a text to the width and indents all of its lines.
func (a *app) wrap(text, indent string) string { return report.Wrap(text, a.width(), indent, indent) }

// section prints a heading and an indented text, unless the text is empty.
func (a *app) section(heading, text string) {
	if text != "" {
		a.printf("\n%s\n%s\n", heading, a.wrap(text, "  "))
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
		a.printf("%s\n", report.Wrap(item, a.width(), "  - ", "    "))
	}
}

// table prints rows in columns. The last one, which has the sentences, is wrapped to the width.
func (a *app) table(rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row[:len(row)-1] {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		label := ""
		for i, cell := range row[:len(row)-1] {
			label += cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2)
		}
		indent := strings.Repeat(" ", utf8.RuneCountInString(label))
		a.printf("%s\n", report.Wrap(row[len(row)-1], max(a.width(), len(indent)+narrowest), label, indent))
	}
}

// narrowest is the width that a table's sentences get even in a terminal that has no room for them.
const narrowest = 30

// rawLine ends a document with exactly one newline.
func rawLine(w io.Writer, b []byte) error {
	_, err := w.Write(append(b, '\n'))
	return err
}
