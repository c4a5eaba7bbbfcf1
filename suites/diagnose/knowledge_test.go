package diagnose

import (
	"path"
	"slices"
	"testing"

	"github.com/gatefault/gatefault/scenarios"
)

// TestKnowledgeIsOfTheCatalogue finds entries that nothing uses any more, and those without a reason.
func TestKnowledgeIsOfTheCatalogue(t *testing.T) {
	k, err := loadKnowledge()
	if err != nil {
		t.Fatal(err)
	}
	all := catalogue(t)
	for _, p := range k.Priors {
		for _, pattern := range p.Scenarios {
			if !slices.ContainsFunc(all.All(), func(s *scenarios.Scenario) bool { ok, _ := path.Match(pattern, s.ID); return ok }) {
				t.Errorf("priors: no scenario is called %s", pattern)
			}
		}
		if p.Weight <= 0 || p.Why == "" {
			t.Errorf("priors: %v needs a weight and a reason", p.Scenarios)
		}
	}
	for _, f := range k.Signs {
		known(t, all, f.Gateway, f.Scenarios, f.Why)
	}
	for _, h := range k.Healthy {
		known(t, all, h.Gateway, nil, h.Why)
	}
	for _, c := range k.Coincidences {
		known(t, all, c.Gateway, c.Scenarios, c.Why)
		for _, pattern := range c.Patterns {
			if !slices.ContainsFunc(all.All(), func(s *scenarios.Scenario) bool { return hasSign(s, c.Gateway, pattern) }) {
				t.Errorf("coincidences: no scenario has %q as a sign at %s", pattern, c.Gateway)
			}
		}
	}
}

func hasSign(s *scenarios.Scenario, gateway, pattern string) bool {
	return slices.ContainsFunc(s.Signs[gateway], func(sign scenarios.Sign) bool { return sign.Pattern == pattern })
}

func known(t *testing.T, all *scenarios.Catalogue, gateway string, ids []string, why string) {
	t.Helper()
	if err := isOne(gateway); err != nil || why == "" {
		t.Errorf("%s %v: a gateway and a reason are needed", gateway, ids)
	}
	for _, id := range ids {
		if _, err := all.Find(id); err != nil {
			t.Errorf("%s: %v", gateway, err)
		}
	}
}
