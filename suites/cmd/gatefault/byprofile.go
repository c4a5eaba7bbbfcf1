package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/gateway"
)

// compare makes the selection one of faults in each profile that is said to help, instead of scenarios in their own.
// Without a filter the faults are those that the catalogue marks for it; others that say nothing in another profile are
// left out.
func (c *runCmd) compare(sel *selection) error {
	var chosen []*scenarios.Scenario
	for _, s := range sel.scenarios {
		switch err := s.Comparable(); {
		case !c.filtered() && !s.Compare:
		case err == nil:
			chosen = append(chosen, s)
		case slices.Contains(c.Scenario, s.ID):
			return fmt.Errorf("--by-profile: %w", err)
		default:
			sel.leftOut = append(sel.leftOut, s.ID)
		}
	}
	if len(chosen) == 0 {
		return fmt.Errorf("--by-profile: none of these scenarios can be compared: %w", sel.scenarios[0].Comparable())
	}
	sel.scenarios, sel.variants = chosen, variants(chosen, sel.gateways[0])
	return nil
}

// filtered tells whether the user chose scenarios.
func (c *runCmd) filtered() bool { return len(c.Scenario)+len(c.Cause)+len(c.Layer) > 0 }

// variants are the faults in each profile of the table that any gateway has, with each method.
func variants(chosen []*scenarios.Scenario, d *gateway.Definition) (out []*scenarios.Scenario) {
	for _, s := range chosen {
		for _, profile := range d.Preventions() {
			p := d.Profile(profile).Prevents
			for _, method := range s.Methods() {
				out = append(out, s.In(scenarios.Setting{Profile: profile, Method: method,
					Prime: p.Prime, Notice: p.Notice, Age: p.Age, Query: p.Query}))
			}
		}
	}
	return out
}

// cells lists what every gateway runs.
func (s *selection) cells() []*scenarios.Scenario {
	if s.variants != nil {
		return s.variants
	}
	return s.scenarios
}

// without tells of the scenarios that the user's filter chose and that are not compared.
func (s *selection) without() string {
	if len(s.leftOut) == 0 {
		return ""
	}
	return fmt.Sprintf("Not compared, because their faults say nothing in another profile: %s.", strings.Join(s.leftOut, ", "))
}
