package report

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gatefault/gatefault/suites/check"
	"github.com/gatefault/gatefault/suites/run"
)

// cellRow is a cell as tables show it.
type cellRow struct{ scenario, answer, time, attempts, recovery, status, colour string }

var cellHeads = cellRow{scenario: "scenario", answer: "answer", time: "time", attempts: "tries", recovery: "recovery", status: "status"}

func (r cellRow) columns() [5]string {
	return [5]string{r.scenario, r.answer, r.time, r.attempts, r.recovery}
}

func newCellRow(c check.Cell) cellRow {
	r := cellRow{scenario: c.ID}
	r.status, r.colour = standing(c)
	if c.Status == check.Skipped {
		return r
	}
	r.answer, r.time, r.attempts = Short(c.Observed)+tier(c.Result), seconds(c.Total), fmt.Sprint(c.Attempts)
	if c.Uncounted {
		r.attempts = ""
	}
	if c.Traffic != nil {
		r.answer, r.time = failedShort(c.Result), ""
	}
	switch {
	case c.Lasting:
	case c.Watched > 0:
		r.recovery = "> " + seconds(c.Watched)
	case c.Recovery == nil:
		r.recovery = "never"
	default:
		r.recovery = seconds(*c.Recovery)
	}
	return r
}

// standing is a cell's status with its mark and the findings that it shows, and its colour.
func standing(c check.Cell) (text, colour string) {
	l := lookOf(c)
	words := strings.Join(c.Findings, ", ")
	switch c.Status {
	case check.Ignored:
		words = "ignored"
	case check.Skipped:
		words = Cell(c.Result)
	}
	return strings.TrimRight(l.mark+" "+words, " "), l.colour
}

// lookOf is how a cell's status looks, and what the legend says of it.
func lookOf(c check.Cell) appearance {
	switch {
	case c.Status == check.OK && c.Verdict == run.Deviates:
		return look(run.Deviates)
	case c.Status == check.OK:
		return appearance{look(run.Standard).mark, green, "as the standards or the policy ask, or as good"}
	case c.Status == check.Failed:
		return appearance{look(run.Drifted).mark, red, "not as it should be: see the findings"}
	case c.Status == check.Ignored:
		return appearance{look(run.Observed).mark, grey, "ignored, as the policy says"}
	}
	return look(c.Verdict)
}

// ofRoute gives a route's cells.
func ofRoute(r *check.Report, route string) []check.Cell {
	return slices.DeleteFunc(slices.Clone(r.Cells), func(c check.Cell) bool { return c.Route != route })
}

// route prints the table of a route. Only the last column, the status, is wrapped.
func (c *checked) route(name string) {
	cells := ofRoute(c.Report, name)
	if len(cells) == 0 {
		return
	}
	rows := []cellRow{cellHeads}
	for _, cell := range cells {
		rows = append(rows, newCellRow(cell))
	}
	var widths [5]int
	for _, row := range rows {
		for i, text := range row.columns() {
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
	}
	c.printf("%s\n", c.paint(bold, Printable(name)))
	for _, row := range rows {
		c.row(row, widths)
	}
	c.printf("\n")
}

// row prints a line of the table: numbers are set to the right.
func (c *checked) row(row cellRow, widths [5]int) {
	label := ""
	for i, text := range row.columns() {
		if i < 2 {
			text = pad(text, widths[i])
		} else {
			text = strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text)) + text
		}
		label += gap + text
	}
	label += gap
	width := utf8.RuneCountInString(label)
	line := Wrap(row.status, max(c.terminal.width(), width+narrowStatus), label, strings.Repeat(" ", width+len(gap)))
	c.printf("%s\n", strings.TrimRight(label+c.paint(row.colour, strings.TrimPrefix(line, label)), " "))
}

// narrowStatus is the room that the status has even where there is none.
const narrowStatus = 20

// legend explains the marks and words that the tables use.
func (c *checked) legend() {
	if len(c.Cells) == 0 {
		return
	}
	var told []string
	for _, cell := range c.Cells {
		if l := lookOf(cell); !slices.Contains(told, l.mark) {
			told = append(told, l.mark)
			c.printf("%s %s\n", c.paint(l.colour, pad(l.mark, 10)), l.meaning)
		}
	}
	c.words(slices.DeleteFunc(words(), func(w word) bool { return w.text == "xN" })) // the tries have a column
	c.printf("\n")
}

// noVerdict tells why cells were skipped, those with the same reason together, and of failed ones that no finding tells of.
func (c *checked) noVerdict() {
	for _, status := range []check.Status{check.Failed, check.Skipped} {
		for _, same := range c.sameReason(status) {
			c.group(same)
		}
	}
}

func (c *checked) sameReason(status check.Status) (groups [][]check.Cell) {
	for _, cell := range c.Cells {
		if cell.Status != status || status == check.Failed && len(cell.Findings) > 0 {
			continue
		}
		i := slices.IndexFunc(groups, func(g []check.Cell) bool { return g[0].Why == cell.Why && g[0].Verdict == cell.Verdict })
		if i < 0 {
			i = len(groups)
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], cell)
	}
	return groups
}

// logLines is how much is shown of the log that a reason ends with.
const logLines = 20

func (c *checked) group(same []check.Cell) {
	text, colour := standing(same[0])
	if same[0].Status == check.Failed {
		text += " failed"
	}
	who := same[0].Route + " " + same[0].ID
	if len(same) > 1 {
		who = cells(len(same))
	}
	why, log, _ := strings.Cut(same[0].Why, "\n")
	line := c.terminal.wrap(text + " " + Printable(who+": "+why))
	c.printf("%s%s\n", c.paint(colour, text), strings.TrimPrefix(line, text))
	if log != "" {
		c.printf("%s%s\n", later, strings.Join(Quote(log, logLines, evidenceLength), "\n"+later))
	}
	if len(same) > 1 {
		c.ids(same)
	}
	if same[0].Verdict != run.Unsupported {
		c.printf("%s%s\n", later, printableLine(same[0].Reproduce))
	}
	c.printf("\n")
}

// ids lists cells route by route; routes that have the same ones share a line.
func (c *checked) ids(same []check.Cell) {
	var lists []string
	routes := map[string][]string{}
	for _, route := range c.Subject.Routes {
		var ids []string
		for _, cell := range same {
			if cell.Route == route {
				ids = append(ids, cell.ID)
			}
		}
		list := strings.Join(ids, ", ")
		if list != "" && !slices.Contains(lists, list) {
			lists = append(lists, list)
		}
		routes[list] = append(routes[list], route)
	}
	for _, list := range lists {
		c.printf("%s\n", Wrap(Printable(strings.Join(routes[list], ", "))+": "+list, c.terminal.width(), later, later+later))
	}
}
