package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/fault"
)

// planFlags are the ways to give a plan besides naming one fault.
type planFlags struct {
	Plan   string `xor:"plan" placeholder:"FILE" help:"Plan of rules, as YAML or JSON."`
	Script string `xor:"plan" placeholder:"FILE" help:"Wire script instead of a fault, one verb a line."`
}

// plan makes the plan: the file's, or one rule that has the fault or script and else is as given. Nothing at all is
// the healthy plan. The result is valid.
func (f planFlags) plan(name string, params []string, rule upstream.Rule) (upstream.Plan, error) {
	switch {
	case f.Plan != "":
		return readPlan(f.Plan)
	case f.Script != "":
		text, err := os.ReadFile(f.Script)
		if err != nil {
			return upstream.Plan{}, fmt.Errorf("read the script: %w", err)
		}
		rule.Script = string(text)
	case name == "":
		return upstream.Plan{}, nil
	}
	var err error
	if rule.Fault, rule.Params, err = name, nil, nil; len(params) > 0 {
		rule.Params, err = readParams(name, params)
	}
	if err != nil {
		return upstream.Plan{}, err
	}
	p := upstream.Plan{Rules: []upstream.Rule{rule}}
	if err := p.Validate(); err != nil {
		return p, f.explain(err)
	}
	return p, nil
}

// explain tells a mistake in the only rule without counting rules.
func (f planFlags) explain(err error) error {
	var unknown *fault.UnknownError
	if errors.As(err, &unknown) {
		return unknown
	}
	text := strings.TrimPrefix(err.Error(), "rule 1: ")
	if f.Script != "" {
		text = f.Script + ": " + text
	}
	return errors.New(text)
}

// readParams takes NAME=VALUE.
func readParams(name string, given []string) (fault.Args, error) {
	args := fault.Args{}
	for _, text := range given {
		key, value, ok := strings.Cut(text, "=")
		if !ok || key == "" {
			return nil, fmt.Errorf("%q is no parameter of %s; write name=value, see gatefault faults %s", text, name, name)
		}
		args[key] = value
	}
	return args, nil
}

// readPlan reads a file strictly: a mistake is told with file and line. JSON is YAML too.
func readPlan(file string) (upstream.Plan, error) {
	var p upstream.Plan
	text, err := os.ReadFile(file)
	if err != nil {
		return p, fmt.Errorf("read the plan: %w", err)
	}
	if err := yaml.Load(text, &p, yaml.WithKnownFields()); err != nil {
		return p, locate(file, err)
	}
	for i := range p.Rules {
		if err := (upstream.Plan{Rules: p.Rules[:i+1]}).Validate(); err != nil {
			return p, fmt.Errorf("%s:%d: %w", file, ruleLine(text, i), err)
		}
	}
	if len(p.Rules) == 0 {
		return p, fmt.Errorf("%s has no rules; write for example\nrules:\n  - fault: head.slow", file)
	}
	return p, nil
}

// locate gives YAML's first complaint its file and line.
func locate(file string, err error) error {
	var several *yaml.LoadErrors
	if errors.As(err, &several) && len(several.Errors) > 0 {
		err = several.Errors[0]
	}
	var one *yaml.LoadError
	if errors.As(err, &one) {
		return fmt.Errorf("%s:%d: %s", file, one.Mark.Line, one.Message)
	}
	return fmt.Errorf("%s: %w", file, err)
}

// ruleLine is the line on which rule i begins, counted from 0.
func ruleLine(text []byte, i int) int {
	var doc struct{ Rules []yaml.Node }
	if yaml.Load(text, &doc) != nil || i >= len(doc.Rules) {
		return 1
	}
	return doc.Rules[i].Line
}

// planText says in one line what a plan does.
func planText(p upstream.Plan) string {
	var rules []string
	for _, r := range p.Rules {
		rules = append(rules, ruleText(r))
	}
	if len(rules) == 0 {
		return "healthy"
	}
	return strings.Join(rules, ", then ")
}

func ruleText(r upstream.Rule) string {
	words := []string{r.Fault}
	if r.Script != "" {
		words = []string{"a script"}
	}
	for _, p := range paramNames(r.Params) {
		words = append(words, p+"="+r.Params[p])
	}
	return strings.Join(words, " ")
}
