package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/fault"
)

// planFlags are the ways to give a plan besides naming one fault.
type planFlags struct {
	Plan   string `xor:"plan" placeholder:"FILE" help:"Plan of rules, as YAML or JSON; - is standard input."`
	Script string `xor:"plan" placeholder:"FILE" help:"Wire script instead of a fault, one verb a line (gatefault faults --verbs lists them); - is standard input."`
}

// plan makes the plan: the file's, or one rule that has the fault or script and else is as given. Nothing at all is
// the healthy plan. The result is valid.
func (f planFlags) plan(a *app, name string, params []string, rule upstream.Rule) (upstream.Plan, error) {
	switch {
	case f.Plan != "":
		in, err := a.read(f.Plan, "plan")
		if err != nil {
			return upstream.Plan{}, err
		}
		return in.plan()
	case f.Script != "":
		in, err := a.read(f.Script, "script")
		if err != nil {
			return upstream.Plan{}, err
		}
		if rule.Script, err = in.script(); err != nil {
			return upstream.Plan{}, err
		}
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
		return p, explain(err)
	}
	return p, nil
}

// explain tells a mistake in the only rule without counting rules.
func explain(err error) error {
	var unknown *fault.UnknownError
	if errors.As(err, &unknown) {
		return unknown
	}
	return errors.New(strings.TrimPrefix(err.Error(), "rule 1: "))
}

// readParams takes NAME=VALUE, each name once.
func readParams(name string, given []string) (fault.Args, error) {
	args := fault.Args{}
	for _, text := range given {
		key, value, ok := strings.Cut(text, "=")
		if !ok || key == "" || value == "" {
			return nil, noParam(name, text)
		}
		if before, twice := args[key]; twice {
			return nil, fmt.Errorf("parameter %s is given twice, as %s and %s; leave one out", key, before, value)
		}
		args[key] = value
	}
	return args, nil
}

// noParam says what is wrong with a word that stands where NAME=VALUE should.
func noParam(name, text string) error {
	f, err := fault.Find(name)
	if err != nil {
		return err
	}
	key := strings.TrimSuffix(text, "=")
	i := slices.IndexFunc(f.Params, func(p fault.Param) bool { return p.Name == key })
	if i < 0 {
		return fmt.Errorf("%q is no parameter of %s; write name=value, see gatefault faults %s", text, name, name)
	}
	return fmt.Errorf("%s needs a value: %s=%s", key, key, f.Params[i].Default)
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

// ruleText is a rule's fault with its parameters and, in brackets, the conditions.
func ruleText(r upstream.Rule) string {
	words := []string{r.Fault}
	if r.Script != "" {
		words = []string{"a script"}
	}
	for _, p := range paramNames(r.Params) {
		words = append(words, p+"="+r.Params[p])
	}
	if limits := conditions(r); len(limits) > 0 {
		words = append(words, "("+strings.Join(limits, ", ")+")")
	}
	return strings.Join(words, " ")
}

// conditions tells when a rule fires, in the words of the flags.
func conditions(r upstream.Rule) (out []string) {
	add := func(present bool, format string, args ...any) {
		if present {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	add(r.Match.Method != "", "method %s", r.Match.Method)
	add(r.Match.Path != "", "path %s", r.Match.Path)
	add(r.Match.Target != "", "target %s", r.Match.Target)
	for _, name := range paramNames(r.Match.Header) {
		add(true, "header %s: %s", name, r.Match.Header[name])
	}
	add(r.Match.Connection != "", "connection %s", r.Match.Connection)
	add(r.Match.Request != "", "request %s", r.Match.Request)
	add(r.After > 0, "after %d", r.After)
	add(r.Times > 0, "times %d", r.Times)
	add(r.Probability > 0, "probability %g", r.Probability)
	text, _ := r.For.MarshalText() // it has no error
	add(r.For > 0, "for %s", text)
	return out
}
