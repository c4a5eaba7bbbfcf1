package diagnose

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/gatefault/gatefault/suites/report"
)

// TextOptions say how a report is shown to people.
type TextOptions struct {
	Width  int // columns; 0: [report.PlainWidth]
	Groups int // at most so many are shown in full; 0: all
}

// text writes a report.
type text struct {
	w     io.Writer
	width int
	err   error
}

func (t *text) printf(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, format, args...)
	}
}

// labelled prints a paragraph behind a label.
func (t *text) labelled(label, paragraph string) {
	t.printf("%s\n", report.Wrap(report.Printable(paragraph), t.width, fmt.Sprintf("   %-10s", label), strings.Repeat(" ", 13)))
}

// raw prints a line of a log as it is, but for what a terminal would obey.
func (t *text) raw(label, line string) {
	t.printf("   %-10s%s\n", label, report.Printable(line))
}

// Text writes a report for people.
func Text(w io.Writer, r *Report, o TextOptions) error {
	t := &text{w: w, width: o.Width}
	if t.width == 0 {
		t.width = report.PlainWidth
	}
	t.head(r)
	for n, g := range r.Groups {
		if o.Groups > 0 && n == o.Groups {
			t.printf("\n%d more groups; --groups 0 shows all\n", len(r.Groups)-n)
			break
		}
		t.group(n+1, g, r)
	}
	t.unknown(r.Unknown)
	t.harmless(r.Harmless)
	return t.err
}

func (t *text) head(r *Report) {
	var names []string
	for _, s := range r.Sources {
		name := s.Name
		switch {
		case s.Error != "":
			name += " (its end could not be read: " + s.Error + ")"
		case s.Readable == 0 && s.Lines > 0:
			name += " (in no form of " + r.Gateway + ")"
		}
		names = append(names, name)
	}
	t.printf("%s\n", report.Wrap(fmt.Sprintf("%s %s %s, %s", r.Gateway, r.Version, count(r.Lines, "line"), strings.Join(names, ", ")), t.width, "", "  "))
	if r.From != "" {
		t.printf("%s to %s\n", r.From, r.To)
	}
	failures := r.Further
	for _, g := range r.Groups {
		failures += g.Incidents
	}
	line := fmt.Sprintf("%s in %s", count(failures, "failure"), count(len(r.Groups), "group"))
	if r.Further > 0 {
		line += fmt.Sprintf(" and %d beyond the %d groups that are kept", r.Further, maxGroups)
	}
	t.printf("%s; %s of no failure; %s not known\n", line, count(r.Ordinary, "line"), count(r.Unknown.Lines+r.Unknown.Foreign, "line"))
}

// count writes a number with the word for it.
func count(n int, word string) string {
	if n != 1 {
		word += "s"
	}
	return fmt.Sprintf("%d %s", n, word)
}

func (t *text) group(n int, g Group, r *Report) {
	head := fmt.Sprintf("%d. %s", n, count(g.Incidents, "failure"))
	if g.Status > 0 {
		head += fmt.Sprintf(", status %d", g.Status)
	}
	t.printf("\n%s\n", head)
	t.raw("sign", Readable(g.Sign))
	if g.First != "" {
		t.labelled("when", g.First+" to "+g.Last)
	}
	if len(g.Over) > 1 {
		t.raw("", sparkline(g.Over)+fmt.Sprintf("  (%s of %s)", count(len(g.Over), "piece"), count(int(r.Width), "second")))
	}
	for i, line := range g.Evidence {
		label := ""
		if i == 0 {
			label = "lines"
		}
		t.raw(label, line)
	}
	if len(g.Causes) == 0 {
		t.labelled("causes", "none is known that looks like this")
		return
	}
	for i, c := range g.Causes {
		label := ""
		if i == 0 {
			label = "causes"
		}
		best := c.Scenarios[0]
		t.labelled(label, fmt.Sprintf("%s %s: %s (%s)%s", percent(c.Share), c.Cause, best.Title, best.ID, others(c)))
		if len(g.Causes) > 1 {
			t.printf("%s\n", report.Wrap("look: "+best.Next, t.width, strings.Repeat(" ", 15), strings.Repeat(" ", 21)))
		}
	}
	t.runbook(g.Causes[0].Scenarios[0])
}

func percent(share float64) string {
	if share < 0.01 {
		return "< 1 %"
	}
	return fmt.Sprintf("%.0f %%", share*100)
}

// others names further scenarios of a cause.
func others(c Cause) string {
	if len(c.Scenarios) < 2 {
		return ""
	}
	var ids []string
	for _, s := range c.Scenarios[1:] {
		ids = append(ids, s.ID)
	}
	out := "; or " + strings.Join(ids, ", ")
	if c.More > 0 {
		out += fmt.Sprintf(" and %d more", c.More)
	}
	return out
}

// runbook prints what to do about the most probable candidate.
func (t *text) runbook(c Candidate) {
	for i, check := range c.Operator.Checks {
		t.labelled(fmt.Sprintf("check %d", i+1), check)
	}
	t.labelled("fix", c.Operator.Fix)
	t.labelled("prevent", c.Operator.Prevention)
	t.raw("reproduce", c.Reproduce)
}

func (t *text) unknown(u Unknown) {
	if u.Lines+u.Foreign == 0 {
		return
	}
	t.printf("\nNot known: %s of errors, %s in no form of this product\n", count(u.Lines, "line"), count(u.Foreign, "line"))
	t.kinds(u.Kinds)
}

func (t *text) harmless(kinds []Kind) {
	if len(kinds) == 0 {
		return
	}
	t.printf("\nNo failures of the upstream:\n")
	t.kinds(kinds)
}

// shownKinds bounds the kinds of lines that people are shown.
const shownKinds = 10

func (t *text) kinds(kinds []Kind) {
	for _, k := range kinds[:min(len(kinds), shownKinds)] {
		t.labelled(fmt.Sprintf("%d x", k.Lines), k.Why)
		t.raw("", k.Sample[0])
	}
	if len(kinds) > shownKinds {
		t.printf("   and %d more kinds\n", len(kinds)-shownKinds)
	}
}

// sparkline draws counts.
func sparkline(over []Bucket) string {
	most := 0
	for _, b := range over {
		most = max(most, b.Count)
	}
	levels := []rune("▁▂▃▄▅▆▇█")
	var out strings.Builder
	for _, b := range over {
		if b.Count == 0 {
			out.WriteByte(' ')
			continue
		}
		out.WriteRune(levels[(b.Count*len(levels)-1)/most])
	}
	return out.String()
}

// Readable writes a pattern as people would: without what only regular expressions need.
func Readable(pattern string) string {
	var out []rune
	escaped := false
	for _, r := range pattern {
		if r == '\\' && !escaped {
			escaped = true
			continue
		}
		if escaped && !slices.Contains([]rune(`()[]{}.*+?|"/-`), r) {
			out = append(out, '\\')
		}
		out, escaped = append(out, r), false
	}
	return string(out)
}

// Line tells a group in one line, for following.
func Line(g Group, more int) string {
	cause, id := "not known", ""
	if len(g.Causes) > 0 {
		cause, id = string(g.Causes[0].Cause), ": "+g.Causes[0].Scenarios[0].Title+" ("+g.Causes[0].Scenarios[0].ID+")"
		if len(g.Causes) > 1 {
			cause = percent(g.Causes[0].Share) + " " + cause
		}
	}
	status := ""
	if g.Status > 0 {
		status = fmt.Sprintf(" status %d", g.Status)
	}
	return fmt.Sprintf("%s +%d (%d)%s %s%s", g.Last, more, g.Incidents, status, cause, id)
}
