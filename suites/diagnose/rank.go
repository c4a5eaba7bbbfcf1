package diagnose

import (
	"cmp"
	"slices"

	"github.com/gatefault/gatefault/scenarios"
)

// How likely it is that a log is not quite as that of the scenario was. The order of the candidates hardly depends on the
// numbers, only on which of them is smaller.
const (
	notAnswered = 0.3 // an access line that the scenario's log did not have
	otherStatus = 0.2 // clients got another status of the scenario at this gateway
)

// missing is how likely it is that a line is not there that the scenario's log had. It may be of another request. Where
// there is no error line at all, it may be that the error log was not given: then nothing follows.
func missing(told, complete bool) float64 {
	switch {
	case told:
		return 0.4
	case complete:
		return 0.05
	}
	return 1
}

// neverSeen is how likely a line is that the scenario's log did not have, by the number of causes whose logs had it.
func neverSeen(causes int) float64 {
	switch {
	case causes < 2:
		return 0.01
	case causes < 4:
		return 0.05
	}
	return 0.2
}

// scored is a scenario that may have made an incident.
type scored struct {
	*suspect
	score float64
}

// rank lists the scenarios that fit a signature, the most probable one first. complete says that error lines were read, too,
// so that a status without one tells something.
func (r *Rules) rank(s signature, complete bool) []scored {
	var all []scored
	for _, x := range r.suspects {
		score := r.score(x, s, complete)
		if score == 0 && !s.told {
			score = x.prior * r.byStatus(x, s, complete)
		}
		if score > 0 {
			all = append(all, scored{x, score})
		}
	}
	slices.SortStableFunc(all, func(a, b scored) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.ID, b.ID))
	})
	return all
}

// score weighs a scenario by what its own log had, its signs among it; 0: nothing of that is here.
func (r *Rules) score(x *suspect, s signature, complete bool) float64 {
	lines := s.events
	lines.join(s.answer)
	if !lines.meets(x.logs) || s.told && !s.events.meets(x.logs) {
		return 0
	}
	score := x.prior
	score *= r.strange(s.events.without(x.logs))
	for range s.answer.without(x.logs).each() {
		score *= notAnswered
	}
	for n := range x.logs.without(lines).each() {
		if !r.rules[n].answer && !r.rules[n].elsewhere {
			score *= missing(s.told, complete)
			break // often one line has, or lacks, several
		}
	}
	if s.status != 0 && len(x.statuses) > 0 && !x.statuses[int(s.status)] {
		score *= otherStatus
	}
	return score
}

// strange weighs lines that a scenario's log did not have: the strangest one counts, since patterns often fit together.
func (r *Rules) strange(set ruleSet) float64 {
	least := 1.0
	for n := range set.each() {
		least = min(least, neverSeen(r.rules[n].causes))
	}
	return least
}

// byStatus weighs a scenario where nothing is known but the status: any that clients get this status of. With the error
// log at hand it has to be one that the log says nothing of.
func (r *Rules) byStatus(x *suspect, s signature, complete bool) float64 {
	switch {
	case s.status < 500 || !x.statuses[int(s.status)]:
		return 0
	case !complete:
		return 1
	case slices.Contains(x.Unlogged, r.Gateway):
		return 0.5
	}
	return 0
}

// causeShare is a cause with its part of the probability.
type causeShare struct {
	cause scenarios.Cause
	share float64
	of    []scored // the scenarios of this cause, the most probable one first
}

// causes groups ranked scenarios. A cause weighs as much as its best scenario: that the catalogue has many variants of one
// does not make it more probable.
func causes(ranked []scored) []causeShare {
	var all []causeShare
	total := 0.0
	for _, x := range ranked {
		n := slices.IndexFunc(all, func(c causeShare) bool { return c.cause == x.Cause })
		if n < 0 {
			n = len(all)
			all = append(all, causeShare{cause: x.Cause, share: x.score})
			total += x.score
		}
		all[n].of = append(all[n].of, x)
	}
	for n := range all {
		all[n].share /= total
	}
	return all
}

// statuses gives what clients may get of any scenario that has one of the rules; nil: nothing is known.
func (r *Rules) statuses(set ruleSet) map[int]bool {
	var all map[int]bool
	for n := range set.each() {
		for _, x := range r.rules[n].of {
			for status := range x.statuses {
				if all == nil {
					all = map[int]bool{}
				}
				all[status] = true
			}
		}
	}
	return all
}
