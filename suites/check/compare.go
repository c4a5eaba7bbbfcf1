package check

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatefault/gatefault/suites/run"
)

// Changes are the differences between two reports: of two configurations, two versions of a product, or two days.
type Changes struct {
	Old, New Subject
	Findings []FindingChange
	Cells    []CellChange
	Same     int // cells that are as before
}

// ChangeKind says how something changed.
type ChangeKind string

// Kinds of changes.
const (
	Appeared ChangeKind = "new"
	Gone     ChangeKind = "gone"
	Changed  ChangeKind = "changed"
)

// FindingChange is a finding that appeared, is gone, or is more or less than it was.
type FindingChange struct {
	Kind ChangeKind
	Finding
	Product bool   // it is of the product: see [Report.Product]
	What    string // of one that changed, in words
}

// CellChange is a cell that appeared, is gone, or behaves differently.
type CellChange struct {
	Kind     ChangeKind
	Old, New *Cell    // nil when it appeared or is gone
	What     []string // of one that changed, in words, what matters most first
}

// Route and Scenario say which cell it is.
func (c CellChange) Route() string    { return c.Either().Route }
func (c CellChange) Scenario() string { return c.Either().ID }

// Either is the cell as it is now or, if it is gone, as it was.
func (c CellChange) Either() *Cell {
	if c.New != nil {
		return c.New
	}
	return c.Old
}

// None tells whether nothing changed.
func (c *Changes) None() bool { return len(c.Findings)+len(c.Cells) == 0 }

// Compare tells what changed between two reports.
func Compare(before, now *Report) *Changes {
	c := &Changes{Old: before.Subject, New: now.Subject}
	c.findings(before.Findings, now.Findings, false)
	c.findings(before.Product, now.Product, true)
	c.cells(before.Cells, now.Cells)
	return c
}

func (c *Changes) findings(before, now []Finding, product bool) {
	for _, f := range now {
		old := first(before, sameFinding(f))
		if old == nil {
			c.Findings = append(c.Findings, FindingChange{Appeared, f, product, ""})
		} else if what := findingChange(*old, f); what != "" {
			c.Findings = append(c.Findings, FindingChange{Changed, f, product, what})
		}
	}
	for _, f := range before {
		if first(now, sameFinding(f)) == nil {
			c.Findings = append(c.Findings, FindingChange{Gone, f, product, ""})
		}
	}
}

func first[T any](all []T, fits func(T) bool) *T {
	if i := slices.IndexFunc(all, fits); i >= 0 {
		return &all[i]
	}
	return nil
}

func sameFinding(f Finding) func(Finding) bool {
	return func(other Finding) bool { return other.ID == f.ID && other.Route == f.Route }
}

// findingChange tells how a finding differs from what it was; empty when it does not.
func findingChange(old, now Finding) string {
	var what []string
	if old.Severity != now.Severity {
		what = append(what, arrow(string(old.Severity), string(now.Severity)))
	}
	if (old.Ignored != nil) != (now.Ignored != nil) {
		what = append(what, map[bool]string{true: "ignored now", false: "no longer ignored"}[now.Ignored != nil])
	}
	if more := without(now.Scenarios(), old.Scenarios()); len(more) > 0 {
		what = append(what, "also in "+strings.Join(more, ", "))
	}
	if less := without(old.Scenarios(), now.Scenarios()); len(less) > 0 {
		what = append(what, "no longer in "+strings.Join(less, ", "))
	}
	return strings.Join(what, "; ")
}

func without(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(some, s) })
}

func arrow(old, now string) string { return old + " -> " + now }

func (c *Changes) cells(before, now []Cell) {
	for i := range now {
		old := first(before, sameCell(now[i]))
		if old == nil {
			c.Cells = append(c.Cells, CellChange{Kind: Appeared, New: &now[i]})
		} else if what := cellChange(*old, now[i]); len(what) > 0 {
			c.Cells = append(c.Cells, CellChange{Kind: Changed, Old: old, New: &now[i], What: what})
		} else {
			c.Same++
		}
	}
	for i := range before {
		if first(now, sameCell(before[i])) == nil {
			c.Cells = append(c.Cells, CellChange{Kind: Gone, Old: &before[i]})
		}
	}
}

func sameCell(c Cell) func(Cell) bool {
	return func(other Cell) bool { return other.Route == c.Route && other.ID == c.ID }
}

// cellChange lists how a cell differs from what it was. Where one has no verdict, only that is told.
func cellChange(old, now Cell) (what []string) {
	add := func(changed bool, label, before, after string) {
		if changed {
			what = append(what, strings.TrimSpace(label+" "+arrow(before, after)))
		}
	}
	add(old.Status != now.Status, "", string(old.Status), string(now.Status))
	if old.Status == Skipped || now.Status == Skipped {
		add(old.Verdict != now.Verdict && old.Status == now.Status, "", string(old.Verdict), string(now.Verdict))
		return what
	}
	if old.Traffic != nil || now.Traffic != nil {
		return what // shares of outcomes differ from run to run; the status says whether they are as expected
	}
	add(old.Observed != now.Observed, "", old.Observed.String(), now.Observed.String())
	add(old.Verdict != now.Verdict && old.Status == now.Status, "", string(old.Verdict), string(now.Verdict))
	add(!old.Uncounted && !now.Uncounted && old.Attempts != now.Attempts, "tries", fmt.Sprint(old.Attempts), fmt.Sprint(now.Attempts))
	add(differ(old.Total, now.Total, leastTime), "time", seconds(old.Total), seconds(now.Total))
	add(!old.Lasting && !now.Lasting && old.Watched == 0 && now.Watched == 0 && recoversDifferently(old.Recovery, now.Recovery), "recovery", recovery(old.Recovery), recovery(now.Recovery))
	return what
}

// Smaller differences of times are a busy machine's: those below the least, and of less than twice the time unless they are
// large.
const (
	leastTime     = time.Second
	leastRecovery = 2 * time.Second
	large         = 10 * time.Second
)

func differ(a, b, least time.Duration) bool {
	d := (a - b).Abs()
	return d >= least && (d >= large || max(a, b) >= 2*min(a, b))
}

func recoversDifferently(a, b *time.Duration) bool {
	if a == nil || b == nil {
		return (a == nil) != (b == nil)
	}
	return differ(*a, *b, leastRecovery)
}

func recovery(d *time.Duration) string {
	if d == nil {
		return "never"
	}
	return seconds(*d)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// OfRun puts a run into the form of a check, to be compared: each gateway is a route, and what is as expected is ok.
func OfRun(r *run.Report) *Report {
	out := &Report{Started: r.Started, Timing: r.Timing, Run: r}
	for _, res := range r.Results {
		own := *res
		own.Route = res.Gateway.Name
		if res.Compared() {
			own.Route += " " + res.Gateway.Profile + " " + res.Method
		}
		if !slices.Contains(out.Subject.Routes, own.Route) {
			out.Subject.Routes = append(out.Subject.Routes, own.Route)
		}
		out.Cells = append(out.Cells, Cell{Result: &own, Status: statusOf(res.Verdict), Why: res.Reason})
	}
	return out
}

func statusOf(v run.Verdict) Status {
	switch v {
	case run.Standard, run.Deviates, run.Observed:
		return OK
	case run.Drifted:
		return Failed
	}
	return Skipped
}
