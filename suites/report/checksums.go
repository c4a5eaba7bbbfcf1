package report

import (
	"fmt"
	"strings"

	"github.com/gatefault/gatefault/suites/check"
)

// sums ends the report: findings, cells, and in the last line the time and what it is held to.
func (c *checked) sums() {
	c.printf("%s\n%s\n", FindingsLine(c.Report, c.Gate), cellsLine(c.Report, c.paint))
	took := CheckTiming(c.Report, c.Whole)
	if c.CheckOptions.Width > 0 {
		took = c.terminal.wrap(took)
	}
	c.printf("%s\n", took)
}

// FindingsLine counts the findings by severity, and those that do not count.
func FindingsLine(r *check.Report, gate check.Gate) string {
	counts, ignored, known, failing := map[check.Severity]int{}, 0, 0, 0
	for _, f := range r.Findings {
		switch {
		case f.Ignored != nil:
			ignored++
			continue
		case gate.Knew(f):
			known++
			continue
		case gate.Counts(f):
			failing++
		}
		counts[f.Severity]++
	}
	var words []string
	for _, s := range check.Severities() {
		if counts[s] > 0 {
			words = append(words, counted(counts[s], string(s)))
		}
	}
	text := "no findings"
	if len(words) > 0 {
		text = "findings: " + strings.Join(words, ", ")
	}
	if gate.Before != nil {
		text = strings.Replace(text, "findings", "new findings", 1) + fmt.Sprintf("; %d as before", known)
	}
	for _, c := range gate.Otherwise(r) {
		text += fmt.Sprintf("; %s fails otherwise than before (%s)", c.ID, c.Observed)
	}
	if ignored > 0 {
		text += fmt.Sprintf("; %d ignored", ignored)
	}
	if n := len(r.Product); n > 0 {
		text += fmt.Sprintf("; %d of the product", n)
	}
	if len(words) > 0 && failing == 0 && len(gate.Otherwise(r)) == 0 {
		text += "; none of them fails the check"
	}
	return text
}

// cellsLine counts the cells by status, each count in the status's colour.
func cellsLine(r *check.Report, paint func(colour, text string) string) string {
	var counts []string
	colours := map[check.Status]string{check.OK: green, check.Failed: red, check.Ignored: grey, check.Skipped: magenta}
	for _, s := range []check.Status{check.OK, check.Failed, check.Ignored, check.Skipped} {
		n, colour := 0, colours[s]
		for _, cell := range r.Cells {
			if cell.Status == s {
				n++
			}
		}
		if n > 0 {
			counts = append(counts, paint(colour, fmt.Sprintf("%d %s", n, s)))
		}
	}
	return strings.TrimRight(cells(len(r.Cells))+": "+strings.Join(counts, ", "), ": ")
}

// CheckTiming says how long a check took; a whole one is held to its bar. Getting images is not counted.
func CheckTiming(r *check.Report, whole bool) string {
	text := took(r.Timing)
	if !whole || r.Bar() == 0 {
		return text
	}
	verdict := "within"
	if r.Timing.Total-r.Timing.Images > r.Bar() {
		verdict = "over"
	}
	return fmt.Sprintf("%s, %s the bar of %s = longest chain of timeouts in the configuration %s + %s", text, verdict,
		seconds(r.Bar()), seconds(r.Longest), seconds(check.Slack))
}
