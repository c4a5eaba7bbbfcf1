package check_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/check"
	"github.com/gatefault/gatefault/suites/run"
)

func changedCell(change func(*check.Cell)) check.Cell {
	recovered := 20 * time.Millisecond
	c := check.Cell{Status: check.OK, Result: &run.Result{ID: "tcp.refuse", Route: "app:8080", Verdict: run.Standard, Attempts: 1,
		Observed: scenarios.Outcome{Kind: scenarios.Made, Status: 502}, Total: 2 * time.Millisecond, Recovery: &recovered}}
	change(&c)
	return c
}

func TestCompareCells(t *testing.T) {
	late, soon := 10*time.Second, 2*time.Second
	for name, c := range map[string]struct {
		change func(*check.Cell)
		want   string
	}{
		"nothing":        {func(*check.Cell) {}, ""},
		"the machine":    {func(c *check.Cell) { c.Total = 900 * time.Millisecond }, ""},
		"the answer":     {func(c *check.Cell) { c.Observed.Status = 503 }, "502 made -> 503 made"},
		"more than one":  {func(c *check.Cell) { c.Status, c.Attempts = check.Failed, 4 }, "ok -> failed; tries 1 -> 4"},
		"the verdict":    {func(c *check.Cell) { c.Verdict = run.Deviates }, "standard -> deviates"},
		"the time":       {func(c *check.Cell) { c.Total = 60 * time.Second }, "time 0.0 s -> 60.0 s"},
		"later":          {func(c *check.Cell) { c.Recovery = &late }, "recovery 0.0 s -> 10.0 s"},
		"a busy machine": {func(c *check.Cell) { c.Recovery = &soon }, ""},
		"never":          {func(c *check.Cell) { c.Recovery = nil }, "recovery 0.0 s -> never"},
		"skipped":        {func(c *check.Cell) { c.Status, c.Verdict, c.Recovery = check.Skipped, run.Unsupported, nil }, "ok -> skipped"},
		"nothing lasts":  {func(c *check.Cell) { c.Lasting, c.Recovery = true, nil }, ""},
		"with traffic":   {func(c *check.Cell) { c.Traffic, c.Attempts = &run.Traffic{}, 99 }, ""},
		"another reason": {func(c *check.Cell) { c.Reason = "in other words" }, ""},
	} {
		got := check.Compare(&check.Report{Cells: []check.Cell{changedCell(func(*check.Cell) {})}}, &check.Report{Cells: []check.Cell{changedCell(c.change)}})
		what := ""
		for _, cell := range got.Cells {
			what = strings.Join(cell.What, "; ")
		}
		if what != c.want || got.None() != (c.want == "") || got.Same+len(got.Cells) != 1 {
			t.Errorf("%s: got %q, want %q", name, what, c.want)
		}
	}
}

func TestTimesThatDiffer(t *testing.T) {
	for _, c := range []struct {
		old, now time.Duration
		want     bool
	}{
		{0, 900 * time.Millisecond, false}, {0, time.Second, true}, {3 * time.Second, 5 * time.Second, false}, {2 * time.Second, 5 * time.Second, true},
		{60 * time.Second, 65 * time.Second, false}, {60 * time.Second, 90 * time.Second, true}, {90 * time.Second, 60 * time.Second, true},
	} {
		old := changedCell(func(cell *check.Cell) { cell.Total = c.old })
		now := changedCell(func(cell *check.Cell) { cell.Total = c.now })
		if got := !check.Compare(&check.Report{Cells: []check.Cell{old}}, &check.Report{Cells: []check.Cell{now}}).None(); got != c.want {
			t.Errorf("%s and %s differ: %v", c.old, c.now, got)
		}
	}
}

func TestCompareTellsWhatAppearedAndWhatIsGone(t *testing.T) {
	elsewhere := changedCell(func(c *check.Cell) { c.Route = "api:9000" })
	before := &check.Report{Cells: []check.Cell{changedCell(func(*check.Cell) {})}, Findings: []check.Finding{finding(check.Warning)},
		Product: []check.Finding{{ID: "garbage-passed", Route: "app:8080"}}}
	now := &check.Report{Cells: []check.Cell{elsewhere}, Findings: []check.Finding{{ID: "never-answers", Route: "app:8080"}}}
	var got []string
	c := check.Compare(before, now)
	for _, f := range c.Findings {
		got = append(got, fmt.Sprint(f.Kind, " ", f.ID, " ", f.Product))
	}
	for _, cell := range c.Cells {
		got = append(got, string(cell.Kind)+" "+cell.Route()+" "+cell.Scenario())
	}
	want := []string{"new never-answers false", "gone slow-answer false", "gone garbage-passed true", "new api:9000 tcp.refuse", "gone app:8080 tcp.refuse"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestCompareFindings(t *testing.T) {
	ignored := finding(check.Warning)
	ignored.Ignored = &check.Ignore{}
	for name, c := range map[string]struct {
		old, now check.Finding
		want     string
	}{
		"the same":   {finding(check.Warning, "b"), finding(check.Warning, "b"), ""},
		"worse":      {finding(check.Warning), finding(check.SevereError), "warning -> error"},
		"spread":     {finding(check.Warning, "b"), finding(check.Warning, "c"), "also in c; no longer in b"},
		"ignored":    {finding(check.Warning), ignored, "ignored now"},
		"no longer":  {ignored, finding(check.Warning), "no longer ignored"},
		"best place": {finding(check.Warning, "body.stall"), check.Finding{ID: "slow-answer", Severity: check.Warning, Route: "app:8080", Scenario: "body.stall", More: []string{"head.slow"}}, ""},
	} {
		got := check.Compare(&check.Report{Findings: []check.Finding{c.old}}, &check.Report{Findings: []check.Finding{c.now}})
		what := ""
		for _, f := range got.Findings {
			what = f.What
		}
		if what != c.want {
			t.Errorf("%s: got %q, want %q", name, what, c.want)
		}
	}
}

func TestCompareRuns(t *testing.T) {
	result := func(gateway string, v run.Verdict) *run.Result {
		return &run.Result{ID: "tcp.refuse", Verdict: v, Gateway: run.Gateway{Name: gateway, Profile: "plain"}}
	}
	before := &run.Report{Results: []*run.Result{result("nginx", run.Standard), result("haproxy", run.Deviates), {ID: "tcp.refuse", Method: "POST", Verdict: run.Observed, Gateway: run.Gateway{Name: "go", Profile: "plain"}}}}
	now := &run.Report{Results: []*run.Result{result("nginx", run.Drifted), result("haproxy", run.Deviates)}}
	var got []string
	for _, c := range check.Compare(check.OfRun(before), check.OfRun(now)).Cells {
		got = append(got, string(c.Kind)+" "+c.Route()+" "+strings.Join(c.What, "; "))
	}
	if diff := cmp.Diff([]string{"changed nginx ok -> failed", "gone go plain POST "}, got); diff != "" {
		t.Error(diff)
	}
	if before.Results[0].Route != "" {
		t.Error("the run itself was changed")
	}
}
