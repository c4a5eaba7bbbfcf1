package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"time"

	"github.com/gatefault/gatefault/docker"
	"github.com/gatefault/gatefault/suites/check"
	"github.com/gatefault/gatefault/suites/config"
	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/suites/report"
)

// ownFlags say which configuration it is and how requests get through the gateway.
type ownFlags struct {
	Gateway  string   `arg:"" optional:"" help:"The product: apache, caddy, haproxy or nginx. Default: as the configuration's name or content tells."`
	Config   string   `placeholder:"PATH" help:"Configuration to check, as you ship it: a file, or a folder with all that belongs to it. It is copied, never written to."`
	Upstream []string `sep:"none" placeholder:"HOST:PORT" help:"Upstream as the configuration names it, such as app:8080, 10.0.0.5:80 or unix:/run/app.sock; 'app:8080=GET /api/health' says how a request gets there. Default: all that it names."`
	Request  []string `sep:"none" placeholder:"REQUEST" help:"Request that gets to an upstream, such as 'GET /api/health'. Default: as the configuration says."`
	Header   []string `sep:"none" placeholder:"NAME:VALUE" help:"Field of that request, such as 'Host: shop.example'."`
	Entry    []string `sep:"none" placeholder:"ENTRY" help:"Where clients come in, such as :80 or https://shop.example:443. Default: as the configuration says."`
	Image    string   `placeholder:"REF" help:"Image of the gateway; debian:SUITE builds it from that suite's packages."`
	Binary   string   `placeholder:"PATH" help:"Program to run here instead of a container."`
	Env      []string `sep:"none" placeholder:"NAME=VALUE" help:"Environment variable of the gateway; NAME alone takes it from yours."`
	Mount    []string `sep:"none" placeholder:"PATH:AT" help:"Further file or folder that the gateway needs, and where it finds it. It is copied."`
}

type checkCmd struct {
	ownFlags
	Target      string         `placeholder:"URL" help:"Instead of a configuration: a gateway that runs already and that you have pointed at the upstreams."`
	Control     string         `placeholder:"URL" from:"GATEFAULT_CONTROL" help:"With --target: control API of the running gatefault upstream behind it. Default: the upstreams are opened here."`
	Token       string         `placeholder:"TOKEN" from:"GATEFAULT_TOKEN" help:"Token of that control API."`
	Project     string         `placeholder:"FILE" help:"Project that says all this, and what you expect. Default: ./gatefault.yaml, where neither --config nor --target is given."`
	Scenario    words          `short:"s" placeholder:"ID" help:"Only scenarios of this id or pattern, such as 'tcp.*'."`
	Cause       words          `short:"c" placeholder:"NAME" help:"Only scenarios of these causes."`
	Route       []string       `sep:"none" placeholder:"NAME" help:"Only routes of this name, as reports tell it."`
	Scenarios   string         `placeholder:"DIR" help:"Add your own scenarios, the *.yaml files in DIR."`
	Patience    *time.Duration `help:"How long your clients wait for an answer, such as 30s."`
	Default     string         `placeholder:"known" help:"What is good enough where the project expects nothing else: standard, what the standards ask for; known, also what this version does in any configuration."`
	FailOn      string         `placeholder:"warning" help:"The mildest finding that fails the check: error, warning or note."`
	Baseline    string         `placeholder:"FILE" help:"Earlier JSON report: what it tells already does not fail."`
	Timeout     *time.Duration `help:"End the check after this long, such as 5m."`
	Lanes       int            `default:"16" help:"How often the gateway is started at once."`
	Local       bool           `help:"No containers: run the installed product in sandboxes on this machine."`
	Require     string         `placeholder:"containers" help:"Fail instead of falling back to local programs."`
	List        bool           `xor:"how" help:"List what would run, and what is left out and why."`
	Schema      bool           `xor:"how" help:"Print the JSON Schema of gatefault.yaml."`
	ReportForm  bool           `name:"report-schema" xor:"how" help:"Print the JSON Schema of the JSON report."`
	JSON        string         `name:"json" placeholder:"FILE" help:"Write the report as JSON; - is standard output."`
	JUnit       string         `name:"junit" placeholder:"FILE" help:"Write it as JUnit XML; - is standard output."`
	HTML        string         `name:"html" placeholder:"FILE" help:"Write it as a page to look at, one file that needs nothing else; - is standard output."`
	Markdown    string         `placeholder:"FILE" help:"Write it as Markdown, for a job summary or a merge request; - is standard output."`
	Annotations *bool          `negatable:"" help:"Print findings as commands for GitHub's runner, which shows them beside the lines of your configuration. Default: where GITHUB_ACTIONS is true."`
}

