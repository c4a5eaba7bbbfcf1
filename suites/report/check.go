package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/gatefault/gatefault/suites/check"
	"github.com/gatefault/gatefault/suites/run"
)

// CheckOptions say how the report of a check looks.
type CheckOptions struct {
	// Width and Colour are as in [TerminalOptions].
	Width  int
	Colour bool
	// Gate decides what fails.
	Gate check.Gate
	// Whole says that every scenario that fits was to run: only such a check is held to its bar.
	Whole bool
}

// Check writes a check for people: what was checked, the findings, worst first, a table of the cells of each route, and
// sums.
func Check(w io.Writer, r *check.Report, o CheckOptions) error {
	c := &checked{terminal: terminal{Writer: bufio.NewWriter(w), report: &run.Report{Results: results(r)},
		opts: TerminalOptions{Width: o.Width, Colour: o.Colour}}, Report: r, CheckOptions: o}
	c.subject()
	c.findings()
	c.notes()
	for _, route := range r.Subject.Routes {
		c.route(route)
	}
	c.legend()
	c.noVerdict()
	c.sums()
	return c.Flush()
}

// checked is the report of a check on its way to a terminal.
type checked struct {
	terminal
	*check.Report
	CheckOptions
}

func results(r *check.Report) (out []*run.Result) {
	for _, c := range r.Cells {
		out = append(out, c.Result)
	}
	return out
}

// subject says what was checked and what stood in for files that were not brought.
func (c *checked) subject() {
	s := c.Subject
	c.printf("%s\n", c.terminal.wrap(c.paint(bold, Printable(strings.TrimSpace(s.Gateway.Title+" "+s.Gateway.Version)))+", "+Printable(where(s))))
	if len(s.Stands) > 0 {
		c.bullets("Made up, because it was not brought:", s.Stands)
	}
	c.printf("\n")
}

func (c *checked) bullets(heading string, sentences []string) {
	c.printf("%s\n", heading)
	for _, text := range sentences {
		c.printf("%s\n", Wrap(Printable(text), c.terminal.width(), "  - ", later))
	}
}

// where says how the gateway came to run, and which ways through it were checked.
func where(s check.Subject) string {
	var words []string
	switch {
	case s.Target != "":
		words = append(words, "running at "+s.Target)
	default:
		words = append(words, s.Config)
		if s.Gateway.Place != "" {
			words = append(words, strings.TrimSpace(string(s.Gateway.Place)+" "+s.Gateway.Image))
		}
	}
	return strings.Join(append(words, plural("route", len(s.Routes))+" "+strings.Join(s.Routes, ", ")), ", ")
}

func plural(word string, n int) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

// findings tells those that are new or all that there is, worst first; in one line those of before, the ignored ones and
// those of the product.
func (c *checked) findings() {
	var others []func()
	for _, f := range WorstFirst(c.Findings) {
		switch {
		case f.Ignored != nil:
			others = append(others, func() { c.brief(f, "ignored", fmt.Sprintf(" until %s: %s", f.Ignored.Until, f.Ignored.Reason)) })
		case c.Gate.Knew(f):
			others = append(others, func() { c.brief(f, "as before", ": "+f.Title) })
		default:
			c.finding(f)
		}
	}
	for _, f := range c.Product {
		others = append(others, func() { c.brief(f, "product", fmt.Sprintf(" in %s: %s", strings.Join(f.Scenarios(), ", "), f.Title)) })
	}
	for _, tell := range others {
		tell()
	}
	if len(c.Product) > 0 {
		c.printf("%s\n", c.terminal.wrap(ofProduct))
	}
	if len(others) > 0 {
		c.printf("\n")
	}
}

// ofProduct explains findings that are not the configuration's.
const ofProduct = "What is of the product, this version does in every configuration. It counts where the policy's default is standard."

// notes tells what the user might not expect.
func (c *checked) notes() {
	if len(c.Notes) > 0 {
		c.bullets("To know:", c.Notes)
		c.printf("\n")
	}
}

// WorstFirst orders findings by severity, ignored ones last, and else leaves them in their order.
func WorstFirst(findings []check.Finding) []check.Finding {
	order := func(f check.Finding) int {
		if f.Ignored != nil {
			return len(check.Severities())
		}
		return slices.Index(check.Severities(), f.Severity)
	}
	return slices.SortedStableFunc(slices.Values(findings), func(a, b check.Finding) int { return cmp.Compare(order(a), order(b)) })
}

// brief tells a finding in one line.
func (c *checked) brief(f check.Finding, word, text string) {
	head := fmt.Sprintf("%s %s %s", word, f.Severity, f.ID)
	line := Wrap(Printable(fmt.Sprintf("on %s%s", f.Route, text)), c.terminal.width(), head+" ", later)
	c.printf("%s%s\n", c.paint(grey, head), strings.TrimPrefix(line, head))
}

// finding tells one: what was seen, with evidence, why it matters, how to mend it, and how to see it again.
func (c *checked) finding(f check.Finding) {
	head := string(f.Severity) + " " + f.ID
	line := Wrap(Printable(fmt.Sprintf("on %s%s: %s", f.Route, at(f, " (", ")"), f.Title)), c.terminal.width(), head+" ", later)
	c.printf("%s%s\n", c.paint(severityColour(f.Severity), head), strings.TrimPrefix(line, head))
	c.field("seen", f.Seen)
	if len(f.More) > 0 {
		c.field("also in", strings.Join(f.More, ", "))
	}
	c.evidence(f.Evidence)
	c.field("why", f.Why)
	c.field("fix", f.Fix)
	c.lines("example", f.Example)
	c.field("manual", f.Manual)
	c.field("source", f.Cite)
	if f.Reproduce != "" {
		c.printf("%s%s\n", fieldLabel("reproduce"), printableLine(f.Reproduce)) // not wrapped: it is to be copied
	}
	c.printf("\n")
}

// at is the finding's place in the configuration between two texts, or nothing.
func at(f check.Finding, before, after string) string {
	if f.At == nil {
		return ""
	}
	return before + f.At.String() + after
}

func severityColour(s check.Severity) string {
	switch s {
	case check.SevereError:
		return red
	case check.Warning:
		return yellow
	}
	return bold
}

// field tells a labelled text, unless there is none.
func (c *checked) field(label, text string) {
	if text != "" {
		c.printf("%s\n", Wrap(Printable(text), c.terminal.width(), fieldLabel(label), fieldLabel("")))
	}
}

// lines tells a labelled text as it is, because it is to be copied.
func (c *checked) lines(label, text string) {
	if text == "" {
		return
	}
	for line := range strings.SplitSeq(strings.TrimRight(Printable(text), "\n"), "\n") {
		c.printf("%s\n", strings.TrimRight(fieldLabel(label)+line, " "))
		label = ""
	}
}

// fieldLabel indents a finding's texts to one column.
func fieldLabel(label string) string { return "  " + pad(label, len("reproduce")) + gap }

// Evidence is shown in part: a report is read by people, and the JSON report has all of it.
const evidenceLines, evidenceLength = 6, 160

func (c *checked) evidence(all []check.Evidence) {
	for _, e := range all {
		label := fieldLabel(e.Kind)
		for _, line := range Quote(e.Text, evidenceLines, evidenceLength) {
			c.printf("%s%s\n", label, line)
			label = fieldLabel("")
		}
	}
}
