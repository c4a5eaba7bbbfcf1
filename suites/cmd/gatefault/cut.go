package main

import (
	"cmp"
	"context"
	"slices"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/report"
	"github.com/gatefault/gatefault/suites/run"
)

// cutOff gives a cell that is done only now, because ctx has ended, that reason instead of whatever failed by it.
func cutOff(ctx context.Context, r *run.Result) {
	if ctx.Err() == nil || r.Verdict != run.Error && r.Verdict != run.NotInjected {
		return
	}
	r.Verdict, r.Reason = run.Error, report.NotFinished+context.Cause(ctx).Error()
}

// neverBegun puts all cells into the report of a run that ended before it had any, while images were got for example.
func neverBegun(ctx context.Context, r *run.Report, sel *selection) {
	if ctx.Err() == nil || len(r.Results) > 0 {
		return
	}
	for s, d := range sel.each {
		res := run.NewResult(s, d)
		res.Verdict = run.Error
		cutOff(ctx, res)
		r.Results = append(r.Results, res)
		if !slices.Contains(r.Gateways, res.Gateway) {
			r.Gateways = append(r.Gateways, res.Gateway)
		}
	}
	slices.SortStableFunc(r.Results, func(a, b *run.Result) int { return cmp.Compare(rank(a.Cause), rank(b.Cause)) })
}

func rank(c scenarios.Cause) int { return slices.Index(scenarios.Causes(), c) }
