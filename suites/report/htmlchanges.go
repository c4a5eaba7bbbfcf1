package report

import (
	"io"
	"strings"

	"github.com/gatefault/gatefault/suites/check"
)

// ChangesHTML writes the differences between two reports as one file that needs nothing else: the findings that differ and a
// matrix of the cells that do, each with both of its stories side by side.
func ChangesHTML(w io.Writer, c *check.Changes, names [2]string, o HTMLOptions) error {
	p := newPage("gatefault diff", "What changed between two reports", o)
	p.VerdictWord, p.ColumnHead, p.ColumnWord = "Status", "Route", "route"
	for i, s := range []check.Subject{c.Old, c.New} {
		p.Told = append(p.Told, []string{"Before: ", "After: "}[i]+strings.TrimSuffix(names[i]+": "+described(s), ": "))
	}
	p.FindingsLine = ChangesLine(c)
	for _, f := range c.Findings {
		told := newPageFinding(f.Finding)
		told.Head, told.Cell = string(f.Kind)+" "+told.Head+productWords(f), ""
		if f.What != "" {
			told.Facts = append([]Fact{{"changed", f.What}}, told.Facts...)
		}
		p.Findings = append(p.Findings, told)
	}
	for _, change := range c.Cells {
		p.addChange(change)
	}
	p.CellsLine = counted(len(c.Cells), "cell") + " changed, " + cells(c.Same) + " as before"
	return p.write(w)
}

// addChange puts a cell that changed into the column of its route.
func (p *page) addChange(change check.CellChange) {
	row := newChangeRow(change)
	p.addChecked(*change.Either(), change.Route())
	last := p.row(change.Either().Result)
	c := &last.cells[len(last.cells)-1]
	if change.Old != nil && change.New != nil {
		c.before = change.Old.Result
	}
	c.Text = strings.TrimSpace(row[2] + " → " + row[3])
	c.Word, c.more = row[4], append([]Fact{{"change", row[4]}}, c.more...)
}
