package check_test

import (
	"testing"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/check"
	"github.com/gatefault/gatefault/suites/run"
)

func finding(severity check.Severity, more ...string) check.Finding {
	return check.Finding{ID: "slow-answer", Severity: severity, Route: "app:8080", Scenario: "head.slow", More: more}
}

func TestGateCountsBySeverity(t *testing.T) {
	for _, c := range []struct {
		failOn, severity check.Severity
		want             bool
	}{
		{"", check.SevereError, true}, {"", check.Warning, true}, {"", check.Note, false},
		{check.SevereError, check.Warning, false}, {check.Note, check.Note, true},
	} {
		if got := (check.Gate{FailOn: c.failOn}).Counts(finding(c.severity)); got != c.want {
			t.Errorf("--fail-on %q, %s: got %v", c.failOn, c.severity, got)
		}
	}
	ignored := finding(check.SevereError)
	ignored.Ignored = &check.Ignore{Reason: "we know"}
	if (check.Gate{}).Counts(ignored) {
		t.Error("what is ignored counts")
	}
}

// What was there before does not fail; what has become worse, has spread or is no longer ignored does.
func TestGateFailsOnChangesOnly(t *testing.T) {
	ignored := finding(check.Warning)
	ignored.Ignored = &check.Ignore{Reason: "until last month"}
	for name, c := range map[string]struct {
		old, now check.Finding
		want     bool
	}{
		"the same":      {finding(check.Warning), finding(check.Warning), false},
		"worse":         {finding(check.Warning), finding(check.SevereError), true},
		"milder":        {finding(check.SevereError), finding(check.Warning), false},
		"spread":        {finding(check.Warning), finding(check.Warning, "body.stall"), true},
		"elsewhere too": {finding(check.Warning, "body.stall"), finding(check.Warning), false},
		"expired":       {ignored, finding(check.Warning), true},
		"another route": {check.Finding{ID: "slow-answer", Severity: check.Warning, Route: "api:9000", Scenario: "head.slow"}, finding(check.Warning), true},
	} {
		if got := (check.Gate{Before: &check.Report{Findings: []check.Finding{c.old}}}).Counts(c.now); got != c.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestGateFailsCells(t *testing.T) {
	cell := func(id string, status check.Status, kind scenarios.Kind, findings ...string) check.Cell {
		return check.Cell{Result: &run.Result{ID: id, Route: "app:8080", Observed: scenarios.Outcome{Kind: kind}}, Status: status, Findings: findings}
	}
	r := &check.Report{
		Findings: []check.Finding{finding(check.Warning), {ID: "no-retry-after", Severity: check.Note, Route: "app:8080", Scenario: "tcp.refuse"}},
		Cells: []check.Cell{cell("head.slow", check.Failed, scenarios.Hang, "slow-answer"), cell("tcp.refuse", check.OK, scenarios.Made, "no-retry-after"),
			cell("app.503", check.OK, scenarios.Passed), cell("head.none", check.Failed, scenarios.Raw)},
	}
	for i, want := range []bool{true, false, false, true} {
		if got := (check.Gate{}).Fails(r, r.Cells[i]); got != want {
			t.Errorf("%s: got %v", r.Cells[i].ID, got)
		}
	}
	if !(check.Gate{FailOn: check.Note}).Fails(r, r.Cells[1]) {
		t.Error("a cell with a note passes though notes fail")
	}
	if (check.Gate{}).Passes(r) || !(check.Gate{Before: r}).Passes(r) {
		t.Error("a report fails by itself, and does not against itself")
	}
	r.Cells[3].Observed.Kind = scenarios.Closed
	if (check.Gate{Before: &check.Report{Findings: r.Findings, Cells: []check.Cell{cell("head.none", check.Failed, scenarios.Raw)}}}).Passes(r) {
		t.Error("a failed cell with another outcome than before passes")
	}
}

// A finding that is known does not hide that the client gets another wrong answer; one of times says nothing of the answer.
func TestGateFailsOnOtherOutcomes(t *testing.T) {
	report := func(status int, total time.Duration, id string) *check.Report {
		return &check.Report{Findings: []check.Finding{{ID: id, Severity: check.Warning, Route: "app:8080", Scenario: "tcp.refuse"}},
			Cells: []check.Cell{{Status: check.Failed, Findings: []string{id}, Result: &run.Result{ID: "tcp.refuse", Route: "app:8080", Total: total,
				Observed: scenarios.Outcome{Kind: scenarios.Made, Status: status}}}}}
	}
	for name, c := range map[string]struct {
		old, now *check.Report
		fails    int
	}{
		"the same":          {report(404, 0, "unexpected-answer"), report(404, 0, "unexpected-answer"), 0},
		"times alone":       {report(404, 0, "unexpected-answer"), report(404, time.Minute, "unexpected-answer"), 0},
		"another answer":    {report(404, 0, "unexpected-answer"), report(200, 0, "unexpected-answer"), 1},
		"slow, and another": {report(502, 0, "slow-answer"), report(504, 0, "slow-answer"), 0},
	} {
		gate := check.Gate{Before: c.old}
		if got := gate.Otherwise(c.now); len(got) != c.fails || gate.Passes(c.now) != (c.fails == 0) {
			t.Errorf("%s: passes %v, otherwise %v", name, gate.Passes(c.now), got)
		}
	}
}
