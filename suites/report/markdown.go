package report

import (
	"bufio"
	"fmt"
	"html"
	"io"
	"strings"

	"github.com/gatefault/gatefault/suites/check"
)

// Markdown writes a check in GitHub's flavour of Markdown, which GitLab reads too, for a job's summary or a merge request:
// sums, a table of findings, and the details, folded.
func Markdown(w io.Writer, r *check.Report, o CheckOptions) error {
	m := &markdown{bufio.NewWriter(w)}
	m.printf("### gatefault check: %s\n\n", mdText(strings.TrimSpace(r.Subject.Gateway.Title+" "+r.Subject.Gateway.Version)+", "+where(r.Subject)))
	verdict := "**passed**"
	if !o.Gate.Passes(r) {
		verdict = "**failed**"
	}
	m.printf("%s: %s. %s; %s.\n\n", verdict, mdText(FindingsLine(r, o.Gate)), mdText(cellsLine(r, func(_, text string) string { return text })), mdText(CheckTiming(r, o.Whole)))
	m.findings(r, o.Gate)
	m.list("Made up, because it was not brought", r.Subject.Stands)
	m.list("To know", r.Notes)
	m.cells(r)
	return m.Flush()
}

type markdown struct{ *bufio.Writer }

func (m *markdown) printf(format string, args ...any) { fmt.Fprintf(m, format, args...) }

// row writes a table's row of cells that are Markdown already.
func (m *markdown) row(cells ...string) { m.printf("| %s |\n", strings.Join(cells, " | ")) }

func (m *markdown) head(names ...string) {
	m.row(names...)
	m.printf("|%s\n", strings.Repeat(" --- |", len(names)))
}

// details folds what body writes. summary is HTML.
func (m *markdown) details(summary string, body func()) {
	m.printf("<details><summary>%s</summary>\n\n", summary)
	body()
	m.printf("</details>\n\n")
}

func (m *markdown) findings(r *check.Report, gate check.Gate) {
	all := WorstFirst(r.Findings)
	if len(all)+len(r.Product) == 0 {
		return
	}
	m.head("severity", "finding", "route", "where", "seen")
	row := func(severity string, f check.Finding) {
		m.row(severity, "**"+mdText(f.ID)+"** "+mdText(f.Title), mdCell(f.Route), mdCell(at(f, "", "")), mdText(f.Seen))
	}
	for _, f := range all {
		row(mdSeverity(f, gate), f)
	}
	for _, f := range r.Product {
		row(string(f.Severity)+", of the product", f)
	}
	if len(r.Product) > 0 {
		m.printf("\n%s\n", ofProduct)
	}
	m.printf("\n")
	for _, f := range all {
		m.details(fmt.Sprintf("<b>%s %s</b> on %s: how to mend it", f.Severity, mdHTML(f.ID), mdHTML(f.Route)), func() { m.finding(f) })
	}
}

// mdSeverity names the severity of a finding, and why it does not count if it does not.
func mdSeverity(f check.Finding, gate check.Gate) string {
	switch {
	case f.Ignored != nil:
		return fmt.Sprintf("%s, ignored until %s", f.Severity, mdText(f.Ignored.Until))
	case gate.Knew(f):
		return string(f.Severity) + ", as before"
	case gate.Counts(f):
		return "**" + string(f.Severity) + "**"
	}
	return string(f.Severity)
}

func (m *markdown) finding(f check.Finding) {
	m.paragraph("Why", f.Why)
	m.paragraph("Fix", f.Fix)
	if f.Example != "" {
		m.printf("%s", mdBlock("", f.Example))
	}
	m.paragraph("Manual", f.Manual)
	m.paragraph("Source", f.Cite)
	m.paragraph("Shows in", strings.Join(f.Scenarios(), ", "))
	if f.Ignored != nil {
		m.paragraph("Ignored until "+f.Ignored.Until, f.Ignored.Reason)
	}
	for _, e := range f.Evidence {
		m.printf("Evidence, %s:\n\n%s", mdText(e.Kind), mdBlock("text", strings.Join(Quote(e.Text, evidenceLines, evidenceLength), "\n")))
	}
	if f.Reproduce != "" {
		m.printf("Reproduce it alone:\n\n%s", mdBlock("sh", f.Reproduce))
	}
}

// paragraph tells a labelled text, unless there is none.
func (m *markdown) paragraph(label, text string) {
	if text != "" {
		m.printf("**%s:** %s\n\n", mdText(label), mdText(text))
	}
}

// list folds sentences.
func (m *markdown) list(heading string, sentences []string) {
	if len(sentences) == 0 {
		return
	}
	m.details(heading, func() {
		for _, s := range sentences {
			m.printf("- %s\n", mdText(s))
		}
		m.printf("\n")
	})
}

func (m *markdown) cells(r *check.Report) {
	if len(r.Cells) == 0 {
		return
	}
	m.details(cells(len(r.Cells)), func() {
		m.head("route", "scenario", "answer", "time", "tries", "recovery", "status")
		for _, route := range r.Subject.Routes {
			for _, c := range ofRoute(r, route) {
				row := newCellRow(c)
				m.row(mdCell(c.Route), mdCell(row.scenario), mdText(row.answer), row.time, row.attempts, row.recovery, mdText(row.status))
			}
		}
		m.printf("\n")
	})
}

// markup are the characters that mean something to Markdown within a line. All of them are ASCII punctuation, so a
// backslash takes the meaning away (CommonMark §2.4); < and & are safer as entities.
const markup = "\\`*_[]#|~$"

// mdText is text within a line, without any meaning to Markdown. The comment after @ keeps names from being notified, and
// links are made by nobody but us.
func mdText(text string) string {
	var out strings.Builder
	for _, r := range printableLine(text) {
		switch {
		case r == '<':
			out.WriteString("&lt;")
		case r == '&':
			out.WriteString("&amp;")
		case r == '@':
			out.WriteString("@<!-- -->")
		case strings.ContainsRune(markup, r):
			out.WriteString("\\" + string(r))
		default:
			out.WriteRune(r)
		}
	}
	return strings.ReplaceAll(out.String(), "://", ":<!-- -->//")
}

// mdHTML is text within HTML.
func mdHTML(text string) string {
	return strings.ReplaceAll(html.EscapeString(printableLine(text)), "@", "@<!-- -->")
}

// mdCell is a text as code in a cell of a table. A vertical bar ends the cell even within code, unless it is escaped
// (GitHub Flavored Markdown §4.10).
func mdCell(text string) string {
	if text == "" {
		return ""
	}
	text = strings.ReplaceAll(printableLine(text), "|", `\|`)
	fence := mdFence(text, 1)
	if len(fence) > 1 || strings.HasPrefix(text, "`") || strings.HasSuffix(text, "`") {
		text = " " + text + " "
	}
	return fence + text + fence
}

// mdBlock is a block of code, and an empty line.
func mdBlock(language, text string) string {
	text = strings.TrimRight(Printable(text), "\n")
	fence := mdFence(text, 3)
	return fmt.Sprintf("%s%s\n%s\n%s\n\n", fence, language, text, fence)
}

// mdFence is a run of backticks that the text does not have, at least that long (CommonMark §4.5, §6.1).
func mdFence(text string, least int) string {
	fence := strings.Repeat("`", least)
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence
}
