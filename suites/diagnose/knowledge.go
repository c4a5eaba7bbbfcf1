package diagnose

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"sync"

	"github.com/gatefault/gatefault/scenarios/strict"
)

//go:embed knowledge.yaml
var knowledgeFile []byte

// knowledge is what a diagnosis needs beyond the scenarios.
type knowledge struct {
	Priors  []prior   `yaml:"priors"`
	Signs   []further `yaml:"signs"`
	Healthy []healthy `yaml:"healthy"`
	// Coincidences are patterns of the catalogue that are not looked for.
	Coincidences []coincidence `yaml:"coincidences"`

	observed map[string]seenLogs // by gateway
}

// prior tells how often a cause is met where its log fits. The first one that names a scenario holds; without one it is 1.
type prior struct {
	Scenarios []string `yaml:"scenarios"` // ids, or patterns of ids
	Weight    float64  `yaml:"weight"`
	Why       string   `yaml:"why"`
}

// further is a pattern of logs that the scenarios' own profiles do not write.
type further struct {
	Gateway   string   `yaml:"gateway"`
	Pattern   string   `yaml:"pattern"`
	Scenarios []string `yaml:"scenarios"`
	Why       string   `yaml:"why"`
}

// healthy is a pattern that fits lines of traffic that nothing is wrong with.
type healthy struct {
	Gateway string `yaml:"gateway"`
	Pattern string `yaml:"pattern"`
	Why     string `yaml:"why"`
}

// coincidence is a pattern that owes its being specific to the scenario's request, and not to the cause.
type coincidence struct {
	Gateway   string   `yaml:"gateway"`
	Patterns  []string `yaml:"patterns"`
	Scenarios []string `yaml:"scenarios"` // that cannot be told from others for that reason
	Why       string   `yaml:"why"`
}

//go:embed observed.json
var observedFile []byte

// seenLogs is which patterns fit the logs of real runs, whosever signs they are; see TestObserved.
type seenLogs struct {
	Patterns  []string         `json:"patterns"`
	Answers   []string         `json:"answers"` // those that fit access lines only
	Scenarios map[string][]int `json:"scenarios"`
}

var loadKnowledge = sync.OnceValues(func() (*knowledge, error) {
	k := &knowledge{}
	if _, err := strict.Load("suites/diagnose/knowledge.yaml", knowledgeFile, k, strict.Words{}); err != nil {
		return nil, fmt.Errorf("read what a diagnosis knows: %w", err)
	}
	if err := json.Unmarshal(observedFile, &k.observed); err != nil {
		return nil, fmt.Errorf("read what logs were observed: %w", err)
	}
	return k, nil
})

func (k *knowledge) prior(id string) float64 {
	for _, p := range k.Priors {
		if slices.ContainsFunc(p.Scenarios, func(pattern string) bool { ok, _ := path.Match(pattern, id); return ok }) {
			return p.Weight
		}
	}
	return 1
}

func (k *knowledge) furtherSigns(id, gateway string) (patterns []string) {
	for _, f := range k.Signs {
		if f.Gateway == gateway && slices.Contains(f.Scenarios, id) {
			patterns = append(patterns, f.Pattern)
		}
	}
	return patterns
}

func (k *knowledge) coincides(gateway, pattern string) bool {
	return slices.ContainsFunc(k.Coincidences, func(c coincidence) bool { return c.Gateway == gateway && slices.Contains(c.Patterns, pattern) })
}
