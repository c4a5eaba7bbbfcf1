package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gatefault/gatefault/docker"
	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/alert"
	"github.com/gatefault/gatefault/suites/drill"
	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/suites/report"
	"github.com/gatefault/gatefault/suites/run"
)

// rehearsal are the flags that drills and game days have in common.
type rehearsal struct {
	Gateway   string        `short:"g" default:"go" placeholder:"NAME" help:"Gateway to rehearse on: apache, caddy, go, haproxy or nginx."`
	Local     bool          `help:"No containers: run what is installed, on loopback."`
	Export    string        `placeholder:"FILE" help:"Write the record of it, as Markdown or, where the name ends in .json, as JSON."`
	Pace      time.Duration `default:"1s" help:"How long a second of the drill takes at a terminal."`
	Scenarios string        `placeholder:"DIR" help:"Add your own scenarios, the *.yaml files in DIR."`
}

type drillCmd struct {
	Seed  *uint64 `help:"Draw the same drill again. Default: another one each time."`
	Level int     `default:"1" help:"1: faults that tell themselves when you look in the right place; 2: less telling ones; 3: two, or one that comes and goes, or one behind a second gateway."`
	Drill string  `placeholder:"FILE" help:"A drill of your own, YAML."`
	rehearsal
}

// Help is shown below the flags.
func (drillCmd) Help() string {
	return `A gateway runs with traffic. At some moment something breaks, and you are the one on call: look, with the means that you would have, ` +
		`and say what it is. help tells the commands. Then everything is revealed.

At a terminal time passes by itself. Without one, commands are read from standard input and time passes by wait alone, so that a drill can be ` +
		`played by a script: with the same seed it is the same drill.

A drill of your own:

    title: The name is gone
    profile: dns                  # configuration of the gateway, as gatefault scenarios tells them; default: plain
    rate: 2                       # requests a second
    length: 10m
    faults:
      - {scenario: dns.nxdomain, at: 90s, tells: Somebody deleted the record.}

Instead of a scenario a fault may be {fault: head.slow, params: {delay: 5s}, causes: [timeout], ...} or {script: ..., causes: ...}; for ends it, ` +
		`on and off make it come and go.

Exit codes: 0 everything was found; 1 something was not; 2 wrong usage; 3 the lab failed; 130 interrupted.`
}

type gamedayCmd struct {
	File string `arg:"" help:"The day's schedule: a drill with several faults, each with at and for."`
	rehearsal
}

// Help is shown below the flags.
func (gamedayCmd) Help() string {
	return `Like gatefault drill --drill FILE, with several faults over an hour or so. It goes on until all were found or its length has passed; ` +
		`an answer is about a fault that has begun and is not found yet.

    title: Game day
    profile: dns
    length: 1h
    faults:
      - {scenario: tcp.refuse, at: 5m, for: 6m}
      - {scenario: dns.timeout, at: 20m, for: 10m, on: 40s, off: 20s}
      - {fault: head.slow, params: {delay: 5s}, causes: [timeout], tells: The database was slow., at: 45m}`
}

func (c *gamedayCmd) Run(ctx context.Context, a *app) error {
	return (&drillCmd{Drill: c.File, rehearsal: c.rehearsal}).play(ctx, a, 2)
}

func (c *drillCmd) Run(ctx context.Context, a *app) error { return c.play(ctx, a, 1) }

// play rehearses with an exercise that has at least that many faults.
func (c *drillCmd) play(ctx context.Context, a *app, least int) error {
	catalogue, definition, own, err := c.choose(least)
	if err != nil {
		return usage(err)
	}
	here, err := a.place(ctx, wish{local: c.Local, contained: "Running in containers.", alone: "Running on loopback."})
	if err != nil {
		return err
	}
	if definition.Embedded && here.containers { // it runs in this process, and so may its upstream
		here.containers, here.elsewhere = false, namespaces
	}
	if here.elsewhere {
		if started, err := a.runInside(ctx, here.why); started {
			return err
		}
	}
	return c.rehearse(ctx, a, here, catalogue, definition, own)
}

// choose reads what is given. Every error is the user's mistake.
func (c *drillCmd) choose(least int) (*scenarios.Catalogue, *gateway.Definition, *drill.Exercise, error) {
	catalogue, err := loadCatalogue(c.Scenarios)
	if err != nil {
		return nil, nil, nil, err
	}
	definitions, err := gateway.Load(docker.Files)
	if err != nil {
		return nil, nil, nil, err
	}
	chosen, err := (run.Filter{Gateways: []string{c.Gateway}}).SelectGateways(definitions)
	switch {
	case err != nil:
		return nil, nil, nil, err
	case len(chosen) != 1:
		return nil, nil, nil, fmt.Errorf("--gateway %s: name one gateway", c.Gateway)
	case c.Drill == "" && (c.Level < 1 || c.Level > drill.Levels):
		return nil, nil, nil, fmt.Errorf("--level %d: it can be 1 to %d", c.Level, drill.Levels)
	case c.Pace <= 0:
		return nil, nil, nil, fmt.Errorf("--pace %s: it must be more than 0", c.Pace)
	case c.Export != "" && !exists(filepath.Dir(c.Export)):
		return nil, nil, nil, fmt.Errorf("--export %s: there is no such folder", c.Export)
	case c.Drill == "":
		return catalogue, chosen[0], nil, nil
	}
	x, err := drill.Load(c.Drill, catalogue)
	if err == nil && len(x.Faults) < least {
		err = fmt.Errorf("%s: a game day has several faults; for one use gatefault drill --drill", c.Drill)
	}
	if err == nil && chosen[0].Lacks(x.Profile) != "" {
		err = fmt.Errorf("%s: %s has no profile %s: %s", c.Drill, chosen[0].Title, x.Profile, chosen[0].Lacks(x.Profile))
	}
	return catalogue, chosen[0], x, err
}

