// Package report shows the results of a run: as a table for people, as JSON and as JUnit XML for machines.
package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/run"
)

// Mark is the sign of a verdict in a table; it says the same without colour.
func Mark(v run.Verdict) string { return look(v).mark }

// appearance is how a verdict looks in a table and what the legend says of it.
type appearance struct{ mark, colour, meaning string }

func look(v run.Verdict) appearance {
	switch v {
	case run.Standard:
		return appearance{"✓", green, "as the standards ask"}
	case run.Deviates:
		return appearance{"~", yellow, "deviates, as this version is known to"}
	case run.Drifted:
		return appearance{"✗", red, "drifted: neither the standard nor known"}
	case run.NotInjected:
		return appearance{"?", magenta, "not injected: nothing proves that the fault fired"}
	case run.Observed:
		return appearance{"·", grey, "observed: nothing was expected"}
	case run.Unsupported:
		return appearance{"-", grey, "unsupported here"}
	}
	return appearance{"!", red, "error of the harness"}
}

// Short is an outcome as a table shows it: 502 (made by the gateway), 503^ (passed through), 200 cut, 200 SILENT,
// 200 STRAY, 200 FOREIGN, 200 stored, closed, reset, raw, hang, 200 hang.
func Short(o scenarios.Outcome) string {
	switch o.Kind {
	case scenarios.Made:
		return fmt.Sprint(o.Status)
	case scenarios.Passed:
		return fmt.Sprintf("%d^", o.Status)
	case scenarios.Truncated:
		return fmt.Sprintf("%d cut", o.Status)
	case scenarios.Silent:
		return fmt.Sprintf("%d SILENT", o.Status)
	case scenarios.Stray:
		return fmt.Sprintf("%d STRAY", o.Status)
	case scenarios.Foreign:
		return fmt.Sprintf("%d FOREIGN", o.Status)
	}
	return o.String()
}

// NotFinished begins the reason of a cell that the end of the run cut off; what ended the run follows. The verdict of such
// a cell is [run.Error].
const NotFinished = "not finished: "

// Word is the verdict in one word; a cell that the end of the run cut off is unfinished.
func Word(r *run.Result) string {
	if unfinished(r) {
		return "unfinished"
	}
	return string(r.Verdict)
}

func unfinished(r *run.Result) bool {
	return r.Verdict == run.Error && strings.HasPrefix(r.Reason, NotFinished)
}

// Cell is a result as a table shows it, the mark left out.
func Cell(r *run.Result) string {
	switch r.Verdict {
	case run.Unsupported:
		return "unsupported"
	case run.NotInjected:
		return "not injected"
	case run.Error:
		return Word(r)
	}
	switch {
	case r.Traffic != nil:
		return failedShort(r)
	case r.Attempts > 1:
		return fmt.Sprintf("%s x%d", Short(r.Observed)+tier(r), r.Attempts)
	}
	return Short(r.Observed) + tier(r)
}

// tier tells, in a chain, which of the two gateways made the answer.
func tier(r *run.Result) string {
	switch {
	case len(r.Tap) == 0:
		return ""
	case r.By == scenarios.ByEdge:
		return " edge"
	case r.By == scenarios.ByGateway:
		return " inner"
	}
	return ""
}

// Repeat gives the command that runs these cells alone; there is at least one.
type Repeat func(...*run.Result) string

// or gives the plain command if nothing else is said.
func (f Repeat) or() Repeat {
	if f != nil {
		return f
	}
	return func(cells ...*run.Result) string {
		return fmt.Sprintf("gatefault run -g %s -s %s", strings.Join(Gateways(cells), ","), strings.Join(IDs(cells), ","))
	}
}

// Name says which of its gateway's cells a result is.
func Name(r *run.Result) string {
	if !r.Compared() {
		return r.ID
	}
	return fmt.Sprintf("%s %s %s", r.ID, r.Gateway.Profile, r.Method)
}

// Gateways names the gateways of cells, each once.
func Gateways(cells []*run.Result) []string {
	return distinct(cells, func(r *run.Result) string { return r.Gateway.Name })
}

// IDs names the scenarios of cells, each once.
func IDs(cells []*run.Result) []string {
	return distinct(cells, func(r *run.Result) string { return r.ID })
}

func distinct(cells []*run.Result, name func(*run.Result) string) []string {
	var out []string
	for _, r := range cells {
		if n := name(r); !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// column is one gateway of the table, whatever its profiles.
type column struct {
	name, version string
	parts         []run.Gateway // one a profile
}

// columns gathers the gateways in the order of the report.
func columns(r *run.Report) []*column {
	var out []*column
	for _, g := range r.Gateways {
		i := slices.IndexFunc(out, func(c *column) bool { return c.name == g.Name })
		if i < 0 {
			i = len(out)
			out = append(out, &column{name: g.Name})
		}
		out[i].parts = append(out[i].parts, g)
		if out[i].version == "" {
			out[i].version = g.Version
		}
	}
	return out
}

// row is one scenario with its result by column.
type row struct {
	labels [2]string
	cells  map[string]*run.Result
}

// rows gathers the results, which a report has sorted by cause and scenario.
func rows(r *run.Report) []*row {
	var out []*row
	known := map[string]*row{}
	for _, res := range r.Results {
		w := known[res.ID]
		if w == nil {
			w = &row{[2]string{string(res.Cause), res.ID}, map[string]*run.Result{}}
			known[res.ID], out = w, append(out, w)
		}
		w.cells[res.Gateway.Name] = res
	}
	return out
}
