package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/alert"
	"github.com/gatefault/gatefault/suites/check"
	"github.com/gatefault/gatefault/suites/report"
	"github.com/gatefault/gatefault/suites/run"
	"github.com/gatefault/gatefault/suites/runbook"
	"github.com/gatefault/gatefault/upstream/fault"
)

type runbookCmd struct {
	Gateway   words  `short:"g" placeholder:"NAME" help:"Only these gateways: apache, caddy, go, haproxy or nginx."`
	Cause     words  `short:"c" placeholder:"NAME" help:"Only these causes."`
	Scenario  words  `short:"s" placeholder:"ID" help:"Only these scenarios, by id or pattern such as 'dns.*'."`
	For       string `placeholder:"PATH" help:"Leave out what cannot happen with this configuration, a file or a folder as for gatefault check. The product is the one of --gateway, or as its name or content tells."`
	From      string `placeholder:"FILE" help:"JSON report of a run or a check, whose log lines are shown."`
	Alerts    bool   `xor:"what" help:"Write alert rules for Prometheus instead of the book."`
	Mtail     bool   `xor:"what" help:"Write the program for mtail that counts the log lines which the alert rules read, of one gateway."`
	Scenarios string `placeholder:"DIR" help:"Add your own scenarios, the *.yaml files in DIR."`
}

// Help is shown below the flags.
func (runbookCmd) Help() string {
	return `The book is Markdown: from the alert or the log line to the possible causes, and for each what to look at in which order.

    gatefault runbook -g nginx > runbook.md
    gatefault runbook --for nginx.conf > runbook.md
    gatefault runbook -g nginx --alerts > alerts.yaml       # promtool check rules alerts.yaml
    gatefault runbook -g nginx --mtail > nginx.mtail        # counts the log lines that some alerts read

Alerts read what the gateways' usual exporters export; the head of the file says which exporter each metric is of.`
}

func (c *runbookCmd) Run(a *app) error {
	book, err := c.book(a)
	if err != nil {
		return usage(err)
	}
	switch {
	case c.Alerts:
		return book.Alerts.Prometheus(a.out, book.Rules())
	case c.Mtail:
		return book.Alerts.Mtail(a.out, book.Gateways[0])
	}
	return book.Markdown(a.out)
}

// book gathers what to write. Every error is the user's mistake.
func (c *runbookCmd) book(a *app) (*runbook.Book, error) {
	catalogue, err := loadCatalogue(c.Scenarios)
	if err != nil {
		return nil, err
	}
	b := &runbook.Book{}
	if b.Scenarios, err = (run.Filter{Scenarios: c.Scenario, Causes: c.Cause}).Select(catalogue); err != nil {
		return nil, err
	}
	if b.Alerts, err = alert.Builtin(); err != nil {
		return nil, err
	}
	if b.Gateways, err = c.gateways(); err != nil {
		return nil, err
	}
	if c.For != "" {
		if err := c.limit(a, b); err != nil {
			return nil, err
		}
	}
	if c.Mtail && len(b.Gateways) != 1 {
		return nil, errors.New("--mtail writes the program of one gateway; name it with --gateway")
	}
	if c.From != "" {
		if b.Logged, err = readLogged(c.From); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// gateways are those that are named, or all.
func (c *runbookCmd) gateways() ([]string, error) {
	products, err := runbook.Products()
	if err != nil {
		return nil, err
	}
	known := slices.Sorted(maps.Keys(products))
	for _, name := range c.Gateway {
		if !slices.Contains(known, name) {
			return nil, &fault.UnknownError{Kind: "gateway", Name: name, Nearest: fault.Nearest(name, known)}
		}
	}
	switch {
	case c.For != "" && len(c.Gateway) > 1:
		return nil, errors.New("--for is about one configuration; name one --gateway")
	case len(c.Gateway) > 0:
		return c.Gateway, nil
	}
	return known, nil
}

// limit leaves out what cannot happen with the user's configuration.
func (c *runbookCmd) limit(a *app, b *runbook.Book) error {
	own := checkCmd{ownFlags: ownFlags{Config: c.For}, Lanes: 1}
	if len(c.Gateway) == 1 {
		own.ownFlags.Gateway = c.Gateway[0]
	}
	s, err := own.subject(a)
	if err != nil && !errors.Is(err, check.ErrNothing) {
		return err
	}
	b.Gateways, b.For, b.Impossible = []string{s.definition.Name}, report.Printable(c.For), map[string][]string{}
	for _, place := range s.plan.Place() {
		b.Places = append(b.Places, report.Printable(place))
	}
	var possible []*scenarios.Scenario
	for _, sc := range b.Scenarios {
		why, err := s.plan.Impossible(sc)
		switch {
		case err != nil:
			return err
		case why == "":
			possible = append(possible, sc)
		default:
			b.Impossible[why] = append(b.Impossible[why], sc.ID)
		}
	}
	b.Scenarios = possible
	return nil
}

// readLogged takes the log lines of a report: those that a sign fits first, then the others.
func readLogged(name string) (runbook.Logged, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read the report: %w", err)
	}
	defer f.Close()
	checked, ran, err := report.ReadAny(f)
	if err != nil {
		return nil, fmt.Errorf("--from %s: %w; write one with gatefault run --json FILE", name, err)
	}
	var results []*run.Result
	if ran != nil {
		results = ran.Results
	} else {
		for _, c := range checked.Cells {
			results = append(results, c.Result)
		}
	}
	logged := runbook.Logged{}
	for _, r := range results {
		var signed []string
		for _, s := range r.Signs {
			if s.Line != "" {
				signed = append(signed, s.Line)
			}
		}
		for _, line := range slices.Concat(signed, r.Log) {
			logged.Add(r.Gateway.Name, r.ID, strings.ReplaceAll(report.Printable(line), "\n", " "))
		}
	}
	return logged, nil
}
