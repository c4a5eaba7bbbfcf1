package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gatefault/gatefault/suites/check"
	"github.com/gatefault/gatefault/suites/config"
	"github.com/gatefault/gatefault/suites/report"
)

type initCmd struct {
	ownFlags
	Output string `short:"o" default:"gatefault.yaml" placeholder:"FILE" help:"File to write; - is standard output. Default: ${default}."`
	Force  bool   `help:"Overwrite the file."`
}

// Help is shown below the flags.
func (initCmd) Help() string {
	return `The configuration is read, not started: its entries, routes and upstreams go into the project, each with the place where the ` +
		`configuration says so, and what else a project can say stands there as comments. Then gatefault check needs no flags.

Exit codes: 0 written; 2 a mistake of yours, such as a file that exists already.`
}

func (c *initCmd) Run(a *app) error {
	text, err := c.project(a)
	if err != nil {
		return usage(err)
	}
	if c.Output == "-" {
		_, err := a.out.Write(text)
		return err
	}
	if err := c.write(text); err != nil {
		return usage(err)
	}
	run := "gatefault check"
	if c.Output != check.ProjectFile {
		run += " --project " + quote(c.Output)
	}
	a.printf("%s is written. Read it, then: %s\n", report.Printable(c.Output), run)
	return nil
}

// project makes the file's text.
func (c *initCmd) project(a *app) ([]byte, error) {
	if err := c.product(); err != nil {
		return nil, err
	}
	if c.Config == "" {
		return nil, errors.New("name the configuration, as in gatefault init nginx --config ./nginx.conf")
	}
	flags, err := c.flags(a)
	if err != nil {
		return nil, err
	}
	p := check.New()
	if err := p.Merge(flags); err != nil {
		return nil, err
	}
	d, err := definitionOf(p)
	if err != nil {
		return nil, err
	}
	layout, err := ownLayout(d)
	if err != nil {
		return nil, err
	}
	cfg, err := config.Read(d.Name, sourceOf(p, d, layout))
	if err != nil {
		return nil, err
	}
	return check.Init(p, cfg, filepath.Dir(c.Output))
}

// write writes the file, and overwrites one only if that is wanted.
func (c *initCmd) write(text []byte) error {
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if c.Force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(c.Output, flags, 0o644)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s exists already; --force overwrites it, and -o names another file", c.Output)
	}
	if err != nil {
		return fmt.Errorf("the project cannot be written: %w", err)
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}
