package run_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/run"
)

// On a connection that was used before, net/http tries a GET once more and leaves a POST alone.
func TestFaultsAreObservedInOtherProfiles(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	o := locally(options(t, run.Filter{Gateways: []string{"go"}, Scenarios: []string{"head.reset"}}))
	s := o.Scenarios[0]
	o.Scenarios, o.Apart, o.Lanes = nil, true, 2
	for _, at := range []scenarios.Setting{{Profile: "plain"}, {Profile: "keepalive", Prime: true}, {Profile: "retries"}} {
		for _, at.Method = range s.Methods() {
			o.Scenarios = append(o.Scenarios, s.In(at))
		}
	}
	want := []string{
		"plain GET observed 502 made x1, 1 received", "plain POST observed 502 made x1, 1 received",
		"keepalive GET observed 502 made x2, 2 received", "keepalive POST observed 502 made x1, 1 received",
		"retries GET unsupported  x0, 0 received", "retries POST unsupported  x0, 0 received",
	}
	var got []string
	for _, r := range perform(t, o).Results {
		got = append(got, fmt.Sprintf("%s %s %s %s x%d, %d received", r.Gateway.Profile, r.Method, r.Verdict, r.Observed, r.Attempts, r.Received))
		if r.Verdict == run.Observed && (r.Evidence == "" || r.Healthy <= 0 || r.Healthy > r.Total+time.Second || len(r.SharedLog) > 0) {
			t.Errorf("%s %s: evidence %q, healthy %s, %d lines of a log without a cell", r.Gateway.Profile, r.Method, r.Evidence, r.Healthy, len(r.SharedLog))
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// The fault is in force for a while before the request: what meets it then is no attempt of the cell.
func TestEvidenceOfAFaultThatHealthChecksMeet(t *testing.T) {
	o := locally(options(t, run.Filter{Gateways: []string{"go"}, Scenarios: []string{"head.none", "tcp.accept-close", "process.crash"}}))
	for i, s := range o.Scenarios {
		o.Scenarios[i] = s.In(scenarios.Setting{Profile: "plain", Method: "GET", Notice: 100 * time.Millisecond})
	}
	for _, r := range perform(t, o).Results {
		if r.Verdict != run.Observed {
			t.Errorf("%s: %s (%s)", r.ID, r.Verdict, r.Reason)
		}
	}
}
