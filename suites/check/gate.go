package check

import (
	"cmp"
	"slices"
)

// Severities lists the severities, worst first.
func Severities() []Severity { return []Severity{SevereError, Warning, Note} }

// Gate decides what fails a check.
type Gate struct {
	// FailOn is the mildest severity that fails; default: [Warning].
	FailOn Severity
	// Before is an earlier report, if set: what it tells already does not fail.
	Before *Report
}

// Counts tells whether a finding fails the check.
func (g Gate) Counts(f Finding) bool {
	return f.Ignored == nil && rank(f.Severity) <= rank(cmp.Or(g.FailOn, Warning)) && !g.Knew(f)
}

// Knew tells whether the earlier report has the finding, as severe, not ignored and in the same scenarios.
func (g Gate) Knew(f Finding) bool {
	if g.Before == nil {
		return false
	}
	return slices.ContainsFunc(g.Before.Findings, func(old Finding) bool {
		return old.ID == f.ID && old.Route == f.Route && old.Ignored == nil && rank(old.Severity) <= rank(f.Severity) && covers(old, f)
	})
}

// covers tells whether a finding shows wherever another does.
func covers(old, f Finding) bool {
	before := old.Scenarios()
	return !slices.ContainsFunc(f.Scenarios(), func(id string) bool { return !slices.Contains(before, id) })
}

// Fails tells whether a cell fails the check: by a finding that counts, by what the policy wants of it, or by an outcome that is
// wrong in another way than before. Times alone fail nothing: findings tell of those that cross the policy's limits.
func (g Gate) Fails(r *Report, c Cell) bool {
	if c.Status == Skipped {
		return false
	}
	told, other := false, false
	for _, f := range r.Findings {
		if f.Route != c.Route || !slices.Contains(c.Findings, f.ID) || !slices.Contains(f.Scenarios(), c.ID) {
			continue
		}
		if g.Counts(f) {
			return true
		}
		told = true
		other = other || f.Ignored == nil && rank(f.Severity) <= rank(cmp.Or(g.FailOn, Warning)) && ofWrongOutcome(f.ID)
	}
	return c.Status == Failed && (!told || other) && !g.failedBefore(c)
}

// Otherwise lists the cells that fail though all of their findings are as before: the client gets another wrong answer.
func (g Gate) Otherwise(r *Report) (out []Cell) {
	for _, c := range r.Cells {
		counts := slices.ContainsFunc(r.Findings, func(f Finding) bool {
			return f.Route == c.Route && slices.Contains(f.Scenarios(), c.ID) && slices.Contains(c.Findings, f.ID) && g.Counts(f)
		})
		if g.Before != nil && len(c.Findings) > 0 && !counts && g.Fails(r, c) {
			out = append(out, c)
		}
	}
	return out
}

// ofWrongOutcome tells whether a finding is about which answer the client gets, and not about when.
func ofWrongOutcome(id string) bool {
	return id != SlowAnswer && id != NeverAnswers && ofOutcome(id) || slices.Contains([]string{UnexpectedAnswer, NotStandard, NotAsExpected}, id)
}

// failedBefore tells whether the earlier report has the cell as failed, too.
func (g Gate) failedBefore(c Cell) bool {
	return g.Before != nil && slices.ContainsFunc(g.Before.Cells, func(old Cell) bool {
		return old.Route == c.Route && old.ID == c.ID && old.Status == Failed && old.Observed == c.Observed
	})
}

// Passes tells whether nothing fails the check.
func (g Gate) Passes(r *Report) bool {
	return !slices.ContainsFunc(r.Findings, g.Counts) && !slices.ContainsFunc(r.Cells, func(c Cell) bool { return g.Fails(r, c) })
}

// Scenarios lists where a finding shows, the best first.
func (f Finding) Scenarios() []string { return append([]string{f.Scenario}, f.More...) }

func rank(s Severity) int { return slices.Index(Severities(), s) }
