package scenarios_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/Masterminds/semver/v3"
	"go.yaml.in/yaml/v4"

	"github.com/gatefault/gatefault/docker"
	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/upstream/fault"
)

// measured are the versions that the catalogue must have an answer for.
var measured = map[string][]string{
	"nginx":   {"1.22.1", "1.26.3", "1.30.6"},
	"haproxy": {"2.6.12", "3.0.11", "3.2.26"},
	"caddy":   {"2.6.2", "2.11.4"},
	"apache":  {"2.4.69", "2.4.71"},
	"go":      {"go1.26.8"},
}

func builtin(t *testing.T) []*scenarios.Scenario {
	t.Helper()
	c, err := scenarios.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	return c.All()
}

func TestBuiltinCoversEveryFault(t *testing.T) {
	injected := map[string]bool{}
	for _, s := range builtin(t) {
		injected[s.Fault] = true
	}
	for _, f := range fault.All() {
		if !injected[f.Name] {
			t.Errorf("no scenario injects %s", f.Name)
		}
	}
}

// causes of the operators' guides: each has a scenario, and the catalogue is no smaller than what was promised.
func TestBuiltinCoversEveryCause(t *testing.T) {
	count := map[scenarios.Cause]int{}
	for _, s := range builtin(t) {
		count[s.Cause]++
	}
	for _, cause := range scenarios.Causes() {
		if count[cause] == 0 {
			t.Errorf("no scenario has the cause %s", cause)
		}
	}
	if n := len(builtin(t)); n < 100 {
		t.Errorf("%d scenarios, want at least 100", n)
	}
}

// lacks is what a gateway.yaml says that the product, or a version of it, cannot have.
type lacks struct {
	Without  map[string]string `yaml:"without"`
	Requires map[string]string `yaml:"requires"`
}

func lacksOf(t *testing.T, gateway string) (l lacks) {
	t.Helper()
	text, err := docker.Files.ReadFile(gateway + "/gateway.yaml")
	if err == nil {
		err = yaml.Load(text, &l)
	}
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (l lacks) profile(t *testing.T, name, version string) bool {
	t.Helper()
	if l.Without[name] != "" || l.Requires[name] == "" {
		return l.Without[name] != ""
	}
	needed, err := semver.NewConstraint(l.Requires[name])
	if err != nil {
		t.Fatal(err)
	}
	v, err := scenarios.ParseVersion(version)
	return err == nil && !needed.Check(v)
}

func TestBuiltinKnowsEveryMeasuredVersion(t *testing.T) {
	for gateway, versions := range measured {
		lacks := lacksOf(t, gateway)
		for _, s := range builtin(t) {
			for _, v := range versions {
				if _, ok := s.Known(gateway, v); !ok && !lacks.profile(t, s.Profile, v) {
					t.Errorf("%s has no pin for %s %s", s.ID, gateway, v)
				}
			}
		}
	}
	for _, s := range builtin(t) {
		for gateway := range measured {
			logs := len(s.Signs[gateway]) > 0
			if lacks := lacksOf(t, gateway); !logs && !slices.Contains(s.Unlogged, gateway) && !lacks.profile(t, s.Profile, "999") {
				t.Errorf("%s has no signs of %s; take them from its log, or say unlogged", s.ID, gateway)
			}
		}
		for gateway := range s.Signs {
			if measured[gateway] == nil {
				t.Errorf("%s has signs of %q, which is no gateway", s.ID, gateway)
			}
		}
	}
}

// What a gateway makes itself must have the status that RFC 9209 recommends for the scenario's error type.
func TestBuiltinStandardFollowsTheErrorType(t *testing.T) {
	recommended := map[string]int{}
	for _, e := range scenarios.ErrorTypes() {
		recommended[e.Name] = e.Status
	}
	for _, s := range builtin(t) {
		for _, e := range s.Standard {
			for _, o := range append(e.Shares.Outcomes(), e.Outcome) {
				if o.Kind == scenarios.Made && o.Status != recommended[s.Error] {
					t.Errorf("%s: %s is standard, but %s recommends %d", s.ID, o, s.Error, recommended[s.Error])
				}
			}
			if !strings.Contains(e.Cite, "RFC ") {
				t.Errorf("%s: %q cites no RFC", s.ID, e.Cite)
			}
		}
	}
}

// A gateway's known outcome is either standard or it is not; a pin must not fail the standard only by its attempts.
func TestBuiltinPinsAgreeWithTheStandardOnAttempts(t *testing.T) {
	for _, s := range builtin(t) {
		for _, p := range s.Pins {
			sameOutcome := slices.ContainsFunc(s.Standard, func(e scenarios.Expectation) bool { return e.Outcome == p.Outcome })
			if _, ok := s.Permits(p.Outcome, p.Attempts); sameOutcome && !ok && p.Attempts != 0 {
				t.Errorf("%s: %s %s with %d attempts is standard but for the attempts", s.ID, p.Gateway, p.Outcome, p.Attempts)
			}
		}
	}
}

func TestBuiltinSaysWhichSectionAnErrorTypeHas(t *testing.T) {
	for _, s := range builtin(t) {
		for _, e := range s.Standard {
			for _, typ := range scenarios.ErrorTypes() {
				if strings.Contains(e.Cite, typ.Name) && !strings.Contains(e.Cite, "§"+typ.Section+" "+typ.Name) {
					t.Errorf("%s: %q gives another section than %s for %s", s.ID, e.Cite, typ.Section, typ.Name)
				}
			}
		}
	}
}
