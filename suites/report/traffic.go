package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/run"
)

// failedShort is the failed part of the traffic as a table shows it: 502/504 53%; what was observed when none failed.
func failedShort(r *run.Result) string {
	failed, share := r.Traffic.Failed()
	if len(failed) == 0 {
		return Short(r.Observed) + " 100%"
	}
	var words []string
	for _, o := range failed {
		words = append(words, Short(o))
	}
	return fmt.Sprintf("%s %.0f%%", strings.Join(words, "/"), share*100)
}

// TrafficTotals tells the traffic of a cell in two lines: shares and latency.
func TrafficTotals(t *run.Traffic) []string {
	l := t.Latency
	return []string{"traffic: " + t.String(), fmt.Sprintf("latency: p50 %s, p95 %s, p99 %s, longest %s",
		milliseconds(l.P50), milliseconds(l.P95), milliseconds(l.P99), milliseconds(l.Max))}
}

// TrafficSeries tells how many requests got which outcome as time went by, one line an outcome; a dot is none. With a
// fault that came or went within the traffic a line says when.
func TrafficSeries(t *run.Traffic) []string {
	total := map[string][]int{}
	for i, b := range t.Series {
		for o, n := range b.Outcomes {
			if total[Short(o)] == nil {
				total[Short(o)] = make([]int, len(t.Series))
			}
			total[Short(o)][i] += n
		}
	}
	names := slices.Sorted(maps.Keys(total))
	label, digits := len("fault"), 1
	for _, name := range names {
		label, digits = max(label, len(name)), max(digits, len(fmt.Sprint(slices.Max(total[name]))))
	}
	lines := []string{fmt.Sprintf("requests by start, %s a column:", t.Bucket)}
	for _, name := range names {
		line := pad(name, label)
		for _, n := range total[name] {
			text := "."
			if n > 0 {
				text = fmt.Sprint(n)
			}
			line += fmt.Sprintf(" %*s", digits, text)
		}
		lines = append(lines, line)
	}
	if in := inForce(t, label, digits); in != "" {
		lines = append(lines, in)
	}
	return lines
}

// inForce marks the columns in which a fault was in force that came within the traffic.
func inForce(t *run.Traffic, label, digits int) string {
	if t.Injected == 0 {
		return ""
	}
	line := pad("fault", label)
	for i := range t.Series {
		mark := " "
		if from := t.Bucket * time.Duration(i); from+t.Bucket > t.Injected && (t.Cleared == 0 || from < t.Cleared) {
			mark = "^"
		}
		line += fmt.Sprintf(" %*s", digits, mark)
	}
	return strings.TrimRight(line, " ")
}

// outcomesOf lists what a result shows of outcomes: one, or all of the traffic's.
func outcomesOf(r *run.Result) []scenarios.Outcome {
	if r.Traffic == nil {
		return []scenarios.Outcome{r.Observed}
	}
	return slices.Collect(maps.Keys(r.Traffic.Shares))
}

// fewCells is how many cells a report may have at most for each one's traffic to be shown; of more, only those that need
// attention are.
const fewCells = 10

// traffic shows the traffic of each cell of a small report.
func (t *terminal) traffic() {
	if len(t.report.Results) > fewCells {
		return
	}
	for _, r := range t.report.Results {
		if judged(r) && r.Verdict != run.Drifted && r.Traffic != nil {
			t.printf("%s %s\n", r.Gateway.Name, r.ID)
			t.flow(r)
			t.printf("\n")
		}
	}
}

// flow prints the traffic of a cell below its name.
func (t *terminal) flow(r *run.Result) {
	for _, line := range append(TrafficTotals(r.Traffic), TrafficSeries(r.Traffic)...) {
		t.printf("%s%s\n", later, line)
	}
}
