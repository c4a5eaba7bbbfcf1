package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/gatefault/gatefault/suites/check"
	"github.com/gatefault/gatefault/suites/run"
)

// CheckHTML writes a check as one file that needs nothing else: the findings, worst first, and the matrix of its cells.
func CheckHTML(w io.Writer, r *check.Report, gate check.Gate, o HTMLOptions) error {
	p := newPage("gatefault check", strings.TrimSpace(r.Subject.Gateway.Title+" "+r.Subject.Gateway.Version)+", "+where(r.Subject), o)
	p.VerdictWord, p.ColumnHead, p.ColumnWord = "Status", "Route", "route"
	p.Told = append(p.Told, "Checked on "+r.Started.UTC().Format("2 January 2006, 15:04 UTC")+".")
	if len(r.Subject.Stands) > 0 {
		p.Told = append(p.Told, "Made up, because it was not brought: "+strings.Join(r.Subject.Stands, "; ")+".")
	}
	p.Told = append(p.Told, r.Notes...)
	p.findings(r, gate)
	for _, c := range r.Cells {
		p.addChecked(c, c.Result.Route)
	}
	p.words(results(r), slices.DeleteFunc(words(), func(w word) bool { return w.text == "xN" }))
	p.CellsLine, p.Took = cellsLine(r, func(_, text string) string { return text }), CheckTiming(r, true)
	return p.write(w)
}

// findings tells those that count in full and the others in one line each.
func (p *page) findings(r *check.Report, gate check.Gate) {
	p.FindingsLine = FindingsLine(r, gate)
	for _, f := range WorstFirst(r.Findings) {
		switch {
		case f.Ignored != nil:
			p.Briefs = append(p.Briefs, fmt.Sprintf("ignored until %s: %s on %s: %s", f.Ignored.Until, f.ID, f.Route, f.Ignored.Reason))
		case gate.Knew(f):
			p.Briefs = append(p.Briefs, fmt.Sprintf("as before: %s on %s: %s", f.ID, f.Route, f.Title))
		default:
			p.Findings = append(p.Findings, newPageFinding(f))
		}
	}
	for _, f := range r.Product {
		p.Briefs = append(p.Briefs, fmt.Sprintf("of the product: %s on %s in %s: %s", f.ID, f.Route, strings.Join(f.Scenarios(), ", "), f.Title))
	}
	if len(r.Product) > 0 {
		p.Briefs = append(p.Briefs, ofProduct)
	}
}

// pageFinding is a finding as a page shows it.
type pageFinding struct {
	Severity, Head, Title string
	Facts, Quotes         []Fact
	Cell, CellName        string
}

func newPageFinding(f check.Finding) pageFinding {
	out := pageFinding{Severity: string(f.Severity), Head: fmt.Sprintf("%s %s", f.Severity, f.ID), Cell: cellID(f.Route, f.Scenario), CellName: f.Scenario,
		Title: fmt.Sprintf("%s, on %s%s", f.Title, f.Route, at(f, " (", ")"))}
	for _, fact := range []Fact{{"seen", f.Seen}, {"also in", strings.Join(f.More, ", ")}, {"why", f.Why}, {"fix", f.Fix}, {"manual", f.Manual}, {"source", f.Cite}} {
		if fact.Text != "" {
			out.Facts = append(out.Facts, Fact{fact.Name, fact.Text})
		}
	}
	for _, e := range f.Evidence {
		out.Quotes = append(out.Quotes, Fact{e.Kind, strings.Join(Quote(e.Text, evidenceLines, evidenceLength), "\n")})
	}
	for _, fact := range []Fact{{"example", f.Example}, {"reproduce", f.Reproduce}} {
		if fact.Text != "" {
			out.Quotes = append(out.Quotes, Fact{fact.Name, fact.Text})
		}
	}
	return out
}

// addChecked puts a cell of a check into a column.
func (p *page) addChecked(c check.Cell, column string) {
	l, row := lookOf(c), newCellRow(c)
	out := pageCell{column: column, result: c.Result, Verdict: statusKey(c), sign: l.mark, Meaning: l.meaning, Word: string(c.Status), repeat: c.Reproduce,
		Text: row.answer}
	if c.Status == check.Skipped {
		out.Text = Cell(c.Result)
	}
	for _, f := range []Fact{{"asked by the policy", c.Want}, {"status", strings.TrimSuffix(string(c.Status)+": "+c.Why, ": ")}, {"findings", strings.Join(c.Findings, ", ")}} {
		if f.Text != "" {
			out.more = append(out.more, Fact{f.Name, f.Text})
		}
	}
	p.add(out)
}

// statusKey is a status as the style sheet and the filters name it.
func statusKey(c check.Cell) string {
	switch {
	case c.Status == check.OK && c.Verdict == run.Deviates, c.Status == check.Skipped:
		return string(c.Verdict)
	}
	return string(c.Status)
}
