package check

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gatefault/gatefault/suites/run"
)

// Flags are what a command line says of a check; a field that is empty says nothing.
type Flags struct {
	Gateway, Config, Image, Binary, Target, Entry string

	Env       map[string]string
	Mounts    []string          // path:at
	Upstreams []string          // name:port
	Requests  []string          // GET /api/health
	Headers   map[string]string // of these requests
	// Asked are routes of their own, besides those of the requests.
	Asked    []Route
	Budget   time.Duration
	Patience time.Duration
	Default  string
	FailOn   string
	// Filter says which scenarios run, Routes which routes; empty: all.
	Filter run.Filter
	Routes []string
}

// Merge has a command line say what it says: it adds environment, mounts and upstreams, and it takes the place of the rest.
// All mistakes are reported together.
func (p *Project) Merge(f Flags) error {
	p.filter, p.only, p.asked, p.headers = f.Filter, f.Routes, f.Asked, f.Headers
	set(&p.Gateway, f.Gateway)
	set(&p.Config, f.Config)
	set(&p.Target, f.Target)
	if f.Image != "" || f.Binary != "" {
		p.Image, p.Binary = f.Image, f.Binary
	}
	set(&p.Budget, f.Budget)
	set(&p.Policy.Patience, f.Patience)
	set(&p.Policy.Default, Stance(f.Default))
	set(&p.FailOn, Severity(f.FailOn))
	p.Env = merged(p.Env, f.Env)
	if err := p.mergeForms(f); err != nil {
		return err
	}
	whole := *p
	whole.doc = nil // its file was checked: what is wrong now came from the command line
	return whole.check()
}

// merged gives a map with the pairs of both, those of the second where both have a key.
func merged(first, second map[string]string) map[string]string {
	if len(second) == 0 {
		return first
	}
	out := map[string]string{}
	maps.Copy(out, first)
	maps.Copy(out, second)
	return out
}

func set[T comparable](field *T, value T) {
	var zero T
	if value != zero {
		*field = value
	}
}

// mergeForms takes in what has a form of its own.
func (p *Project) mergeForms(f Flags) error {
	var errs []error
	if f.Entry != "" {
		entry, err := ParseEntry(f.Entry)
		p.Entry, errs = entry, append(errs, flagError("--entry", err))
	}
	mounts, err := parseAll("--mount", f.Mounts, ParseMount)
	p.Mounts, errs = append(slices.Clip(p.Mounts), mounts...), append(errs, err)
	upstreams, err := parseAll("--upstream", f.Upstreams, ParseUpstream)
	for _, u := range upstreams {
		if !slices.ContainsFunc(p.Upstreams, func(have Upstream) bool { return keyOf(have.Server) == keyOf(u.Server) }) {
			p.Upstreams = append(slices.Clip(p.Upstreams), u)
		}
	}
	errs = append(errs, err)
	p.requests, err = parseAll("--request", f.Requests, ParseRequestLine)
	return errors.Join(append(errs, err)...)
}

func parseAll[T any](flag string, texts []string, parse func(string) (T, error)) (out []T, err error) {
	var errs []error
	for _, text := range texts {
		v, err := parse(text)
		out, errs = append(out, v), append(errs, flagError(flag, err))
	}
	return out, errors.Join(errs...)
}

func flagError(flag string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", flag, err)
}
