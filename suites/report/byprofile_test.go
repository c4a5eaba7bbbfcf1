package report_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/report"
	"github.com/gatefault/gatefault/suites/run"
)

// comparison is a run in which profiles are compared, and in which everything happens that its table has to show.
func comparison() *run.Report {
	r := &run.Report{Started: time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC), Timing: run.Timing{Total: 12 * time.Second, LongestCell: 6 * time.Second}}
	in := func(g run.Gateway, profile string) run.Gateway { g.Profile = profile; return g }
	add := func(id string, cause scenarios.Cause, method string, g run.Gateway, o scenarios.Outcome, attempts, received int, added time.Duration) *run.Result {
		res := &run.Result{Cell: "gf-00000000-1", ID: id, Cause: cause, Method: method, Gateway: g, Verdict: run.Observed, Observed: o,
			Reason: "nothing is expected of this cell", Attempts: attempts, Received: received, Healthy: 4 * time.Millisecond,
			Total: 9*time.Millisecond + added, Recovery: after(3 * time.Millisecond), Evidence: "journal 7"}
		r.Results = append(r.Results, res)
		return res
	}
	stored := scenarios.Outcome{Kind: scenarios.Stored, Status: 200}
	for _, method := range []string{"GET", "POST"} {
		add("tcp.drop-syn", "firewall", method, in(nginx, "plain"), made(504), 1, 0, 1500*time.Millisecond)
		add("tcp.drop-syn", "firewall", method, in(nginx, "retries"), passed(200), 2, 1, 1530*time.Millisecond)
		r.Results = append(r.Results, &run.Result{ID: "tcp.drop-syn", Cause: "firewall", Method: method, Gateway: in(nginx, "healthcheck"),
			Verdict: run.Unsupported, Reason: "nginx has no profile healthcheck: active health checks are part of NGINX Plus"})
		add("tcp.drop-syn", "firewall", method, in(nginx, "cache"), made(504), 1, 0, 1500*time.Millisecond)
	}
	add("head.reset", "crash", "GET", in(nginx, "plain"), made(502), 1, 1, 0)
	add("head.reset", "crash", "POST", in(nginx, "plain"), made(502), 1, 1, 0)
	add("head.reset", "crash", "GET", in(nginx, "retries"), passed(200), 2, 2, 0)
	add("head.reset", "crash", "POST", in(nginx, "retries"), passed(200), 2, 2, 0).Recovery = nil
	add("head.reset", "crash", "GET", in(nginx, "cache"), stored, 1, 1, 0)
	add("head.reset", "crash", "POST", in(nginx, "cache"), made(502), 1, 1, 0)
	missing := add("head.reset", "crash", "GET", in(haproxy, "plain"), scenarios.Outcome{}, 0, 0, 0)
	missing.Verdict, missing.Reason = run.NotInjected, "the upstream's journal has nothing of this cell"
	add("head.reset", "crash", "POST", in(haproxy, "plain"), made(502), 3, 2, 0)
	for _, res := range r.Results {
		if !slices.Contains(r.Gateways, res.Gateway) {
			r.Gateways = append(r.Gateways, res.Gateway)
		}
	}
	return r
}

func TestByProfile(t *testing.T) {
	for name, o := range map[string]report.TerminalOptions{
		"byprofile.txt":        {},
		"byprofile-narrow.txt": {Width: 50},
		"byprofile-colour.txt": {Width: 120, Colour: true},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := report.ByProfile(&out, comparison(), o); err != nil {
				t.Fatal(err)
			}
			golden(t, name, out.Bytes())
		})
	}
}

func TestByProfileOfARunWithoutResults(t *testing.T) {
	var out bytes.Buffer
	if err := report.ByProfile(&out, &run.Report{}, report.TerminalOptions{}); err != nil || !strings.HasPrefix(out.String(), "0 cells") {
		t.Errorf("got %v, %q", err, out.String())
	}
}
