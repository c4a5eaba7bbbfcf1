package run

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"

	"github.com/gatefault/gatefault/scenarios"
)

// Confusion is a sign that fits the log of another cause, though its scenario does not say so, or does not although it
// says so.
type Confusion struct {
	Scenario, Gateway string
	Cause             scenarios.Cause // the other one
	Pattern           string
	Line              string // of the other one's log; empty: none fits
	Other             string // scenario that the line belongs to
}

func (c Confusion) String() string {
	if c.Line == "" {
		return fmt.Sprintf("%s says that %s logs of %s look alike, but none did", c.Scenario, c.Gateway, c.Cause)
	}
	return fmt.Sprintf("%s: the sign %q also fits what %s logs of %s (%s): %s", c.Scenario, c.Pattern, c.Gateway, c.Other, c.Cause, c.Line)
}

// Confusions compares every scenario's signs with what its gateway logged in the cells of other causes. It says something
// only about a whole matrix.
func Confusions(results []*Result) []Confusion {
	var all []Confusion
	for _, r := range results {
		signs := r.Scenario.SignsOf(r.Gateway.Name)
		if len(signs) == 0 || r.Verdict != Standard && r.Verdict != Deviates {
			continue
		}
		seen := map[scenarios.Cause]Confusion{}
		for _, other := range results {
			if other.Gateway.Name == r.Gateway.Name && other.Cause != r.Cause {
				if found, ok := confused(r, other, signs); ok {
					seen[other.Cause] = found
				}
			}
		}
		all = append(all, r.undeclared(seen)...)
	}
	slices.SortFunc(all, func(a, b Confusion) int {
		return cmp.Or(cmp.Compare(a.Scenario, b.Scenario), cmp.Compare(a.Gateway, b.Gateway), cmp.Compare(a.Cause, b.Cause))
	})
	return all
}

// confused finds a line of the other cell's log that fits a sign of r.
func confused(r, other *Result, signs []*regexp.Regexp) (Confusion, bool) {
	for _, sign := range signs {
		if line := firstMatch(sign, other.Log); line != "" {
			return Confusion{r.ID, r.Gateway.Name, other.Cause, sign.String(), line, other.ID}, true
		}
	}
	return Confusion{}, false
}

// undeclared compares what was seen with what the scenario says is alike.
func (r *Result) undeclared(seen map[scenarios.Cause]Confusion) []Confusion {
	var all []Confusion
	declared := r.Scenario.Alike[r.Gateway.Name]
	for _, cause := range declared {
		if _, ok := seen[cause]; !ok {
			all = append(all, Confusion{Scenario: r.ID, Gateway: r.Gateway.Name, Cause: cause})
		}
	}
	for cause, found := range seen {
		if !slices.Contains(declared, cause) {
			all = append(all, found)
		}
	}
	return all
}