// Help is shown below the flags.
func (checkCmd) Help() string {
	return `The gateway is started with your own configuration, unmodified, on several private networks at once, and the upstream joins them ` +
		`under the names that the configuration uses. Each scenario breaks it in one way; what clients get, how often the gateway tried, and how ` +
		`long it takes to recover is judged by the policy of the project. Each finding says why it matters and how to mend it.

    gatefault check nginx --config ./nginx.conf --upstream app:8080
    gatefault init nginx --config ./nginx.conf && gatefault check

Certificates and other files that the configuration names and that you did not bring are made up; the report tells which.

Exit codes: 0 nothing was found that fails the check; 1 findings as severe as --fail-on, or an expectation that was not met; 2 a mistake of ` +
		`yours, such as a configuration that the product refuses, or an upstream that was not declared; 3 errors of the harness or faults ` +
		`that were not injected; 4 not one cell got a verdict, or what --require wants is not there; 130 interrupted. Of 1, 3 and 4 the highest counts.`
}

// subject is what a check is about.
type subject struct {
	project    *check.Project
	definition *gateway.Definition
	source     config.Source
	plan       *check.Plan
	before     *check.Report // nil without a baseline
}

func (c *checkCmd) Run(ctx context.Context, a *app) error {
	switch {
	case c.Schema:
		return a.document(check.ProjectSchema())
	case c.ReportForm:
		return a.document(report.CheckSchema())
	}
	s, err := c.subject(a)
	if c.List && errors.Is(err, check.ErrNothing) {
		err = nil // the list tells why
	}
	if err != nil {
		return usage(err)
	}
	if c.List {
		return a.listPlan(s)
	}
	here, err := c.place(ctx, a, s)
	if err != nil {
		return err
	}
	return c.perform(ctx, a, s, here)
}

func (a *app) document(text []byte, err error) error {
	if err != nil {
		return err
	}
	return rawLine(a.out, text)
}

// subject finds out what to check. Nothing is started for it, and every error is the user's mistake.
func (c *checkCmd) subject(a *app) (*subject, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &subject{}
	var err error
	if s.project, err = c.project(a); err != nil {
		return nil, err
	}
	if s.definition, err = definitionOf(s.project); err != nil {
		return nil, err
	}
	if err = checkProgram(s.project.Binary); err != nil {
		return nil, err
	}
	if s.before, err = readBaseline(c.Baseline); err != nil {
		return nil, err
	}
	var layout gateway.Layout
	if s.project.Target == "" {
		if layout, err = ownLayout(s.definition); err != nil {
			return nil, err
		}
	}
	return s, c.resolve(s, layout)
}

// ownLayout is where Debian's packages have the product's configuration; an image may have it elsewhere.
func ownLayout(d *gateway.Definition) (gateway.Layout, error) {
	return d.OwnLayout(context.Background(), nil, "")
}

// resolve reads the configuration as it lies in the gateway's eyes, and plans what to run.
func (c *checkCmd) resolve(s *subject, layout gateway.Layout) error {
	catalogue, err := loadCatalogue(c.Scenarios)
	if err != nil {
		return err
	}
	var cfg *config.Config
	if s.project.Target == "" {
		s.source = sourceOf(s.project, s.definition, layout)
		if cfg, err = config.Read(s.definition.Name, s.source); err != nil {
			return err
		}
	}
	if s.plan, err = check.Resolve(s.project, cfg, catalogue, time.Now()); err != nil {
		return err
	}
	s.plan.Reproduce = c.reproduce
	return nil
}

// sourceOf is what the user brings, as it lies in the gateway's eyes.
func sourceOf(p *check.Project, d *gateway.Definition, layout gateway.Layout) config.Source {
	src := config.Source{Path: p.Config, Home: layout.Home, Main: layout.Main, Version: layout.Version, Env: maps.Clone(d.Own.Env)}
	if src.Env == nil {
		src.Env = map[string]string{}
	}
	maps.Copy(src.Env, p.Env)
	for _, m := range p.Mounts {
		src.Mounts = append(src.Mounts, m.Mount)
	}
	return src
}

// definitionOf finds the product; where nothing names it, its configuration tells.
func definitionOf(p *check.Project) (*gateway.Definition, error) {
	all, err := gateway.Load(docker.Files)
	if err != nil {
		return nil, err
	}
	if p.Gateway == "" {
		if p.Target != "" {
			return &gateway.Definition{Name: "gateway", Title: "The gateway"}, nil // what is known of products counts for none
		}
		if p.Gateway, err = config.Guess(p.Config); err != nil {
			return nil, err
		}
	}
	for _, d := range all {
		if d.Name == p.Gateway {
			return d, nil
		}
	}
	return nil, fmt.Errorf("no gateway is called %q", p.Gateway)
}

// readBaseline reads an earlier report.
func readBaseline(name string) (*check.Report, error) {
	if name == "" {
		return nil, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read the baseline: %w", err)
	}
	defer f.Close()
	d, err := report.ReadCheckJSON(f)
	if err != nil {
		return nil, fmt.Errorf("--baseline %s: %w; write one with gatefault check --json FILE", name, err)
	}
	return &d.Report, nil
}
