package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gatefault/gatefault/docker"
	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/suites/report"
	"github.com/gatefault/gatefault/suites/run"
)

type runCmd struct {
	Gateway   words          `short:"g" placeholder:"NAME" help:"Gateways to run, by name or pattern; NAME=/path/to/program runs that program here instead of a container."`
	Scenario  words          `short:"s" placeholder:"ID" help:"Scenarios to run, by id or pattern such as 'tcp.*'."`
	Cause     words          `short:"c" placeholder:"NAME" help:"Only scenarios of these causes."`
	Layer     words          `short:"l" placeholder:"NAME" help:"Only scenarios of these layers: tcp, head, body, ..."`
	ByProfile bool           `help:"Compare instead of judge: each fault in every profile that is said to help against it, with GET and POST."`
	Scenarios string         `placeholder:"DIR" help:"Add your own scenarios, the *.yaml files in DIR."`
	Image     words          `placeholder:"NAME=REF" help:"Image of a gateway or of a backend such as php-fpm; NAME=debian:SUITE builds it from that suite's packages."`
	Lanes     int            `default:"40" help:"Cells that run at once on one gateway."`
	Local     bool           `help:"No containers: run what is installed, on loopback."`
	Require   string         `placeholder:"containers" help:"Fail instead of falling back to local programs, and when any gateway runs no cell."`
	Timeout   *time.Duration `help:"End the run after this long, such as 2m."`
	List      bool           `xor:"how" help:"List the cells that would run."`
	DryRun    bool           `xor:"how" help:"List the cells, and where and with which images they would run."`
	Shard     *run.Shard     `placeholder:"I/N" help:"Run only one of N parts of the cells, such as 2/5: the first machine runs 1/5, the last 5/5, and gatefault merge joins their reports."`

	documentFlags `embed:""`
}

// Help is shown below the flags.
func (runCmd) Help() string {
	return `Containers are used when a Docker engine answers. Otherwise, and with --local, gatefault runs what it can on loopback: ` +
		`installed gateways as child processes and the embedded Go gateway, in a network namespace of their own where the system permits, ` +
		`so that firewall faults touch nobody else.

With --by-profile each fault is put before the gateway in every profile that guides advise against faults: keepalive, failover, ` +
		`retries, healthcheck and cache, and plain to compare with. The table shows which of them hides it from users, and at what price: ` +
		`attempts, time, POSTs that arrive twice. Nothing is expected of these cells, so none of them drifts. Without -s, -c or -l a ` +
		`telling selection of faults is compared; scenarios about a profile of their own are left out.

Exit codes: 0 as expected; 1 cells drifted; 3 errors of the harness or faults that were not injected; 4 a gateway named with ` +
		`--gateway (with --require: any gateway) ran no cell, or not one cell got a verdict. The highest that applies counts.`
}

// selection is what a run is to do.
type selection struct {
	scenarios []*scenarios.Scenario
	variants  []*scenarios.Scenario // with --by-profile: what runs instead of the scenarios
	leftOut   []string              // with --by-profile: chosen by the filter and not to be compared
	gateways  []*gateway.Definition
	images    map[string]string
	binaries  map[string]string
	only      func(scenario, gateway string) bool // nil: all
}

func (c *runCmd) Run(ctx context.Context, a *app) error {
	sel, err := c.choose()
	if err != nil {
		return usage(err)
	}
	if err := c.check(); err != nil {
		return usage(err)
	}
	if c.List {
		return a.listCells(sel, nil)
	}
	here, err := a.place(ctx, c.wish(sel))
	if err != nil {
		return err
	}
	switch {
	case c.DryRun:
		return a.listCells(sel, here)
	case here.elsewhere:
		started, err := a.runInside(ctx, here.why)
		if started {
			return err
		}
		here.why += fmt.Sprintf("\nFirewall faults are left out: no network namespace can be made here (%v).", err)
	}
	return c.perform(ctx, a, sel, here)
}

// wish says where the user wants to run.
func (c *runCmd) wish(sel *selection) wish {
	return wish{c.Local, c.Require, sel.contained(), "Running what can run on loopback."}
}

// choose applies the filters. Every error is the user's mistake.
func (c *runCmd) choose() (*selection, error) {
	sel := &selection{}
	catalogue, err := loadCatalogue(c.Scenarios)
	if err != nil {
		return nil, err
	}
	definitions, err := gateway.Load(docker.Files)
	if err != nil {
		return nil, err
	}
	var names []string
	if names, sel.binaries, err = splitBinaries(c.Gateway); err != nil {
		return nil, err
	}
	filter := run.Filter{Gateways: names, Scenarios: c.Scenario, Causes: c.Cause, Layers: c.Layer}
	if sel.scenarios, err = filter.Select(catalogue); err != nil {
		return nil, err
	}
	if sel.gateways, err = filter.SelectGateways(definitions); err != nil {
		return nil, err
	}
	if err := errors.Join(checkProfiles(sel.scenarios, definitions), checkBinaries(sel)); err != nil {
		return nil, err
	}
	if sel.images, err = chooseImages(c.Image, definitions); err == nil && c.ByProfile {
		err = c.compare(sel)
	}
	if err == nil && c.Shard != nil {
		sel.only, err = c.Shard.Only(sel.cells(), sel.gateways)
	}
	return sel, err
}

