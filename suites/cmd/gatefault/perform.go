package main

import (
	"context"
	"errors"

	"github.com/gatefault/gatefault/suites/report"
	"github.com/gatefault/gatefault/suites/run"
)

// perform runs the cells and writes all reports.
func (c *runCmd) perform(ctx context.Context, a *app, sel *selection, here *place) error {
	out, err := c.open(a)
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
	written := c.write(out, result, report.HTMLOptions{Version: version(), Repeat: c.repeat(sel)})
	if cause := context.Cause(ctx); errors.Is(cause, errInterrupted) || errors.Is(cause, errPipe) {
		return errors.Join(err, written)
	}
	shown := show(out.people, result, c.ByProfile, report.TerminalOptions{Repeat: c.repeat(sel),
		Whole: c.whole() && ctx.Err() == nil && len(result.Idle) == 0})
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
		Lanes: c.Lanes, Apart: c.ByProfile, Shard: c.Shard,
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
	return earned(r, c.named())
}

// earned is what the cells of a finished run stand for: an error with its exit code, or nil.
func earned(r *run.Report, named bool) error {
	switch code := verdictCode(r, named); code {
	case exitOK:
		return nil
	case exitIdle:
		return &failure{code, idle(r, named)}
	default:
		return &failure{code, nil} // the table says it all
	}
}

// show writes a run's table for people, or with compared the tables of run --by-profile.
func show(s screen, r *run.Report, compared bool, o report.TerminalOptions) error {
	o.Width, o.Colour = s.width, s.colour
	if compared {
		return report.ByProfile(s, r, o)
	}
	return report.Terminal(s, r, o)
}
