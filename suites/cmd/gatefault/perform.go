package main

import (
	"context"
	"errors"
	"io"

	"github.com/gatefault/gatefault/suites/report"
	"github.com/gatefault/gatefault/suites/run"
)

// perform runs the cells and writes all reports.
func (c *runCmd) perform(ctx context.Context, a *app, sel *selection, here *place) error {
	out, err := a.outputs(c.JSON, c.JUnit, c.HTML)
	if err != nil {
		return usage(err)
	}
	defer out.discard()
	ctx, cancel := limited(ctx, c.Timeout)
	defer cancel()
	p := newProgress(out.people)
	if here.why != "" {
		p.say(here.why)
	}
	if out := sel.without(); out != "" {
		p.say(out)
	}
	result, err := c.runCells(ctx, sel, here, p)
	if result == nil {
		return err
	}
	neverBegun(ctx, result, sel)
	written := c.documents(out, result, sel)
	if cause := context.Cause(ctx); errors.Is(cause, errInterrupted) || errors.Is(cause, errPipe) {
		return errors.Join(err, written)
	}
	show := report.Terminal
	if c.ByProfile {
		show = report.ByProfile
	}
	shown := show(out.people, result, report.TerminalOptions{Width: out.people.width, Colour: out.people.colour,
		Repeat: c.repeat(sel), Whole: c.whole() && ctx.Err() == nil && len(result.Idle) == 0})
	if err := errors.Join(written, shown); err != nil {
		return err
	}
	return c.conclude(ctx, result, err)
}

// runCells runs the cells and shows how far they are.
func (c *runCmd) runCells(ctx context.Context, sel *selection, here *place, p *progress) (*run.Report, error) {
	defer p.end()
	return run.Run(ctx, run.Options{
		Scenarios: sel.cells(), Gateways: sel.gateways, Images: sel.images, Binaries: sel.binaries, Program: here.program,
		Local: !here.containers, NoEngine: c.wish(sel).noEngine(here), OwnNamespace: here.ownNamespace, OwnResolvConf: here.resolvConf,
		Lanes: c.Lanes, Apart: c.ByProfile,
		Progress: func(s run.Progress) {
			if s.Result != nil {
				cutOff(ctx, s.Result)
			}
			p.step(s)
		},
	})
}

// conclude gives what the run earned: an error with its exit code, or nil.
func (c *runCmd) conclude(ctx context.Context, r *run.Report, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, errTimeout) {
		return cause
	}
	if err != nil {
		return err
	}
	switch code := c.verdictCode(r); code {
	case exitOK:
		return nil
	case exitIdle:
		return &failure{code, c.idle(r)}
	default:
		return &failure{code, nil} // the table says it all
	}
}

// documents writes the reports for machines.
func (c *runCmd) documents(out *outputs, r *run.Report, sel *selection) error {
	return out.write(
		document{c.JSON, func(w io.Writer) error { return report.JSON(w, r, version()) }},
		document{c.JUnit, func(w io.Writer) error { return report.JUnit(w, r, c.repeat(sel)) }},
		document{c.HTML, func(w io.Writer) error {
			return report.HTML(w, r, report.HTMLOptions{Version: version(), Repeat: c.repeat(sel)})
		}})
}
