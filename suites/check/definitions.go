package check

import (
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/gatefault/gatefault/scenarios/strict"
	"github.com/gatefault/gatefault/upstream/fault"
)

//go:embed findings.yaml
var findingsFile []byte

// Ids of findings.
const (
	NeverAnswers       = "never-answers"
	PostRepeated       = "post-repeated"
	TruncatedAsSuccess = "truncated-as-success"
	GarbagePassed      = "garbage-passed"
	FailureAsSuccess   = "failure-as-success"
	NeverRecovers      = "never-recovers"
	SlowAnswer         = "slow-answer"
	BlocksTraffic      = "blocks-traffic"
	NotVerified        = "upstream-not-verified"
	LeaksDetails       = "leaks-details"
	UnexpectedAnswer   = "unexpected-answer"
	NotStandard        = "not-standard"
	NotAsExpected      = "not-as-expected"
	NoRetryAfter       = "no-retry-after"
	SameAsUpstream     = "same-as-upstream"
)

// FindingIDs lists what a check can find.
func FindingIDs() []string {
	return []string{NeverAnswers, PostRepeated, TruncatedAsSuccess, GarbagePassed, FailureAsSuccess, NeverRecovers, SlowAnswer, BlocksTraffic,
		NotVerified, LeaksDetails, UnexpectedAnswer, NotStandard, NotAsExpected, NoRetryAfter, SameAsUpstream}
}

// definition is an entry of findings.yaml.
type definition struct {
	Severity Severity `yaml:"severity"`
	Title    string   `yaml:"title"`
	Why      string   `yaml:"why"`
	Cite     string   `yaml:"cite"`
	Product  bool     `yaml:"product"`
}

// definitions reads findings.yaml once.
var definitions = sync.OnceValues(func() (map[string]definition, error) { return decodeDefinitions(findingsFile) })

func decodeDefinitions(data []byte) (map[string]definition, error) {
	all := map[string]definition{}
	doc, err := strict.Load("suites/check/findings.yaml", data, &all, dataWords)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, id := range slices.Sorted(maps.Keys(all)) {
		switch d := all[id]; {
		case !slices.Contains(FindingIDs(), id):
			errs = append(errs, doc.Errorf(id, "nothing finds %s", id))
		case !slices.Contains(Severities(), d.Severity) || d.Title == "" || d.Why == "":
			errs = append(errs, doc.Errorf(id, "%s needs a severity (error, warning or note), a title and a why", id))
		}
	}
	for _, id := range FindingIDs() {
		if _, ok := all[id]; !ok {
			errs = append(errs, fmt.Errorf("suites/check/findings.yaml does not tell of %s", id))
		}
	}
	return all, errors.Join(errs...)
}

// knownFinding tells of an id that no finding has.
func knownFinding(id string) error {
	if slices.Contains(FindingIDs(), id) {
		return nil
	}
	near := fault.Nearest(id, FindingIDs())
	if len(near) == 0 {
		return fmt.Errorf("no finding is called %q; there are %s", id, strings.Join(FindingIDs(), ", "))
	}
	return &fault.UnknownError{Kind: "finding", Name: id, Nearest: near}
}
