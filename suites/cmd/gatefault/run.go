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
	Gateway   []string      `short:"g" placeholder:"NAME" help:"Gateways to run, by name or pattern; NAME=/path/to/program runs that program here instead of a container."`
	Scenario  []string      `short:"s" placeholder:"ID" help:"Scenarios to run, by id or pattern such as 'tcp.*'."`
	Cause     []string      `short:"c" placeholder:"NAME" help:"Only scenarios of these causes."`
	Layer     []string      `short:"l" placeholder:"NAME" help:"Only scenarios of these layers: tcp, head, body, ..."`
	Scenarios string        `placeholder:"DIR" help:"Add your own scenarios, the *.yaml files in DIR."`
	Image     []string      `placeholder:"NAME=REF" help:"Image of a gateway; NAME=debian:SUITE builds it from that suite's packages."`
	Lanes     int           `default:"40" help:"Cells that run at once on one gateway."`
	Local     bool          `help:"No containers: run what is installed, on loopback."`
	Require   string        `placeholder:"containers" help:"Fail instead of falling back to local programs, and when any gateway runs no cell."`
	Timeout   time.Duration `help:"End the run after this long, such as 2m."`
	List      bool          `xor:"how" help:"List the cells that would run."`
	DryRun    bool          `xor:"how" help:"List the cells, and where and with which images they would run."`
	JSON      string        `name:"json" placeholder:"FILE" help:"Write the results as JSON; - is standard output."`
	JUnit     string        `name:"junit" placeholder:"FILE" help:"Write the results as JUnit XML; - is standard output."`
}

// Help is shown below the flags.
func (runCmd) Help() string {
	return `Containers are used when a Docker engine answers. Otherwise, and with --local, gatefault runs what it can on loopback: ` +
		`installed gateways as child processes and the embedded Go gateway, in a network namespace of their own where the system permits, ` +
		`so that firewall faults touch nobody else.

Exit codes: 0 as expected; 1 cells drifted; 3 errors of the harness or faults that were not injected; 4 a gateway named with ` +
		`--gateway (with --require: any gateway) ran no cell. The highest that applies counts.`
}

// selection is what a run is to do.
type selection struct {
	scenarios []*scenarios.Scenario
	gateways  []*gateway.Definition
	images    map[string]string
	binaries  map[string]string
	named     bool // the gateways were asked for by name
}

func (c *runCmd) Run(ctx context.Context, a *app) error {
	sel, err := c.choose()
	if err != nil {
		return usage(err)
	}
	if c.List {
		return a.listCells(sel, nil)
	}
	if err := c.check(); err != nil {
		return usage(err)
	}
	here, err := c.place(ctx, a)
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

// check tells which flags make no sense.
func (c *runCmd) check() error {
	switch {
	case c.Lanes < 1:
		return fmt.Errorf("--lanes %d: at least 1 is needed", c.Lanes)
	case c.Timeout < 0:
		return fmt.Errorf("--timeout %s: it must not be negative", c.Timeout)
	case c.JSON == "-" && c.JUnit == "-":
		return errors.New("--json and --junit cannot both go to standard output")
	case c.Require != "" && c.Require != "containers":
		return fmt.Errorf("--require %s: only containers can be required", c.Require)
	case c.Require != "" && c.Local:
		return errors.New("--local and --require containers exclude each other")
	}
	return nil
}

// choose applies the filters. Every error is the user's mistake.
func (c *runCmd) choose() (*selection, error) {
	sel := &selection{named: len(c.Gateway) > 0}
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
	if err := checkBinaries(sel); err != nil {
		return nil, err
	}
	sel.images, err = chooseImages(c.Image, definitions)
	return sel, err
}

// checkBinaries refuses a program for the gateway that has none.
func checkBinaries(sel *selection) error {
	for _, d := range sel.gateways {
		if d.Embedded && sel.binaries[d.Name] != "" {
			return fmt.Errorf("gateway %s is part of gatefault and takes no program; write --gateway %s", d.Name, d.Name)
		}
	}
	return nil
}

// splitBinaries takes NAME and NAME=PROGRAM.
func splitBinaries(given []string) (names []string, binaries map[string]string, err error) {
	binaries = map[string]string{}
	for _, g := range given {
		name, program, both := strings.Cut(g, "=")
		if both {
			if program == "" || strings.ContainsAny(name, "*?[") {
				return nil, nil, fmt.Errorf("--gateway %s: write NAME=/path/to/program", g)
			}
			binaries[name] = program
		}
		names = append(names, name)
	}
	return names, binaries, nil
}

// chooseImages takes NAME=REF.
func chooseImages(given []string, known []*gateway.Definition) (map[string]string, error) {
	images := map[string]string{}
	for _, text := range given {
		name, ref, both := strings.Cut(text, "=")
		if !both || ref == "" {
			return nil, fmt.Errorf("--image %s: write NAME=REF, such as nginx=nginx:1.30 or nginx=debian:trixie", text)
		}
		if _, err := (run.Filter{Gateways: []string{name}}).SelectGateways(known); err != nil {
			return nil, err
		}
		images[name] = ref
	}
	return images, nil
}

func loadCatalogue(dir string) (*scenarios.Catalogue, error) {
	catalogue, err := scenarios.Builtin()
	if err != nil || dir == "" {
		return catalogue, err
	}
	return catalogue.WithDir(dir)
}

// listCells prints one line a cell; with a place it says also where each gateway would run.
func (a *app) listCells(sel *selection, here *place) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	if here != nil {
		a.printf("%s\n", here.why)
		for _, d := range sel.gateways {
			fmt.Fprintf(w, "%s\t%s\n", d.Name, here.describe(d, sel))
		}
		fmt.Fprintln(w)
	}
	for _, s := range sel.scenarios {
		for _, d := range sel.gateways {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", d.Name, s.ID, s.Cause, s.Profile)
		}
	}
	return w.Flush()
}

// repeat is the command that runs one cell alone, in the way this run was called.
func (c *runCmd) repeat(sel *selection) report.Repeat {
	words := []string{"gatefault run"}
	if c.Local {
		words = append(words, "--local")
	}
	if c.Scenarios != "" {
		words = append(words, "--scenarios "+c.Scenarios)
	}
	return func(r *run.Result) string {
		line, name := slices.Clone(words), r.Gateway.Name
		if image := sel.images[name]; image != "" {
			line = append(line, "--image "+name+"="+image)
		}
		if program := sel.binaries[name]; program != "" {
			name += "=" + program
		}
		return strings.Join(append(line, "-g "+name, "-s "+r.ID), " ")
	}
}

// verdictCode is the exit code that a finished run earned: the highest that applies.
func (c *runCmd) verdictCode(r *run.Report, sel *selection) int {
	requested := sel.named || c.Require != ""
	switch {
	case requested && len(r.Idle) > 0:
		return exitIdle
	case r.Count(run.Error)+r.Count(run.NotInjected) > 0:
		return exitHarness
	case r.Count(run.Drifted) > 0:
		return exitDrifted
	}
	return exitOK
}

// idle says which requested gateways ran no cell.
func (c *runCmd) idle(r *run.Report) error {
	names := slices.Sorted(maps.Keys(r.Idle))
	return fmt.Errorf("no cell ran on %s", strings.Join(names, ", "))
}

var errTimeout = errors.New("the run was ended by --timeout")

// limited bounds the run's time.
func (c *runCmd) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.Timeout == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, c.Timeout, fmt.Errorf("%w %s", errTimeout, c.Timeout))
}
