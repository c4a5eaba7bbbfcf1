package main

import (
	"errors"
	"io"

	"github.com/gatefault/gatefault/suites/report"
	"github.com/gatefault/gatefault/suites/run"
)

// documentFlags say where a run's reports for machines go.
type documentFlags struct {
	JSON  string `name:"json" placeholder:"FILE" help:"Write the results as JSON; - is standard output."`
	JUnit string `name:"junit" placeholder:"FILE" help:"Write the results as JUnit XML; - is standard output."`
	HTML  string `name:"html" placeholder:"FILE" help:"Write the results as a page to look at, one file that needs nothing else; - is standard output."`
}

// check tells which flags make no sense together; compared says that the run is one with --by-profile.
func (f *documentFlags) check(compared bool) error {
	switch {
	case f.JSON == "-" && f.JUnit == "-":
		return errors.New("--json and --junit cannot both go to standard output")
	case compared && f.JUnit != "":
		return errors.New("--by-profile compares and judges nothing, so there is nothing for --junit to pass or fail; use --json")
	}
	return nil
}

// open opens the files that are wanted.
func (f *documentFlags) open(a *app) (*outputs, error) { return a.outputs(f.JSON, f.JUnit, f.HTML) }

// write writes the reports that are wanted; o says which program ran.
func (f *documentFlags) write(out *outputs, r *run.Report, o report.HTMLOptions) error {
	return out.write(
		document{f.JSON, func(w io.Writer) error { return report.JSON(w, r, o.Version) }},
		document{f.JUnit, func(w io.Writer) error { return report.JUnit(w, r, o.Repeat) }},
		document{f.HTML, func(w io.Writer) error { return report.HTML(w, r, o) }})
}
