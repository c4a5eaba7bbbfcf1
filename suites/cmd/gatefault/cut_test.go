package main

import (
	"context"
	"testing"

	"github.com/gatefault/gatefault/docker"
	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/suites/run"
)

// A run that ends while images are still got has no cells; the report tells of all of them all the same.
func TestCellsThatNeverBeganAreInTheReport(t *testing.T) {
	catalogue, err := scenarios.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	gateways, err := gateway.Load(docker.Files)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errInterrupted)
	r, sel := &run.Report{}, &selection{scenarios: catalogue.All(), gateways: gateways}
	neverBegun(ctx, r, sel)
	if len(r.Results) != len(sel.scenarios)*len(gateways) || r.Results[0].Reason != "not finished: interrupted" {
		t.Errorf("got %d results, the first %+v", len(r.Results), r.Results[0])
	}
}

// What was known before the run ended stays as it was.
func TestCutOffSparesWhatIsFinished(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	early := &run.Result{Verdict: run.Error, Reason: "it did not start"}
	cutOff(ctx, early)
	cancel(errInterrupted)
	done := &run.Result{Verdict: run.Standard, Reason: "as asked"}
	cutOff(ctx, done)
	late := &run.Result{Verdict: run.NotInjected, Reason: "context canceled"}
	cutOff(ctx, late)
	if early.Reason != "it did not start" || done.Reason != "as asked" || late.Reason != "not finished: interrupted" || late.Verdict != run.Error {
		t.Errorf("got %+v, %+v, %+v", early, done, late)
	}
}
