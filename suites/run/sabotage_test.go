package run_test

import (
	"testing"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/run"
	"github.com/gatefault/gatefault/upstream/fault"
)

// notPlanned tells whether a fault is one that no plan of the upstream injects.
func notPlanned(t *testing.T, s *scenarios.Scenario) bool {
	t.Helper()
	f, err := s.Injects()
	if err != nil {
		t.Fatal(err)
	}
	return f.Level == fault.Beyond && f.Service == ""
}

// A backend without the limit, a script that does no harm and a request that is no attack: no proof, so no verdict.
func TestNoCellIsGreenWhenNothingBeyondTheUpstreamIsWrong(t *testing.T) {
	o := inContainers(t, options(t, run.Filter{Gateways: []string{"nginx", "apache"}, Layers: []string{"php", "waf"}}))
	var harmless []*scenarios.Scenario
	for _, s := range o.Scenarios {
		if !notPlanned(t, s) || s.ID == "php.fpm-stopped" { // to stop a backend is the harness's own doing, whose status it reads
			continue
		}
		other := *s
		other.Request.Path = "/"
		if s.Layer() == "php" {
			other.Pool = "default"
		}
		harmless = append(harmless, &other)
	}
	o.Scenarios = harmless
	for _, res := range perform(t, o).Results {
		if res.Verdict != run.NotInjected {
			t.Errorf("%s on %s: %s (%s), want not-injected", res.ID, res.Gateway.Name, res.Verdict, res.Reason)
		}
	}
}
