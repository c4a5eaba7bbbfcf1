package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/check"
	"github.com/gatefault/gatefault/suites/report"
	"github.com/gatefault/gatefault/suites/run"
	"github.com/gatefault/gatefault/upstream"
)

// formats are the reports of a run, and Markdown, which is one of a check.
var formats = []struct {
	name  string
	write func(io.Writer, *run.Report) error
}{
	{"table", func(w io.Writer, r *run.Report) error { return report.Terminal(w, r, report.TerminalOptions{}) }},
	{"JSON", func(w io.Writer, r *run.Report) error { return report.JSON(w, r, "") }},
	{"JUnit", func(w io.Writer, r *run.Report) error { return report.JUnit(w, r, nil) }},
	{"HTML", func(w io.Writer, r *run.Report) error { return report.HTML(w, r, report.HTMLOptions{}) }},
	{"Markdown", func(w io.Writer, r *run.Report) error {
		return report.Markdown(w, check.OfRun(r), report.CheckOptions{})
	}},
}

// reportSizes are numbers of scenarios, each on five gateways.
var reportSizes = []int{200, 400, 800, 1600}

// reports measures whether the time to write a report grows with its cells and no faster.
func reports(_ context.Context, b *bench) ([]line, error) {
	var out []line
	for _, f := range formats {
		times := map[int]samples{}
		for range b.runs {
			for _, n := range reportSizes {
				r := sampleReport(n)
				took, err := timeOf(func() error { return f.write(io.Discard, r) })
				if err != nil {
					return nil, err
				}
				times[n] = append(times[n], took.Seconds()*1e6/float64(len(r.Results)))
			}
		}
		text := ""
		for _, n := range reportSizes {
			text += fmt.Sprintf("%s: %s µs; ", number(float64(5*n)), number(times[n].median()))
		}
		growth := times[reportSizes[len(reportSizes)-1]].over(times[reportSizes[0]])
		out = append(out, line{What: f.name + ", by cells, " + text + "the largest against the smallest", Result: growth.String() + "x",
			Bar: "linear", Met: growth.median() <= 1.25})
	}
	return out, nil
}

// timeOf gives the time of the fastest of three calls.
func timeOf(f func() error) (fastest time.Duration, err error) {
	for i := range 3 {
		began := time.Now()
		if err := f(); err != nil {
			return 0, err
		}
		if took := time.Since(began); i == 0 || took < fastest {
			fastest = took
		}
	}
	return fastest, nil
}

// sampleReport is a run of n scenarios on five gateways, each cell with what usual ones keep.
func sampleReport(n int) *run.Report {
	r := &run.Report{Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Timing: run.Timing{Total: time.Minute}}
	recovery := 3 * time.Millisecond
	for g := range 5 {
		gateway := run.Gateway{Name: fmt.Sprintf("gateway%d", g), Title: "Gateway", Version: "1.2.3", Image: "gateway:1.2 (0123456789ab)", Profile: "plain", Place: "container"}
		r.Gateways = append(r.Gateways, gateway)
	}
	causes := scenarios.Causes()
	for i := range n {
		for _, g := range r.Gateways {
			made := scenarios.Outcome{Kind: scenarios.Made, Status: 502}
			res := &run.Result{Cell: fmt.Sprintf("gf-00000000-%d", len(r.Results)), ID: fmt.Sprintf("made.up-%d", i), Cause: causes[i*len(causes)/n], Gateway: g,
				Method: "GET", Verdict: run.Standard, Reason: "observed 502 made after 1 attempt, as the standards ask", Observed: made,
				Standard: []scenarios.Expectation{{Outcome: made, Why: "The upstream is gone.", Cite: "RFC 9110 §15.6.3"}}, Attempts: 1,
				FirstByte: time.Millisecond, Total: 2 * time.Millisecond, Recovery: &recovery, Took: time.Second,
				Evidence: "journal 7: request 1 on connection 3 met made.up", Client: []run.Chunk{{At: time.Millisecond, Data: make([]byte, 300)}},
				Log: []string{`lane0 127.0.0.1 - - "GET /gf-00000000-1/fault/ HTTP/1.1" 502 157 "-" "-"`}}
			for e := range 10 {
				res.Journal = append(res.Journal, upstream.Event{Seq: uint64(e), At: time.Duration(e), Kind: upstream.Requested, Endpoint: g.Name + "-plain-0", Target: "/gf-00000000-1/fault/"})
			}
			r.Results = append(r.Results, res)
		}
	}
	return r
}
