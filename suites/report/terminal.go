package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gatefault/gatefault/suites/run"
)

// TerminalOptions say how the table looks.
type TerminalOptions struct {
	// Width is the terminal's, in columns. A table that is wider is split by gateways, and text is wrapped. 0 means a pipe:
	// tables have no limit and explanations are wrapped at [PlainWidth].
	Width  int
	Colour bool
	// Repeat gives the command that runs cells alone; default: gatefault run with the cells' filters.
	Repeat Repeat
	// Whole says that every built-in scenario was to run on every gateway: only such a run is held to its bar.
	Whole bool
}

// Colours are the parameters of the terminal's SGR sequence (ECMA-48 §8.3.117).
const (
	bold    = "1"
	red     = "31"
	green   = "32"
	yellow  = "33"
	magenta = "35"
	grey    = "90"
)

// slowRecovery is the time to recovery from which the table mentions it.
const slowRecovery = time.Second

// Terminal writes the run for people: the table, its legend, every cell that needs attention, and where the time went.
func Terminal(w io.Writer, r *run.Report, o TerminalOptions) error {
	o.Repeat = o.Repeat.or()
	t := &terminal{Writer: bufio.NewWriter(w), opts: o, report: r, columns: columns(r), rows: rows(r), labels: [2]string{"cause", "scenario"}}
	if len(t.rows) > 0 {
		t.tables()
		t.gateways()
		t.legend()
		t.recovery()
		t.traffic()
		t.attention()
	}
	t.summary()
	return t.Flush()
}

type terminal struct {
	*bufio.Writer
	opts    TerminalOptions
	report  *run.Report
	columns []*column
	rows    []*row
	labels  [2]string                               // above those of the rows
	show    func(*run.Result) (text, colour string) // of a cell; default: its verdict and outcome
	widths  map[*column]int                         // of columns that were measured
	first   int                                     // widths of the labels, once measured
	second  int
}

func (t *terminal) printf(format string, args ...any) { fmt.Fprintf(t, format, args...) }

// paint colours a text, if colours are on.
func (t *terminal) paint(colour, text string) string { return Paint(t.opts.Colour, colour, text) }

// Paint colours a text if on is set; colour is an SGR parameter such as 31.
func Paint(on bool, colour, text string) string {
	if !on || colour == "" || strings.TrimSpace(text) == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// PaintVerdict gives a text the colour of a verdict.
func PaintVerdict(on bool, v run.Verdict, text string) string { return Paint(on, look(v).colour, text) }

const gap = "  "

// later indents what belongs to the line above.
const later = "    "

func (t *terminal) width() int { return cmp.Or(t.opts.Width, PlainWidth) }

// wrap fits a text to the width.
func (t *terminal) wrap(text string) string { return Wrap(text, t.width(), "", later) }

// tables prints as many tables below each other as the width demands.
func (t *terminal) tables() {
	label := t.labelWidth()
	for start := 0; start < len(t.columns); {
		end, width := start, label
		for end < len(t.columns) {
			width += len(gap) + t.columnWidth(t.columns[end])
			if end > start && t.opts.Width > 0 && width > t.opts.Width {
				break
			}
			end++
		}
		t.table(t.columns[start:end])
		start = end
	}
}

func (t *terminal) table(cols []*column) {
	first, second := t.labelWidths()
	t.line(cols, pad("", first+len(gap)+second), func(c *column) (string, string) { return c.name, bold })
	t.line(cols, pad(t.labels[0], first)+gap+pad(t.labels[1], second), func(c *column) (string, string) { return c.version, "" })
	last := ""
	for _, r := range t.rows {
		shown := r.labels[0]
		if shown == last {
			shown = ""
		}
		last = r.labels[0]
		t.line(cols, t.paint(bold, pad(shown, first))+gap+pad(r.labels[1], second), func(c *column) (string, string) { return t.cell(r.cells[c.name]) })
	}
	t.printf("\n")
}

// line prints a row: its label, then what text gives for each column, in its colour.
func (t *terminal) line(cols []*column, label string, text func(*column) (string, string)) {
	out := label
	for _, c := range cols {
		cell, colour := text(c)
		padded := pad(cell, t.columnWidth(c))
		if colour != "" {
			padded = t.paint(colour, padded)
		}
		out += gap + padded
	}
	if !t.opts.Colour {
		out = strings.TrimRight(out, " ")
	}
	t.printf("%s\n", out)
}

func (t *terminal) labelWidths() (first, second int) {
	if t.first > 0 {
		return t.first, t.second
	}
	first, second = len(t.labels[0]), len(t.labels[1])
	for _, r := range t.rows {
		first, second = max(first, len(r.labels[0])), max(second, len(r.labels[1]))
	}
	t.first, t.second = first, second
	return first, second
}

func (t *terminal) labelWidth() int {
	first, second := t.labelWidths()
	return first + len(gap) + second
}

// cell gives the text of a cell and its colour; without a result both are empty.
func (t *terminal) cell(r *run.Result) (text, colour string) {
	switch {
	case r == nil:
		return "", ""
	case t.show != nil:
		return t.show(r)
	}
	return Mark(r.Verdict) + " " + Cell(r), look(r.Verdict).colour
}

func (t *terminal) columnWidth(c *column) int {
	if w, known := t.widths[c]; known {
		return w
	}
	w := max(utf8.RuneCountInString(c.name), utf8.RuneCountInString(c.version))
	for _, r := range t.rows {
		text, _ := t.cell(r.cells[c.name])
		w = max(w, utf8.RuneCountInString(text))
	}
	if t.widths == nil {
		t.widths = map[*column]int{}
	}
	t.widths[c] = w
	return w
}

func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}

