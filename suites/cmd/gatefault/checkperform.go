package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"slices"

	"github.com/gatefault/gatefault/suites/check"
	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/suites/report"
	"github.com/gatefault/gatefault/suites/run"
	"github.com/gatefault/gatefault/suites/sandbox"
)

// perform runs the check and writes all reports.
func (c *checkCmd) perform(ctx context.Context, a *app, s *subject, here *place) error {
	out, err := a.outputs(c.JSON, c.JUnit, c.Markdown, c.HTML)
	if err != nil {
		return usage(err)
	}
	defer out.discard()
	ctx, cancel := limited(ctx, c.Timeout)
	defer cancel()
	p := newProgress(out.people)
	p.say(here.why)
	result, err := c.judge(ctx, s, here, p)
	p.end()
	if result == nil {
		return err
	}
	gate := check.Gate{FailOn: s.project.FailOn, Before: s.before}
	written := c.documents(out, result, s, gate)
	if cause := context.Cause(ctx); errors.Is(cause, errInterrupted) || errors.Is(cause, errPipe) {
		return errors.Join(err, written)
	}
	shown := report.Check(out.people, result, c.options(out, s, gate))
	if c.annotates(a) {
		shown = errors.Join(shown, report.Annotations(out.people, result, gate, a.env["GITHUB_WORKSPACE"]))
	}
	if err := errors.Join(written, shown); err != nil {
		return err
	}
	return c.conclude(ctx, result, gate, err)
}

// judge runs the cells and judges them. Without a report nothing ran.
func (c *checkCmd) judge(ctx context.Context, s *subject, here *place, p *progress) (*check.Report, error) {
	if err := c.layout(ctx, s, here, p); err != nil {
		return nil, err
	}
	at, err := c.target(ctx, s)
	if err != nil {
		return nil, usage(err)
	}
	place := gateway.PlaceContainer
	if !here.containers {
		place = gateway.PlaceLocal
	}
	ran, err := run.Check(ctx, run.Options{Program: here.program, Local: !here.containers, NoEngine: c.wish(s).noEngine(here),
		Lanes: c.Lanes,
		Progress: func(step run.Progress) {
			if step.Result != nil {
				cutOff(ctx, step.Result)
			}
			p.checkStep(step)
		}},
		run.Subject{Gateway: s.definition, Target: at, Routes: s.plan.Ways(), Own: gateway.Own{Definition: s.definition, Config: s.plan.Config,
			Source: s.source, Env: s.project.Env, Place: place, Image: s.project.Image, Binary: s.project.Binary, Program: here.program}})
	switch {
	case isMistake(err):
		return nil, usage(err)
	case errors.Is(err, gateway.ErrNoBinary), errors.Is(err, gateway.ErrNoImage), errors.Is(err, sandbox.ErrForbidden):
		return nil, &failure{exitIdle, err}
	}
	if s.project.Target != "" {
		err = target{Control: c.Control, Token: c.Token}.explain(err)
	}
	if ran == nil || err != nil && ctx.Err() == nil && !begun(ran) {
		return nil, err
	}
	for _, r := range ran.Results {
		if r.Verdict == "" {
			r.Verdict, r.Reason = run.Error, "it never began"
			cutOff(ctx, r)
		}
	}
	result := check.Judge(s.plan, ran)
	result.Version = version()
	return result, err
}

// begun tells whether a cell ever began.
func begun(r *run.Report) bool {
	return slices.ContainsFunc(r.Results, func(res *run.Result) bool { return res.Verdict != "" })
}

// isMistake tells whether the gateway refuses the user's configuration, no route that was named leads to an upstream, or the
// upstream of a gateway that runs already is not where the user says.
func isMistake(err error) bool {
	var refused *gateway.ConfigError
	var astray *run.RouteError
	var missed *run.TargetError
	return errors.As(err, &refused) || errors.As(err, &astray) || errors.As(err, &missed)
}

// layout reads the configuration anew where the image has it elsewhere than Debian's packages, or tells the product's version.
func (c *checkCmd) layout(ctx context.Context, s *subject, here *place, p *progress) error {
	if !here.containers || s.project.Target != "" {
		return nil
	}
	engine, err := gateway.Connect(ctx, func(name, text string) { p.say(report.Printable(name + ": " + text)) })
	if err != nil {
		return err
	}
	layout, err := s.definition.OwnLayout(ctx, engine, s.project.Image)
	if err = errors.Join(err, engine.Close()); err != nil {
		return err
	}
	if layout == (gateway.Layout{Home: s.source.Home, Main: s.source.Main, Version: s.source.Version}) {
		return nil
	}
	if err := c.resolve(s, layout); err != nil {
		return usage(err)
	}
	return nil
}

// target finds the address of a gateway that runs already.
func (c *checkCmd) target(ctx context.Context, s *subject) (*run.Target, error) {
	if s.project.Target == "" {
		return nil, nil
	}
	u, err := url.Parse(s.project.Target)
	if err != nil {
		return nil, fmt.Errorf("target %q is no URL: %w", s.project.Target, err)
	}
	port := cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	addrs, err := new(net.Resolver).LookupNetIP(ctx, "ip", u.Hostname())
	if err != nil {
		return nil, fmt.Errorf("the target's host %s has no address: %w", u.Hostname(), err)
	}
	addr, err := netip.ParseAddrPort(net.JoinHostPort(addrs[0].Unmap().String(), port))
	if err != nil {
		return nil, fmt.Errorf("target %q has no port: %w", s.project.Target, err)
	}
	return &run.Target{Address: addr, Control: c.Control, Token: c.Token}, nil
}

// options say how the report looks.
func (c *checkCmd) options(out *outputs, s *subject, gate check.Gate) report.CheckOptions {
	return report.CheckOptions{Width: out.people.width, Colour: out.people.colour, Gate: gate, Whole: len(c.Scenario)+len(c.Cause)+len(c.Route) == 0}
}

// documents writes the reports for machines.
func (c *checkCmd) documents(out *outputs, r *check.Report, s *subject, gate check.Gate) error {
	return out.write(
		document{c.JSON, func(w io.Writer) error { return report.CheckJSON(w, r, gate) }},
		document{c.JUnit, func(w io.Writer) error { return report.CheckJUnit(w, r, gate) }},
		document{c.HTML, func(w io.Writer) error { return report.CheckHTML(w, r, gate, report.HTMLOptions{Version: version()}) }},
		document{c.Markdown, func(w io.Writer) error { return report.Markdown(w, r, c.options(out, s, gate)) }})
}

// annotates tells whether findings are printed for GitHub's runner.
func (c *checkCmd) annotates(a *app) bool {
	if c.Annotations != nil {
		return *c.Annotations
	}
	return a.env["GITHUB_ACTIONS"] == "true"
}

// conclude gives what the check earned: an error with its exit code, or nil.
func (c *checkCmd) conclude(ctx context.Context, r *check.Report, gate check.Gate, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, errTimeout) {
		return cause
	}
	if err != nil {
		return err
	}
	judged, failed := 0, 0
	for _, cell := range r.Cells {
		switch {
		case cell.Status != check.Skipped:
			judged++
		case cell.Verdict != run.Unsupported:
			failed++
		}
	}
	switch {
	case judged == 0:
		return &failure{exitIdle, errors.New("not one cell got a verdict, so this check says nothing of the configuration")}
	case failed > 0:
		return &failure{exitHarness, nil} // the report says it all
	case !gate.Passes(r):
		return &failure{exitFindings, nil}
	}
	return nil
}