// each gives every cell that is to run.
func (s *selection) each(yield func(*scenarios.Scenario, *gateway.Definition) bool) {
	for _, sc := range s.cells() {
		for _, d := range s.gateways {
			if (s.only == nil || s.only(sc.ID, d.Name)) && !yield(sc, d) {
				return
			}
		}
	}
}

func loadCatalogue(dir string) (*scenarios.Catalogue, error) {
	catalogue, err := scenarios.Builtin()
	if err != nil || dir == "" {
		return catalogue, err
	}
	return catalogue.WithDir(dir)
}

// listCells prints one line a cell; with a place it says also where each gateway would run, and how many cells there are.
func (a *app) listCells(sel *selection, here *place) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	if here != nil {
		a.printf("%s\n", here.why)
		for _, d := range sel.gateways {
			fmt.Fprintf(w, "%s\t%s\n", d.Name, here.describe(d, sel))
		}
		fmt.Fprintln(w)
	}
	all, lacking := 0, 0
	for s, d := range sel.each {
		row := fmt.Sprintf("%s\t%s\t%s\t%s", d.Name, s.ID, s.Cause, s.Profile)
		if sel.variants != nil {
			row += "\t" + s.Request.Method
		}
		if d.Lacks(s.Profile) != "" {
			row += "\tunsupported"
			lacking++
		}
		fmt.Fprintln(w, row)
		all++
	}
	if err := w.Flush(); here == nil || err != nil {
		return err
	}
	a.printf("\n%s", plural(all, "cell", "cells"))
	if lacking > 0 {
		a.printf(", %d of them unsupported: the gateway has no such profile", lacking)
	}
	a.printf("\n")
	return nil
}

// repeat is the command that runs cells alone, in the way this run was called.
func (c *runCmd) repeat(sel *selection) report.Repeat {
	called := []string{"gatefault run"}
	if c.Local {
		called = append(called, "--local")
	}
	if c.ByProfile {
		called = append(called, "--by-profile")
	}
	if c.Scenarios != "" {
		called = append(called, "--scenarios "+quote(c.Scenarios))
	}
	return func(cells ...*run.Result) string {
		line, names := slices.Clone(called), report.Gateways(cells)
		for i, name := range names {
			if image := sel.images[name]; image != "" {
				line = append(line, "--image "+quote(name+"="+image))
			}
			if program := sel.binaries[name]; program != "" {
				names[i] += "=" + program
			}
		}
		if len(c.Gateway) > 0 || len(cells) == 1 || len(names) < len(sel.gateways) {
			line = append(line, "-g "+quote(strings.Join(names, ",")))
		}
		return strings.Join(append(line, c.cover(sel, report.IDs(cells))...), " ")
	}
}

// cover gives the flags that choose these scenarios; the run's own when they are all of it.
func (c *runCmd) cover(sel *selection, ids []string) (out []string) {
	if len(ids) == 1 || len(ids) < len(sel.scenarios) {
		return []string{"-s " + quote(strings.Join(ids, ","))}
	}
	for _, f := range []struct {
		flag  string
		given words
	}{{"-s ", c.Scenario}, {"-c ", c.Cause}, {"-l ", c.Layer}} {
		if len(f.given) > 0 {
			out = append(out, f.flag+quote(strings.Join(f.given, ",")))
		}
	}
	return out
}

// whole says that the run is one of every built-in scenario on every gateway, which is held to its bar.
func (c *runCmd) whole() bool {
	return len(c.Gateway) == 0 && !c.filtered() && !c.ByProfile && c.Scenarios == "" && c.Shard == nil
}

// verdictCode is the exit code that a finished run earned: the highest that applies. named says that no gateway may be idle.
func verdictCode(r *run.Report, named bool) int {
	switch {
	case named && len(r.Idle) > 0, judged(r) == 0:
		return exitIdle
	case r.Count(run.Error)+r.Count(run.NotInjected) > 0:
		return exitHarness
	case r.Count(run.Drifted) > 0:
		return exitDrifted
	}
	return exitOK
}

// judged counts the cells that got a verdict on their gateway.
func judged(r *run.Report) int {
	return r.Count(run.Standard) + r.Count(run.Deviates) + r.Count(run.Drifted) + r.Count(run.Observed)
}

// idle says which requested gateways ran no cell, or that no cell says anything.
func idle(r *run.Report, named bool) error {
	if !named || len(r.Idle) == 0 {
		return errors.New("not one cell got a verdict, so this run says nothing of any gateway")
	}
	names := slices.Sorted(maps.Keys(r.Idle))
	return fmt.Errorf("no cell ran on %s", strings.Join(names, ", "))
}

func (c *runCmd) named() bool { return len(c.Gateway) > 0 || c.Require != "" }

var errTimeout = errors.New("the run was ended by --timeout")

// limited bounds the time of a run, if it is to be bounded.
func limited(ctx context.Context, timeout *time.Duration) (context.Context, context.CancelFunc) {
	if timeout == nil {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, *timeout, fmt.Errorf("%w %s", errTimeout, *timeout))
}
