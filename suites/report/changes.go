package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/gatefault/gatefault/suites/check"
)

// Changes writes the differences between two reports for people: which findings are new, gone or changed, a table of the
// cells that behave differently, and sums. names are what the reports are called, the older first.
func Changes(w io.Writer, c *check.Changes, names [2]string, o TerminalOptions) error {
	t := &terminal{Writer: bufio.NewWriter(w), opts: o}
	for i, s := range []check.Subject{c.Old, c.New} {
		t.printf("%s\n", t.wrap(strings.TrimSuffix(printableLine(names[i])+": "+described(s), ": ")))
	}
	t.printf("\n")
	for _, f := range c.Findings {
		t.findingChange(f)
	}
	if len(c.Findings) > 0 {
		t.printf("\n")
	}
	t.cellChanges(c.Cells)
	t.printf("%s\n", ChangesLine(c))
	return t.Flush()
}

// described names what was checked; nothing of a run, which has no single subject.
func described(s check.Subject) string {
	if s.Gateway.Name == "" {
		return ""
	}
	return Printable(strings.TrimSpace(s.Gateway.Title+" "+s.Gateway.Version) + ", " + where(s))
}

func changeColour(k check.ChangeKind, bad, good string) string {
	switch k {
	case check.Appeared:
		return bad
	case check.Gone:
		return good
	}
	return yellow
}

func (t *terminal) findingChange(f check.FindingChange) {
	head := printableLine(fmt.Sprintf("%s %s %s%s", f.Kind, f.Severity, f.ID, productWords(f)))
	text := f.Title
	if f.What != "" {
		text = f.What
	}
	line := Wrap(Printable(fmt.Sprintf("on %s%s: %s", f.Route, at(f.Finding, " (", ")"), text)), t.width(), head+" ", later)
	t.printf("%s%s\n", t.paint(changeColour(f.Kind, severityColour(f.Severity), green), head), strings.TrimPrefix(line, head))
}

// productWords tell a finding of the product from one of the configuration.
func productWords(f check.FindingChange) string {
	if f.Product {
		return " of the product"
	}
	return ""
}

// changeRow is a cell that behaves differently: where, what it did before and does now, and the difference in words.
type changeRow [5]string

func newChangeRow(c check.CellChange) changeRow {
	words := strings.Join(c.What, ", ")
	if words == "" {
		words = string(c.Kind)
	}
	r := changeRow{c.Route(), c.Scenario(), brief(c.Old), brief(c.New), words}
	for i := range r {
		r[i] = printableLine(r[i])
	}
	return r
}

// brief is a cell's answer with its tries.
func brief(c *check.Cell) string {
	if c == nil {
		return ""
	}
	return Cell(c.Result)
}

var changeHeads = changeRow{"route", "scenario", "before", "after", "change"}

// cellChanges prints the table. Only the words are wrapped.
func (t *terminal) cellChanges(all []check.CellChange) {
	if len(all) == 0 {
		return
	}
	rows := []changeRow{changeHeads}
	for _, c := range all {
		rows = append(rows, newChangeRow(c))
	}
	var widths [4]int
	for _, r := range rows {
		for i := range widths {
			widths[i] = max(widths[i], utf8.RuneCountInString(r[i]))
		}
	}
	for _, r := range rows {
		label := ""
		for i, w := range widths {
			label += pad(r[i], w) + gap
		}
		t.printf("%s\n", Wrap(r[4], max(t.width(), len(label)+narrowStatus), label, strings.Repeat(" ", utf8.RuneCountInString(label))))
	}
	t.printf("\n")
}

// ChangesLine counts the changes.
func ChangesLine(c *check.Changes) string {
	if c.None() {
		return "no changes: " + cells(c.Same) + " as before"
	}
	findings, different := map[check.ChangeKind]int{}, map[check.ChangeKind]int{}
	for _, f := range c.Findings {
		findings[f.Kind]++
	}
	for _, cell := range c.Cells {
		different[cell.Kind]++
	}
	return fmt.Sprintf("findings: %s; cells: %s, %d as before", kinds(findings), kinds(different), c.Same)
}

func kinds(counts map[check.ChangeKind]int) string {
	var words []string
	for _, k := range []check.ChangeKind{check.Appeared, check.Gone, check.Changed} {
		if counts[k] > 0 {
			words = append(words, fmt.Sprintf("%d %s", counts[k], k))
		}
	}
	if len(words) == 0 {
		return "none changed"
	}
	return strings.Join(words, ", ")
}

// ChangesMarkdown writes the differences as [Markdown] does a check.
func ChangesMarkdown(w io.Writer, c *check.Changes, names [2]string) error {
	m := &markdown{bufio.NewWriter(w)}
	m.printf("### gatefault diff\n\n")
	for i, s := range []check.Subject{c.Old, c.New} {
		m.printf("- %s %s\n", []string{"before:", "after:"}[i], mdText(strings.TrimSuffix(names[i]+": "+described(s), ": ")))
	}
	m.printf("\n%s\n\n", mdText(ChangesLine(c)))
	if len(c.Findings) > 0 {
		m.head("change", "severity", "finding", "route", "where", "what")
		for _, f := range c.Findings {
			m.row("**"+string(f.Kind)+"**", string(f.Severity)+productWords(f), "**"+mdText(f.ID)+"** "+mdText(f.Title), mdCell(f.Route), mdCell(at(f.Finding, "", "")), mdText(f.What))
		}
		m.printf("\n")
	}
	if len(c.Cells) > 0 {
		m.head(changeHeads[:]...)
		for _, cell := range c.Cells {
			r := newChangeRow(cell)
			m.row(mdCell(r[0]), mdCell(r[1]), mdText(r[2]), mdText(r[3]), mdText(r[4]))
		}
		m.printf("\n")
	}
	return m.Flush()
}
