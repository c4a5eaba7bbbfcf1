package main

import (
	"fmt"
	"io"
	"os"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/check"
	"github.com/gatefault/gatefault/suites/report"
)

type reportCmd struct {
	File      string `arg:"" help:"JSON report of gatefault run or gatefault check."`
	HTML      string `name:"html" required:"" placeholder:"FILE" help:"Page to write, one file that needs nothing else; - is standard output."`
	Scenarios string `placeholder:"DIR" help:"Your own scenarios, the *.yaml files in DIR, to explain cells with."`
}

func (c *reportCmd) Run(a *app) error {
	f, err := os.Open(c.File)
	if err != nil {
		return usage(fmt.Errorf("read the report: %w", err))
	}
	defer f.Close()
	checked, ran, err := report.ReadAny(f)
	if err != nil {
		return usage(fmt.Errorf("%s: %w", c.File, err))
	}
	known, err := knownScenarios(c.Scenarios)
	if err != nil {
		return usage(err)
	}
	out, err := a.outputs(c.HTML)
	if err != nil {
		return usage(err)
	}
	return out.write(document{c.HTML, func(w io.Writer) error {
		o := report.HTMLOptions{Version: version(), Scenario: known}
		if checked != nil {
			return report.CheckHTML(w, &checked.Report, check.Gate{}, o)
		}
		return report.HTML(w, &ran.Report, o)
	}})
}

// knownScenarios finds scenarios by id, the built-in ones and those in a folder of the user's; what it gives is nil for an
// unknown one, as that of another version of this program.
func knownScenarios(dir string) (func(id string) *scenarios.Scenario, error) {
	catalogue, err := loadCatalogue(dir)
	if err != nil {
		return nil, err
	}
	byID := map[string]*scenarios.Scenario{}
	for _, s := range catalogue.All() {
		byID[s.ID] = s
	}
	return func(id string) *scenarios.Scenario { return byID[id] }, nil
}
