package run

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"

	"github.com/gatefault/gatefault/scenarios"
)

// Confusion is a sign that fits the log of another cause, though its scenario does not say that they are alike.
type Confusion struct {
	Scenario, Gateway string
	Cause             scenarios.Cause // the other one
	Pattern           string
	Line              string // of the other one's log
	Other             string // scenario that the line belongs to
}

func (c Confusion) String() string {
	return fmt.Sprintf("%s: the sign %q also fits what %s logs of %s (%s): %s", c.Scenario, c.Pattern, c.Gateway, c.Other, c.Cause, c.Line)
}

// Confusions compares every scenario's signs with what its gateway logged in the cells of other causes. It says something
// only about a whole matrix.
func Confusions(results []*Result) []Confusion {
	var all []Confusion
	for _, r := range results {
		signs := r.Scenario.SignsOf(r.Gateway.Name, r.Gateway.Version)
		if len(signs) == 0 || r.Verdict != Standard && r.Verdict != Deviates {
			continue
		}
		declared := append([]scenarios.Cause{r.Cause}, r.Scenario.Alike[r.Gateway.Name]...)
		for _, other := range results {
			if other.Gateway.Name == r.Gateway.Name && !slices.Contains(declared, other.Cause) {
				all = append(all, confused(r, other, signs)...)
			}
		}
	}
	slices.SortFunc(all, func(a, b Confusion) int {
		return cmp.Or(cmp.Compare(a.Scenario, b.Scenario), cmp.Compare(a.Gateway, b.Gateway), cmp.Compare(a.Cause, b.Cause))
	})
	return all
}

// confused finds the signs of r that fit a line of the other cell's log.
func confused(r, other *Result, signs []*regexp.Regexp) (found []Confusion) {
	for _, sign := range signs {
		if line := firstMatch(sign, other.Log); line != "" {
			found = append(found, Confusion{r.ID, r.Gateway.Name, other.Cause, sign.String(), line, other.ID})
		}
	}
	return found
}
