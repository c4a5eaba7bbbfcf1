package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatefault/gatefault/scenarios"
)

type scenariosCmd struct {
	ID        string `arg:"" optional:"" help:"Explain this scenario."`
	Scenarios string `placeholder:"DIR" help:"Add your own scenarios, the *.yaml files in DIR."`
	JSON      bool   `name:"json" xor:"form" help:"Print JSON."`
	Schema    bool   `xor:"form" help:"Print the JSON Schema of a scenario file."`
}

func (c *scenariosCmd) Run(a *app) error {
	if c.Schema {
		schema, err := scenarios.Schema()
		if err != nil {
			return err
		}
		return rawLine(a.out, schema)
	}
	catalogue, err := loadCatalogue(c.Scenarios)
	if err != nil {
		return usage(err)
	}
	if c.ID == "" {
		return a.listScenarios(catalogue, c.JSON)
	}
	s, err := catalogue.Find(c.ID)
	if err != nil {
		return err
	}
	if c.JSON {
		return a.printJSON(s)
	}
	a.explainScenario(s, c.Scenarios)
	return nil
}

func (a *app) listScenarios(catalogue *scenarios.Catalogue, asJSON bool) error {
	all := catalogue.All()
	if asJSON {
		return a.printJSON(map[string]any{"scenarios": all})
	}
	rows := [][]string{{"CAUSE", "SCENARIO", "TITLE"}}
	for _, cause := range scenarios.Causes() {
		for _, s := range all {
			if s.Cause == cause {
				rows = append(rows, []string{string(s.Cause), s.ID, s.Title})
			}
		}
	}
	a.table(rows)
	return nil
}

// explainScenario tells a scenario; dir is the folder of the user's own ones, if any.
func (a *app) explainScenario(s *scenarios.Scenario, dir string) {
	a.printf("%s: %s\n", s.ID, s.Title)
	a.printf("cause %s, fault %s, profile %s\n", s.Cause, faultLine(s), s.Profile)
	if s.Traffic != nil {
		a.printf("traffic: %s\n", s.Traffic)
	}
	a.section("What happens", s.Explain)
	var standard, known, signs []string
	for _, e := range s.Standard {
		standard = append(standard, fmt.Sprintf("%s: %s (%s)", e.Want(), e.Why, e.Cite))
	}
	for _, p := range s.Pins {
		known = append(known, pinLine(p))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Signs)) {
		for _, sign := range s.Signs[name] {
			signs = append(signs, name+": "+sign.String())
		}
	}
	a.bullets("What the standards ask for (RFC 9209 error type: "+s.Error+")", standard...)
	a.bullets("What gateways are known to do", known...)
	a.block("Signs in the gateway's log", signs...)
	a.section("What an operator sees", s.Operator.Symptom)
	a.bullets("What to look at, in this order", s.Operator.Checks...)
	a.section("Fix", s.Operator.Fix)
	a.section("Prevention", s.Operator.Prevention)
	own := ""
	if dir != "" {
		own = "--scenarios " + quote(dir) + " "
	}
	a.block("Run it", "gatefault run "+own+"-s "+s.ID)
}

func faultLine(s *scenarios.Scenario) string {
	words := []string{s.Fault}
	for _, name := range slices.Sorted(maps.Keys(s.Params)) {
		words = append(words, name+"="+s.Params[name])
	}
	return strings.Join(words, " ")
}

func pinLine(p scenarios.Pin) string {
	versions, cite := p.Versions, p.Cite
	if p.Observed != "" {
		versions, cite = p.Observed, strings.Trim("observed; "+p.Cite, "; ")
	}
	return fmt.Sprintf("%s %s: %s: %s (%s)", p.Gateway, versions, p.Want(), p.Why, cite)
}
