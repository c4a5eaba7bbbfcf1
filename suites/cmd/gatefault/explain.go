package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gatefault/gatefault/suites/picture"
	"github.com/gatefault/gatefault/suites/report"
	"github.com/gatefault/gatefault/suites/run"
)

type explainCmd struct {
	ID        string `arg:"" help:"Scenario to explain, such as tcp.drop-syn."`
	Gateway   words  `short:"g" placeholder:"NAME" help:"Gateways to run it on, by name or pattern; NAME=/path/to/program runs that program here. Default: all that can run."`
	From      string `placeholder:"FILE" help:"Run nothing: take the cells from this JSON report."`
	Scenarios string `placeholder:"DIR" help:"Add your own scenarios, the *.yaml files in DIR."`
	Image     words  `placeholder:"NAME=REF" help:"Image of a gateway or of a backend."`
	Local     bool   `help:"No containers: run what is installed, on loopback."`
}

// Help is shown below the flags.
func (explainCmd) Help() string {
	return `The scenario runs on the gateways, or is taken from a report, and each cell is told as a story: a picture of what client, gateway ` +
		`and upstream sent to each other and when, what the standards ask for, what the product is known to do, what was observed, and what the ` +
		`gateway logged.

    gatefault explain head.slow -g go
    gatefault explain tcp.refuse --from report.json

Exit codes: 0 a story was told; 2 wrong usage; 3 the harness failed; 4 not one of the gateways can run the scenario here.`
}

func (c *explainCmd) Run(ctx context.Context, a *app) error {
	catalogue, err := loadCatalogue(c.Scenarios)
	if err != nil {
		return usage(err)
	}
	s, err := catalogue.Find(c.ID)
	if err != nil {
		return err
	}
	cells, repeat, err := c.cells(ctx, a)
	if err != nil || cells == nil {
		return err
	}
	a.printf("%s: %s\n", s.ID, s.Title)
	a.section("What happens", s.Explain)
	told := 0
	for _, r := range cells {
		if r.Observed.IsZero() {
			a.printf("\n%s\n", a.wrap(fmt.Sprintf("%s %s: %s", report.Mark(r.Verdict), r.Gateway.Name, report.Printable(r.Reason)), ""))
			continue
		}
		told++
		a.story(r, repeat(r))
	}
	a.section("What an operator sees", s.Operator.Symptom)
	a.bullets("What to look at, in this order", s.Operator.Checks...)
	a.section("Fix", s.Operator.Fix)
	a.section("Prevention", s.Operator.Prevention)
	if told == 0 {
		return &failure{exitIdle, fmt.Errorf("%s could not be observed on any of the gateways", s.ID)}
	}
	return nil
}

// cells runs the scenario, or takes it from a report. Without cells and error another process has told it all.
func (c *explainCmd) cells(ctx context.Context, a *app) ([]*run.Result, report.Repeat, error) {
	if c.From != "" {
		return c.fromReport()
	}
	as := &runCmd{Gateway: c.Gateway, Scenario: words{c.ID}, Scenarios: c.Scenarios, Image: c.Image, Local: c.Local, Lanes: run.DefaultLanes}
	sel, err := as.choose()
	if err != nil {
		return nil, nil, usage(err)
	}
	here, err := a.place(ctx, as.wish(sel))
	if err != nil {
		return nil, nil, err
	}
	if here.elsewhere {
		if started, err := a.runInside(ctx, here.why); started {
			return nil, nil, err
		}
	}
	p := newProgress(a.screen(a.err))
	if here.why != "" {
		p.say(here.why)
	}
	r, err := as.runCells(ctx, sel, here, p)
	if err != nil {
		return nil, nil, err
	}
	return r.Results, as.repeat(sel), nil
}

// fromReport takes the scenario's cells from a report of a run or a check.
func (c *explainCmd) fromReport() ([]*run.Result, report.Repeat, error) {
	r, _, err := readReport(c.From)
	if err != nil {
		return nil, nil, usage(err)
	}
	var cells []*run.Result
	commands := map[*run.Result]string{}
	for _, cell := range r.Cells {
		if cell.ID == c.ID && (len(c.Gateway) == 0 || slices.Contains(c.Gateway, cell.Gateway.Name)) {
			cells = append(cells, cell.Result)
			commands[cell.Result] = cell.Reproduce
		}
	}
	if len(cells) == 0 {
		return nil, nil, usagef("%s has no cell of %s%s", c.From, c.ID, strings.TrimSuffix(" on "+strings.Join(c.Gateway, ", "), " on "))
	}
	return cells, func(cells ...*run.Result) string {
		if command := commands[cells[0]]; command != "" {
			return command
		}
		return fmt.Sprintf("gatefault explain %s -g %s", cells[0].ID, cells[0].Gateway.Name)
	}, nil
}

// Bounds of what a story shows in a terminal of others' lines.
const storyLines, storyLength = 12, 200

// story tells one cell.
func (a *app) story(r *run.Result, repeat string) {
	colour := a.screen(a.out).colour
	head := strings.TrimSpace(r.Gateway.Title+" "+r.Gateway.Version) + ": " + report.Mark(r.Verdict) + " " + report.Word(r) + ", " + report.Cell(r)
	a.printf("\n%s\n", report.PaintVerdict(colour, r.Verdict, report.Printable(head)))
	drawn := picture.Of(r)
	a.printf("\n%s", drawn.Text(picture.TextOptions{Width: a.width(), Paint: func(e picture.Event, text string) string {
		if !e.Broke {
			return text
		}
		return report.PaintVerdict(colour, run.Drifted, text)
	}}))
	for _, note := range drawn.Notes {
		a.printf("%s\n", a.wrap(note, "  "))
	}
	if r.Traffic != nil {
		a.block("Traffic; the picture is of one of its requests", append(report.TrafficTotals(r.Traffic), report.TrafficSeries(r.Traffic)...)...)
	}
	a.bullets("Asked, known and observed", judgement(r)...)
	a.quoted("What the client received", string(received(r)))
	a.quoted("What the gateway logged", strings.Join(r.Log, "\n"))
	if len(r.Log) == 0 {
		a.section("What the gateway logged", "Nothing of this cell.")
	}
	a.block("See it again", repeat)
}

// judgement puts the expectations beside the observation.
func judgement(r *run.Result) (out []string) {
	for _, e := range r.Standard {
		out = append(out, fmt.Sprintf("the standards ask for %s: %s (%s)", e.Want(), e.Why, e.Cite))
	}
	if r.Known != nil {
		out = append(out, "known: "+pinLine(*r.Known))
	}
	for _, f := range report.Observed(r) {
		out = append(out, f.Name+": "+report.Printable(f.Text))
	}
	if r.Verdict != run.Standard {
		out = append(out, "verdict: "+report.Printable(r.Reason))
	}
	return out
}

func received(r *run.Result) (all []byte) {
	for _, c := range r.Client {
		all = append(all, c.Data...)
	}
	return all
}

// quoted prints a heading and lines that others wrote, unless there are none.
func (a *app) quoted(heading, text string) {
	if text != "" {
		a.block(heading, report.Quote(text, storyLines, storyLength)...)
	}
}