// rehearse starts the lab, plays and writes the record.
func (c *drillCmd) rehearse(ctx context.Context, a *app, here *place, catalogue *scenarios.Catalogue, d *gateway.Definition, own *drill.Exercise) (err error) {
	bench, err := run.OpenBench(ctx, run.Options{Scenarios: []*scenarios.Scenario{run.Injection("healthy", nil, "", "")}, Gateways: []*gateway.Definition{d},
		Program: here.program, Local: !here.containers, NoEngine: (wish{local: c.Local}).noEngine(here), OwnNamespace: here.ownNamespace, OwnResolvConf: here.resolvConf})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bench.Close(context.WithoutCancel(ctx))) }()
	if why := bench.Stands()[0].Why; why != "" {
		return &failure{exitIdle, fmt.Errorf("%s does not run here: %s", d.Title, why)}
	}
	seed := rand.Uint64() >> 33
	if c.Seed != nil {
		seed = *c.Seed
	}
	x := own
	if x == nil {
		if x, err = drill.Draw(c.Level, seed, catalogue, drill.Possible(ctx, bench, d.Name, catalogue)); err != nil {
			return err
		}
	}
	r, err := c.onSeat(ctx, a, bench, catalogue, d, x, seed)
	if err != nil {
		return err
	}
	a.printf("%s", report.Printable(r.Text()))
	if err := c.export(r); err != nil {
		return err
	}
	if !r.Solved() {
		return &failure{exitFindings, nil}
	}
	return nil
}

func (c *drillCmd) onSeat(ctx context.Context, a *app, bench *run.Bench, catalogue *scenarios.Catalogue, d *gateway.Definition, x *drill.Exercise, seed uint64) (_ *drill.Record, err error) {
	seat, err := bench.Take(ctx, d.Name, x.Seat())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, seat.Leave(context.WithoutCancel(ctx))) }()
	alerts, err := alert.Builtin()
	if err != nil {
		return nil, err
	}
	level := c.Level
	if c.Drill != "" {
		level, seed = 0, 0
	}
	session, err := drill.New(ctx, drill.Options{Exercise: x, Seat: seat, Catalogue: catalogue, Alerts: alerts, Seed: seed, Level: level})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, session.Close(context.WithoutCancel(ctx))) }()
	if err := c.converse(ctx, a, session); err != nil {
		return nil, err
	}
	return session.Record(), nil
}

// converse takes commands until the drill is over. At a terminal time passes at its pace; otherwise by wait alone, and the end of
// the input gives up.
func (c *drillCmd) converse(ctx context.Context, a *app, s *drill.Drill) error {
	live := a.terminal()
	a.printf("%s\nYou are on call. Something may break; help tells what you can do.\n", s.Scene())
	lines := a.commands(ctx)
	var tick <-chan time.Time
	began := time.Now()
	if live {
		t := time.NewTicker(c.Pace)
		defer t.Stop()
		tick = t.C
		a.printf("> ")
	}
	for !s.Over() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick:
			if err := s.CatchUp(ctx, time.Duration(time.Since(began)/c.Pace)*time.Second); err != nil {
				return err
			}
		case line, more := <-lines:
			if !more {
				return nil
			}
			shown, err := s.Do(ctx, line)
			if err != nil {
				return err
			}
			if !live {
				a.printf("> %s\n", line)
			}
			if shown != "" {
				a.printf("%s\n", report.Printable(shown))
			}
			if live && !s.Over() {
				a.printf("> ")
			}
		}
	}
	return nil
}

// commands gives the lines of standard input. The goroutine ends with the input or the context; where neither comes while it
// reads, with the process.
func (a *app) commands(ctx context.Context) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		for in := bufio.NewScanner(a.in); in.Scan(); {
			select {
			case lines <- strings.TrimSpace(in.Text()):
			case <-ctx.Done():
				return
			}
		}
	}()
	return lines
}

// export writes the record.
func (c *drillCmd) export(r *drill.Record) (err error) {
	if c.Export == "" {
		return nil
	}
	f, err := os.Create(c.Export)
	if err != nil {
		return usage(fmt.Errorf("--export: %w", err))
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	write := r.Markdown
	if filepath.Ext(c.Export) == ".json" {
		write = r.JSON
	}
	return write(f)
}
