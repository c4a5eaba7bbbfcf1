package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatefault/gatefault/docker"
	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/suites/run"
)

type scenariosCmd struct {
	ID        string `arg:"" optional:"" help:"Explain this scenario, or list those of a pattern such as 'tls.*'."`
	Cause     words  `short:"c" placeholder:"NAME" help:"List only scenarios of these causes."`
	Layer     words  `short:"l" placeholder:"NAME" help:"List only scenarios of these layers: tcp, head, body, ..."`
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
	if c.ID == "" || strings.ContainsAny(c.ID, "*?[") || len(c.Cause)+len(c.Layer) > 0 {
		return c.list(a, catalogue)
	}
	s, err := catalogue.Find(c.ID)
	if err != nil {
		return err
	}
	if c.JSON {
		return a.printJSON(s)
	}
	return a.explainScenario(s, c.Scenarios)
}

// list prints the scenarios that the filters choose, below their causes.
func (c *scenariosCmd) list(a *app, catalogue *scenarios.Catalogue) error {
	filter := run.Filter{Causes: c.Cause, Layers: c.Layer}
	if c.ID != "" {
		filter.Scenarios = []string{c.ID}
	}
	chosen, err := filter.Select(catalogue)
	if err != nil {
		return usage(err)
	}
	if c.JSON {
		return a.printJSON(map[string]any{"scenarios": chosen})
	}
	longest, causes := 0, 0
	for _, s := range chosen {
		longest = max(longest, len(s.ID))
	}
	for _, cause := range scenarios.Causes() {
		var rows [][]string
		for _, s := range chosen {
			if s.Cause == cause {
				rows = append(rows, []string{fmt.Sprintf("  %-*s", longest, s.ID), s.Title})
			}
		}
		if len(rows) > 0 {
			a.printf("%s (%d)\n", cause, len(rows))
			a.table(rows)
		}
		if len(rows) > 0 && cause != noCause {
			causes++
		}
	}
	a.printf("%s, %s\n", plural(len(chosen), "scenario", "scenarios"), plural(causes, "cause", "causes"))
	return nil
}

// noCause is what the healthy scenario has.
const noCause scenarios.Cause = "none"

// explainScenario tells a scenario; dir is the folder of the user's own ones, if any.
func (a *app) explainScenario(s *scenarios.Scenario, dir string) error {
	definitions, err := gateway.Load(docker.Files)
	if err != nil {
		return err
	}
	a.printf("%s: %s\n", s.ID, s.Title)
	a.printf("%s\n", a.wrap(fmt.Sprintf("cause %s, fault %s, profile %s", s.Cause, faultLine(s), s.Profile), ""))
	a.section("What happens", s.Explain)
	a.bullets("How it is made", recipe(s, definitions[0].Profile(s.Profile))...)
	if s.Script != "" {
		a.block("Script", strings.Split(strings.TrimSpace(s.Script), "\n")...)
	}
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
	for _, name := range slices.Sorted(maps.Keys(s.Alike)) {
		signs = append(signs, fmt.Sprintf("%s logs the same of other causes: %s", name, join(s.Alike[name])))
	}
	if len(s.Unlogged) > 0 {
		signs = append(signs, "these log nothing of it: "+strings.Join(s.Unlogged, ", "))
	}
	a.bullets("What the standards ask for (RFC 9209 error type: "+s.Error+")", standard...)
	a.bullets("What gateways are known to do", known...)
	a.bullets("Gateways that cannot take part", lacking(definitions, s.Profile)...)
	a.block("Signs in the gateway's log (regular expressions)", signs...)
	a.section("What an operator sees", s.Operator.Symptom)
	a.bullets("What to look at, in this order", s.Operator.Checks...)
	a.section("Fix", s.Operator.Fix)
	a.section("Prevention", s.Operator.Prevention)
	own := ""
	if dir != "" {
		own = "--scenarios " + quote(dir) + " "
	}
	a.block("Run it", "gatefault run "+own+"-s "+s.ID)
	return nil
}

func join[T ~string](names []T) string {
	words := make([]string, len(names))
	for i, n := range names {
		words[i] = string(n)
	}
	return strings.Join(words, ", ")
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
	want := p.Want().String()
	if !p.Race.IsZero() {
		want += " or, when a race goes the other way, " + p.Race.String()
	}
	if r := p.Recovery; r != nil {
		want += fmt.Sprintf(", well again after %s to %s", r.Min, r.Max)
	}
	return fmt.Sprintf("%s %s: %s: %s (%s)", p.Gateway, versions, want, p.Why, cite)
}