// gateways says what was judged: product, version, where it ran, image or program, profiles.
func (t *terminal) gateways() {
	name, title, place := 0, 0, 0
	for _, c := range t.columns {
		name, title = max(name, len(c.name)), max(title, utf8.RuneCountInString(product(c)))
		place = max(place, len(ran(c)[0].Place))
	}
	for _, c := range t.columns {
		var images, profiles []string
		parts := ran(c)
		for _, p := range parts {
			profiles = append(profiles, p.Profile)
			if p.Image != "" && p.Image != string(p.Place) && !slices.Contains(images, p.Image) {
				images = append(images, p.Image)
			}
		}
		label := pad(c.name, name) + gap + pad(product(c), title) + gap + pad(string(parts[0].Place), place) + gap
		if len(images) == 0 {
			label = strings.TrimRight(label, " ") + " "
		}
		what := strings.Join(images, " and ") + " (" + strings.Join(profiles, ", ") + ")"
		t.printf("%s\n", Wrap(what, t.width(), label, later))
	}
	t.printf("\n")
}

// ran gives the parts of a gateway that were started somewhere, all if none was.
func ran(c *column) []run.Gateway {
	started := slices.DeleteFunc(slices.Clone(c.parts), func(g run.Gateway) bool { return g.Place == "" })
	if len(started) == 0 {
		return c.parts
	}
	return started
}

func product(c *column) string { return strings.TrimRight(c.parts[0].Title+" "+c.version, " ") }

// summary ends the report: the counts, and in the last line the time and what it is held to.
func (t *terminal) summary() {
	var counts []string
	for _, v := range run.Verdicts() {
		if n := t.report.Count(v); n > 0 {
			counts = append(counts, t.paint(look(v).colour, fmt.Sprintf("%s %d %s", Mark(v), n, v)))
		}
	}
	took := Timing(t.report.Timing, t.opts.Whole)
	if t.opts.Width > 0 {
		took = t.wrap(took)
	}
	t.printf("%s: %s\n%s\n", cells(len(t.report.Results)), strings.Join(counts, ", "), took)
}

func cells(n int) string {
	if n == 1 {
		return "1 cell"
	}
	return fmt.Sprintf("%d cells", n)
}

// Timing says how long a run took and where the time went; a whole run is held to its bar. Getting images is not counted.
func Timing(t run.Timing, whole bool) string {
	text := took(t)
	parts := fmt.Sprintf("longest parallel cell %s, slowest start %s, traffic %s, exclusive cells %s",
		seconds(t.LongestCell), seconds(t.SlowestStart), seconds(t.Traffic), seconds(t.Exclusive))
	if !whole {
		return text + ": " + parts
	}
	verdict := "within"
	if !t.WithinBar() {
		verdict = "over"
	}
	return fmt.Sprintf("%s, %s the bar of %s = 1.25 x (longest parallel cell %s + slowest start %s) + traffic %s + exclusive cells %s",
		text, verdict, seconds(t.Bar()), seconds(t.LongestCell), seconds(t.SlowestStart), seconds(t.Traffic), seconds(t.Exclusive))
}

// took tells the whole time, and what of it says nothing about the run.
func took(t run.Timing) string {
	var of []string
	if t.Images >= time.Second {
		of = append(of, seconds(t.Images)+" of it for getting images, not counted")
	}
	if t.Busy > t.Total/2 {
		of = append(of, "the machine was busy for "+seconds(t.Busy))
	}
	if len(of) == 0 {
		return "took " + seconds(t.Total)
	}
	return fmt.Sprintf("took %s (%s)", seconds(t.Total), strings.Join(of, "; "))
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
