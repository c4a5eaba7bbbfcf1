package main

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/gatefault/gatefault/suites/report"
	"github.com/gatefault/gatefault/suites/run"
)

type mergeCmd struct {
	Reports   []string `arg:"" name:"report" help:"JSON reports of gatefault run, each of other cells."`
	Scenarios string   `placeholder:"DIR" help:"Your own scenarios, the *.yaml files in DIR, to explain cells with."`

	documentFlags `embed:""`
}

// Help is shown below the flags.
func (mergeCmd) Help() string {
	return `A run that takes too long for one machine is split among several, and their reports become one:

    gatefault run --shard 1/2 --json 1.json     (on one machine)
    gatefault run --shard 2/2 --json 2.json     (on another)
    gatefault merge 1.json 2.json --junit report.xml

Every machine splits alike, by the expected time of the cells. Reports of one gateway each can be merged, too.

Exit codes: as those of gatefault run, for all cells together; 2 reports that do not fit together.`
}

func (c *mergeCmd) Run(a *app) error {
	merged, version, err := c.merge()
	if err != nil {
		return usage(err)
	}
	known, err := knownScenarios(c.Scenarios)
	if err != nil {
		return usage(err)
	}
	compared := slices.ContainsFunc(merged.Results, (*run.Result).Compared)
	if err := c.documentFlags.check(compared); err != nil {
		return usage(err)
	}
	out, err := c.open(a)
	if err != nil {
		return usage(err)
	}
	defer out.discard()
	if err := errors.Join(c.write(out, merged, report.HTMLOptions{Version: version, Scenario: known}), show(out.people, merged, compared, report.TerminalOptions{})); err != nil {
		return err
	}
	return earned(merged, false)
}

// merge reads the reports and joins them. All are of one version of gatefault, which it gives.
func (c *mergeCmd) merge() (*run.Report, string, error) {
	var reports []*run.Report
	version := ""
	for i, name := range c.Reports {
		d, err := readRun(name)
		if err != nil {
			return nil, "", err
		}
		if i > 0 && d.Gatefault != version {
			return nil, "", fmt.Errorf("%s is of gatefault %s and %s of %s: run all parts with one version", c.Reports[0], version, name, d.Gatefault)
		}
		version, reports = d.Gatefault, append(reports, &d.Report)
	}
	merged, err := run.Join(reports, c.Reports)
	return merged, version, err
}

// readRun reads the report of a run.
func readRun(name string) (*report.Document, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read the report: %w", err)
	}
	defer f.Close()
	_, ran, err := report.ReadAny(f)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	case ran == nil:
		return nil, fmt.Errorf("%s is of gatefault check; only reports of gatefault run can be merged", name)
	}
	return ran, nil
}
