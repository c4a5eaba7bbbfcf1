package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/gatefault/gatefault/suites/check"
	"github.com/gatefault/gatefault/suites/run"
	"github.com/gatefault/gatefault/upstream/fault"
)

// check tells which flags make no sense, whatever the project says.
func (c *checkCmd) check() error {
	switch {
	case c.Lanes < 1:
		return fmt.Errorf("--lanes %d: at least 1 is needed", c.Lanes)
	case c.Timeout != nil && *c.Timeout <= 0:
		return fmt.Errorf("--timeout %s: it must be more than 0", *c.Timeout)
	case c.Patience != nil && *c.Patience <= 0:
		return fmt.Errorf("--patience %s: it must be more than 0", *c.Patience)
	case c.FailOn != "" && !slices.Contains(check.Severities(), check.Severity(c.FailOn)):
		return fmt.Errorf("--fail-on %s: it can be error, warning or note", c.FailOn)
	case c.Default != "" && c.Default != string(check.AcceptStandard) && c.Default != string(check.AcceptKnown):
		return fmt.Errorf("--default %s: it can be standard or known", c.Default)
	case c.Config != "" && c.Target != "":
		return errors.New("--config and --target exclude each other: a gateway is either started or runs already")
	}
	return (wish{local: c.Local, require: c.Require}).check()
}

// wish says where the user wants to run. A gateway that runs already needs no containers.
func (c *checkCmd) wish(s *subject) wish {
	return wish{c.Local || s.project.Binary != "", c.Require, "Running in containers.", "Running the installed " + s.definition.Title + ", each start in a sandbox of its own."}
}

// place decides where to run. Sandboxes have networks of their own, so this process needs none.
func (c *checkCmd) place(ctx context.Context, a *app, s *subject) (*place, error) {
	if s.project.Target == "" {
		return a.place(ctx, c.wish(s))
	}
	program, err := a.program()
	return &place{program: program, why: "Attaching to the gateway at " + s.project.Target + "."}, err
}

// product checks the product's name. A configuration in its place is taken for what it is.
func (o *ownFlags) product() error {
	if o.Config == "" && !isProduct(o.Gateway) && exists(o.Gateway) {
		o.Config, o.Gateway = o.Gateway, ""
	}
	if !isProduct(o.Gateway) {
		return noProduct(o.Gateway)
	}
	if o.Image == "" {
		return nil
	}
	if err := checkImage(o.Image); err != nil {
		return fmt.Errorf("--image %s: %w", o.Image, err)
	}
	return nil
}

// project reads the project and has the command line say what it says.
func (c *checkCmd) project(a *app) (*check.Project, error) {
	if err := c.product(); err != nil {
		return nil, err
	}
	p := check.New()
	file := c.Project
	if file == "" && c.Config == "" && c.Target == "" && exists(check.ProjectFile) {
		file = check.ProjectFile
	}
	if file != "" {
		var err error
		if p, err = check.Load(file); err != nil {
			return nil, err
		}
	}
	flags, err := c.ownFlags.flags(a)
	if err != nil {
		return nil, err
	}
	c.expect(&flags)
	if err := p.Merge(flags); err != nil {
		return nil, err
	}
	if p.Config == "" && p.Target == "" {
		return nil, errors.New("nothing to check: give --config FILE or --target URL, or a project, which gatefault init writes")
	}
	return p, nil
}

func isProduct(name string) bool { return name == "" || slices.Contains(check.Products(), name) }

// noProduct tells which product is near an unknown one.
func noProduct(name string) error {
	if near := fault.Nearest(name, check.Products()); len(near) > 0 {
		return &fault.UnknownError{Kind: "gateway", Name: name, Nearest: near}
	}
	return fmt.Errorf("%q is neither a gateway that can be checked (%s) nor a configuration that exists", name, strings.Join(check.Products(), ", "))
}

// checkProgram refuses a program that cannot be run.
func checkProgram(name string) error {
	if name == "" {
		return nil
	}
	_, err := exec.LookPath(name)
	var why *exec.Error
	if errors.As(err, &why) {
		return fmt.Errorf("binary %s: this program cannot be run: %w", name, why.Err)
	}
	return err
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return name != "" && err == nil
}

// flags puts the command line into the words of a project.
func (o *ownFlags) flags(a *app) (check.Flags, error) {
	f := check.Flags{Gateway: o.Gateway, Config: o.Config, Image: o.Image, Binary: o.Binary, Mounts: o.Mount}
	var err error
	if f.Env, err = environment(a, o.Env); err != nil {
		return f, err
	}
	return f, o.ways(&f)
}

// expect adds what is wanted of the check.
func (c *checkCmd) expect(f *check.Flags) {
	f.Target, f.Default, f.FailOn, f.Routes = c.Target, c.Default, c.FailOn, c.Route
	f.Filter = run.Filter{Scenarios: c.Scenario, Causes: c.Cause}
	if c.Patience != nil {
		f.Patience = *c.Patience
	}
}

// environment takes NAME=VALUE, and NAME for the value that this process has.
func environment(a *app, given []string) (map[string]string, error) {
	out := map[string]string{}
	for _, text := range given {
		name, value, both := strings.Cut(text, "=")
		if !both {
			var set bool
			if value, set = a.env[name]; !set {
				return nil, fmt.Errorf("--env %s: this variable is not set here; write %s=VALUE", text, name)
			}
		}
		out[name] = value
	}
	return out, nil
}
