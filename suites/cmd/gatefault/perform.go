package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/suites/report"
	"github.com/gatefault/gatefault/suites/run"
)

// perform runs the cells and writes all reports.
func (c *runCmd) perform(ctx context.Context, a *app, sel *selection, here *place) error {
	out, err := c.outputs(a)
	if err != nil {
		return usage(err)
	}
	defer out.discard()
	ctx, cancel := c.limited(ctx)
	defer cancel()
	p := newProgress(out.people)
	if here.why != "" {
		p.say(here.why)
	}
	if out := sel.without(); out != "" {
		p.say(out)
	}
	result, err := run.Run(ctx, run.Options{
		Scenarios: sel.cells(), Gateways: sel.gateways, Images: sel.images, Binaries: sel.binaries, Program: here.program,
		Local: !here.containers, NoEngine: c.noEngine(here), OwnNamespace: here.ownNamespace, OwnResolvConf: here.resolvConf,
		Lanes: c.Lanes, Apart: c.ByProfile,
		Progress: func(s run.Progress) {
			if s.Result != nil {
				cutOff(ctx, s.Result)
			}
			p.step(s)
		},
	})
	p.end()
	if result == nil {
		return err
	}
	neverBegun(ctx, result, sel)
	written := out.documents(result, c.repeat(sel))
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

// noEngine is the reason why there are no containers, unless the user wanted none.
func (c *runCmd) noEngine(here *place) error {
	if here.containers || c.Local {
		return nil
	}
	reason, _, _ := strings.Cut(here.why, "\n")
	return &noEngine{strings.TrimSuffix(reason, "."), gateway.ErrNoEngine}
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

// outputs are where a run's reports go.
type outputs struct {
	people      screen
	json, junit io.Writer // nil: not wanted
	files       []*os.File
}

// outputs opens the files before the run, so that one that cannot be written is told of at once.
func (c *runCmd) outputs(a *app) (*outputs, error) {
	o := &outputs{people: a.screen(a.out)}
	if c.JSON == "-" || c.JUnit == "-" {
		o.people = a.screen(a.err)
	}
	var err error
	if o.json, err = o.open(a, c.JSON); err != nil {
		return nil, err
	}
	o.junit, err = o.open(a, c.JUnit)
	return o, err
}

func (o *outputs) open(a *app, name string) (io.Writer, error) {
	switch name {
	case "":
		return nil, nil
	case "-":
		return a.out, nil
	}
	f, err := os.Create(name)
	if err != nil {
		return nil, fmt.Errorf("the report cannot be written: %w", err)
	}
	o.files = append(o.files, f)
	return f, nil
}

// documents writes the reports for machines.
func (o *outputs) documents(r *run.Report, repeat report.Repeat) error {
	var errs []error
	if o.json != nil {
		errs = append(errs, report.JSON(o.json, r, version()))
	}
	if o.junit != nil {
		errs = append(errs, report.JUnit(o.junit, r, repeat))
	}
	return errors.Join(append(errs, o.close())...)
}

// discard removes the files of reports that were never written, because there was no run.
func (o *outputs) discard() {
	for _, f := range o.files {
		info, err := f.Stat()
		if f.Close(); err == nil && info.Mode().IsRegular() {
			_ = os.Remove(f.Name()) // an empty report is a nuisance, not a failure
		}
	}
}

// close closes the files once.
func (o *outputs) close() error {
	var errs []error
	for _, f := range o.files {
		errs = append(errs, f.Close())
	}
	o.files = nil
	return errors.Join(errs...)
}
