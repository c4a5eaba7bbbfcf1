package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/gatefault/gatefault/suites/check"
	"github.com/gatefault/gatefault/suites/report"
)

type diffCmd struct {
	Before   string `arg:"" help:"JSON report of gatefault check or gatefault run."`
	After    string `arg:"" help:"Another one of the same command."`
	Markdown bool   `help:"Print Markdown, for a merge request."`
	HTML     string `name:"html" placeholder:"FILE" help:"Write a page with the stories of what changed side by side; - is standard output."`
}

// Help is shown below the flags.
func (diffCmd) Help() string {
	return `Two configurations, or two versions of a product: what a newer one does differently is told in words and as a table. Times count ` +
		`as different from a second and a quarter on.

    gatefault check --json a.json; gatefault check --image nginx:1.31 --json b.json; gatefault diff a.json b.json

Exit codes: 0 nothing changed; 1 something did; 2 a report cannot be read.`
}

func (c *diffCmd) Run(a *app) error {
	var reports [2]*check.Report
	var kinds [2]string
	for i, name := range []string{c.Before, c.After} {
		var err error
		if reports[i], kinds[i], err = readReport(name); err != nil {
			return usage(err)
		}
	}
	if kinds[0] != kinds[1] {
		return usagef("%s is of gatefault %s and %s of gatefault %s: they tell different things", c.Before, kinds[0], c.After, kinds[1])
	}
	changes, names := check.Compare(reports[0], reports[1]), [2]string{c.Before, c.After}
	out, err := a.outputs(c.HTML)
	if err != nil {
		return usage(err)
	}
	defer out.discard()
	page := document{c.HTML, func(w io.Writer) error {
		known, err := knownScenarios("")
		if err != nil {
			return err
		}
		return report.ChangesHTML(w, changes, names, report.HTMLOptions{Version: version(), Scenario: known})
	}}
	if err := errors.Join(out.write(page), c.show(out.people, changes, names)); err != nil || changes.None() {
		return err
	}
	return &failure{exitChanged, nil}
}

func (c *diffCmd) show(s screen, changes *check.Changes, names [2]string) error {
	if c.Markdown {
		return report.ChangesMarkdown(s, changes, names)
	}
	return report.Changes(s, changes, names, report.TerminalOptions{Width: s.width, Colour: s.colour})
}

// readReport reads the report of a check, or of a run in the form of one, and tells which command it is of.
func readReport(name string) (r *check.Report, command string, err error) {
	checked, ran, err := openReport(name)
	switch {
	case err != nil:
		return nil, "", err
	case checked != nil:
		return &checked.Report, "check", nil
	}
	return check.OfRun(&ran.Report), "run", nil
}

// openReport reads the report of a check or of a run, whichever it is.
func openReport(name string) (*report.CheckDocument, *report.Document, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, fmt.Errorf("read the report: %w", err)
	}
	defer f.Close()
	checked, ran, err := report.ReadAny(f)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	return checked, ran, nil
}
