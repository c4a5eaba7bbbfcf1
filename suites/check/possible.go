package check

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatefault/gatefault/scenarios"
)

// Impossible gives the reason why a scenario cannot happen on any route of the configuration; empty: it can. What a check
// merely cannot run is possible.
func (p *Plan) Impossible(s *scenarios.Scenario) (string, error) {
	data, err := loadRules()
	if err != nil {
		return "", err
	}
	var reasons []string
	for _, r := range p.Routes {
		why := data.impossible(s, r.traits)
		if why == "" {
			return "", nil
		}
		if !slices.Contains(reasons, why) {
			reasons = append(reasons, why)
		}
	}
	return strings.Join(reasons, "; "), nil
}

func (r *rules) impossible(s *scenarios.Scenario, t traits) string {
	for _, rule := range slices.Concat(r.Rules, r.Happens) {
		if rule.conditional() && !rule.Ours && rule.about(s) && !rule.met(t) {
			return rule.Why
		}
	}
	return ""
}

// Place says what was read and where its requests lead, one line a route.
func (p *Plan) Place() (out []string) {
	for _, r := range p.Routes {
		out = append(out, fmt.Sprintf("%s: %s", r.Name, places(r.Servers)))
	}
	return out
}
