package run_test

import (
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/gatefault/gatefault/suites/run"
)

func TestReuseIsObservedAndProven(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	want := map[string][2]string{
		"conn.race":             {"200 passed", ", a reused one"},
		"conn.close-idle":       {"200 passed", "the next request came as request 1 of connection "},
		"conn.two-answers":      {"200 passed", "the next request came as request 1 of connection "},
		"conn.two-answers-race": {"200 stray", ", a reused one"},
		"body.excess-reuse":     {"200 passed", "the next request came as request 1 of connection "},
	}
	var ids []string
	for id := range want {
		ids = append(ids, id)
	}
	for _, res := range perform(t, locally(options(t, run.Filter{Gateways: []string{"go"}, Scenarios: ids}))).Results {
		if w := want[res.ID]; res.Verdict != run.Standard || res.Observed.String() != w[0] || !strings.Contains(res.Evidence, w[1]) {
			t.Errorf("%s: %s %s (%s), %s", res.ID, res.Verdict, res.Observed, res.Reason, res.Evidence)
		}
	}
}

// Where the gateway keeps no connection, no fault of kept connections can have happened.
func TestWithoutReuseNothingIsInjected(t *testing.T) {
	o := locally(options(t, run.Filter{Gateways: []string{"go"}, Scenarios: []string{"conn.*", "body.excess-reuse"}}))
	for i, s := range o.Scenarios {
		fresh := *s
		fresh.Profile = "plain"
		o.Scenarios[i] = &fresh
	}
	for _, res := range perform(t, o).Results {
		if res.Verdict != run.NotInjected {
			t.Errorf("%s: %s %s (%s), want not-injected", res.ID, res.Verdict, res.Observed, res.Reason)
		}
	}
}
