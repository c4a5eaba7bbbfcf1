package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/gatefault/gatefault/scenarios/strict"
	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/fault"
	"github.com/gatefault/gatefault/upstream/wire"
)

// input is a file that the user wrote, or standard input.
type input struct {
	name string // as errors tell it
	text []byte
}

// maxInput is more than any plan or script needs: a mistaken name must not fill the memory.
const maxInput = 1 << 20

// read reads a file; - is standard input. what says in errors what it should hold.
func (a *app) read(name, what string) (input, error) {
	in := input{name: name}
	var r io.Reader = a.in
	if name == "-" {
		in.name = "standard input"
	} else {
		f, err := os.Open(name)
		if err != nil {
			return in, fmt.Errorf("read the %s: %w", what, err)
		}
		defer f.Close()
		r = f
	}
	var err error
	if in.text, err = io.ReadAll(io.LimitReader(r, maxInput+1)); err != nil {
		return in, fmt.Errorf("read the %s: %w", what, err)
	}
	if len(in.text) > maxInput {
		return in, fmt.Errorf("%s is longer than 1 MiB, so it is no %s", in.name, what)
	}
	return in, nil
}

var planWords = strict.Words{
	Empty: "there is no plan in it; write for example: rules: [{fault: head.slow}]",
	Many:  "there is more than one document in it; write one plan a file",
	Keys:  "a plan has",
}

// plan reads a plan strictly: a mistake is told with file and line. JSON is YAML too.
func (in input) plan() (p upstream.Plan, err error) {
	const example = "write for example: rules: [{fault: head.slow}]"
	if strings.TrimSpace(string(in.text)) == "" {
		return p, fmt.Errorf("%s is empty; %s", in.name, example)
	}
	doc, err := strict.Load(in.name, in.text, &p, planWords)
	if err != nil {
		return p, err
	}
	for i := range p.Rules {
		if err := (upstream.Plan{Rules: p.Rules[i : i+1]}).Validate(); err != nil {
			return p, doc.Errorf(fmt.Sprintf("rules.%d", i), "rule %d: %s", i+1, strings.TrimPrefix(err.Error(), "rule 1: "))
		}
	}
	if len(p.Rules) == 0 {
		return p, fmt.Errorf("%s has no rules; %s", in.name, example)
	}
	return p, p.Validate()
}

// script checks a wire script; a mistake is told with file and line.
func (in input) script() (string, error) {
	script, err := wire.Parse(string(in.text))
	var syntax *wire.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return "", fmt.Errorf("%s:%d: %q: %s", in.name, syntax.Line, syntax.Text, verbComplaint(syntax))
	case err != nil:
		return "", fmt.Errorf("%s: %w", in.name, err)
	case len(script) == 0:
		return "", fmt.Errorf("%s has no verbs; write one a line, such as reset; gatefault faults --verbs lists them", in.name)
	}
	return string(in.text), nil
}

// verbComplaint names the verbs that are near an unknown one.
func verbComplaint(e *wire.SyntaxError) string {
	name, _, _ := strings.Cut(e.Text, " ")
	var verbs []string
	for _, line := range wire.Usage() {
		verb, _, _ := strings.Cut(line, " ")
		verbs = append(verbs, verb)
	}
	if name == "" || name == "end" || slices.Contains(verbs, name) {
		return e.Why
	}
	if near := fault.Nearest(name, verbs); len(near) > 0 {
		return fmt.Sprintf("no verb is called %s; did you mean %s?", name, strings.Join(near, ", "))
	}
	return fmt.Sprintf("no verb is called %s; gatefault faults --verbs lists them", name)
}
