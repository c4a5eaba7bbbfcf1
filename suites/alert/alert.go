// Package alert knows what to alert on: rules over the metrics that the usual exporters of a gateway export and over counters
// of its log lines, each tied to the causes that bring it about. A rule is a small model from which both its text for
// Prometheus and its evaluation over a drill's own counters come, so that the two cannot differ.
package alert

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/scenarios/strict"
)

//go:embed alerts.yaml
var file []byte

// Severity says whom a firing rule concerns.
type Severity string

// Severities.
const (
	Critical Severity = "critical" // users are hurt now
	Warning  Severity = "warning"
)

// Counts says how a drill measures a metric.
type Counts string

// What is counted.
const (
	Responses Counts = "responses" // answers that clients got
	Durations Counts = "durations" // how long they took, as a histogram
	Lines     Counts = "lines"     // lines of the gateway's log
	Absent    Counts = "absent"    // nothing that a drill has
)

// Metric is what an exporter exports.
type Metric struct {
	Name     string            `yaml:"name" json:"name"`
	Gateway  string            `yaml:"gateway" json:"gateway"`
	Exporter string            `yaml:"exporter" json:"exporter"`
	Cite     string            `yaml:"cite" json:"cite"`
	Counts   Counts            `yaml:"counts" json:"counts"`
	Labels   map[string]string `yaml:"labels" json:"labels,omitempty"`
}

// Rule is an alert. It holds while its value is above, or below, the threshold, and fires when it has held for For.
type Rule struct {
	Alert    string        `yaml:"alert" json:"alert"`
	Gateway  string        `yaml:"gateway" json:"gateway"`
	Title    string        `yaml:"title" json:"title"`
	Share    *Share        `yaml:"share" json:"share,omitempty"`
	Rate     *Rate         `yaml:"rate" json:"rate,omitempty"`
	Level    *Level        `yaml:"level" json:"level,omitempty"`
	Quantile *Quantile     `yaml:"quantile" json:"quantile,omitempty"`
	Above    *float64      `yaml:"above" json:"above,omitempty"`
	Below    *float64      `yaml:"below" json:"below,omitempty"`
	For      time.Duration `yaml:"for" json:"for"`
	Severity Severity      `yaml:"severity" json:"severity"`
	Answers  []int         `yaml:"answers" json:"answers,omitempty"`
	Patterns []string      `yaml:"scenarios" json:"-"`

	// Scenarios and Causes are what brings it about, sorted.
	Scenarios []string          `yaml:"-" json:"scenarios"`
	Causes    []scenarios.Cause `yaml:"-" json:"causes"`

	means map[string][]scenarios.Cause // causes by scenario: its own, and those whose log lines look alike
}

// Share is a part of a sum of rates.
type Share struct {
	Of   Selector      `yaml:"of" json:"of"`
	In   Selector      `yaml:"in" json:"in"`
	Over time.Duration `yaml:"over" json:"over"`
}

// Rate is a sum of rates, per second.
type Rate struct {
	Of   Selector      `yaml:"of" json:"of"`
	Over time.Duration `yaml:"over" json:"over"`
}

// Level is the worst of a gauge's values.
type Level struct {
	Of    Selector `yaml:"of" json:"of"`
	Worst Worst    `yaml:"worst" json:"worst"`
}

// Worst says which of a gauge's values counts.
type Worst string

// Aggregations of a gauge.
const (
	Least    Worst = "min"
	Greatest Worst = "max"
)

// Quantile is a quantile of a histogram; Of names it without _bucket.
type Quantile struct {
	Of   Selector      `yaml:"of" json:"of"`
	Q    float64       `yaml:"q" json:"q"`
	Over time.Duration `yaml:"over" json:"over"`
}

// Book is all that is known of alerts.
type Book struct {
	Metrics []Metric `yaml:"metrics"`
	Rules   []*Rule  `yaml:"rules"`
	// Signs are the counters of log lines, by gateway and name.
	Signs []Sign `yaml:"-"`
}

var words = strict.Words{Empty: "the file is empty", Many: "the file holds more than one document"}

// Builtin gives the rules that come with gatefault, tied to the causes of the built-in catalogue, those over log lines last.
var Builtin = sync.OnceValues(func() (*Book, error) {
	catalogue, err := scenarios.Builtin()
	if err != nil {
		return nil, err
	}
	return decode(file, catalogue)
})

func decode(data []byte, catalogue *scenarios.Catalogue) (*Book, error) {
	b := &Book{}
	doc, err := strict.Load("suites/alert/alerts.yaml", data, b, words)
	if err != nil {
		return nil, err
	}
	var errs []error
	for i, m := range b.Metrics {
		if !slices.Contains([]Counts{Responses, Durations, Absent}, m.Counts) || m.Name == "" || m.Gateway == "" || m.Cite == "" {
			errs = append(errs, doc.Errorf(fmt.Sprintf("metrics.%d", i), "a metric has name, gateway, cite, and counts: responses, durations or absent"))
		}
	}
	for i, r := range b.Rules {
		if why := b.wrong(r); why != "" {
			errs = append(errs, doc.Errorf(fmt.Sprintf("rules.%d", i), "%s: %s", r.Alert, why))
			continue
		}
		if r.tie(catalogue); len(r.Scenarios) == 0 {
			errs = append(errs, doc.Errorf(fmt.Sprintf("rules.%d", i), "%s: no scenario brings it about", r.Alert))
		}
	}
	b.Signs = signs(catalogue)
	b.Rules = append(b.Rules, lineRules(b.Signs)...)
	return b, errors.Join(errs...)
}

// wrong tells what is wrong with a rule's form; empty: nothing.
func (b *Book) wrong(r *Rule) string {
	kinds := 0
	for _, is := range []bool{r.Share != nil, r.Rate != nil, r.Level != nil, r.Quantile != nil} {
		if is {
			kinds++
		}
	}
	switch {
	case kinds != 1:
		return "write one of share, rate, level and quantile"
	case (r.Above == nil) == (r.Below == nil):
		return "write either above or below"
	case r.Severity != Critical && r.Severity != Warning:
		return "severity is critical or warning"
	case r.Level != nil && r.Level.Worst != Least && r.Level.Worst != Greatest:
		return "worst is min or max"
	case r.For <= 0 || r.Title == "":
		return "for and title are needed"
	}
	for _, s := range r.Selectors() {
		if b.metric(s, r.Gateway) == nil {
			return "no metric of the gateway is called " + s.Metric
		}
	}
	return ""
}

// Selectors are the series that a rule reads.
func (r *Rule) Selectors() []Selector {
	switch {
	case r.Share != nil:
		return []Selector{r.Share.Of, r.Share.In}
	case r.Rate != nil:
		return []Selector{r.Rate.Of}
	case r.Level != nil:
		return []Selector{r.Level.Of}
	}
	return []Selector{r.Quantile.Of}
}

// metric finds what a selector reads; a histogram's _count and _bucket are of the histogram.
func (b *Book) metric(s Selector, gateway string) *Metric {
	for i, m := range b.Metrics {
		if m.Gateway == gateway && (m.Name == s.Metric || m.Counts == Durations && (m.Name+"_count" == s.Metric || m.Name+"_bucket" == s.Metric)) {
			return &b.Metrics[i]
		}
	}
	return nil
}

// Measured tells whether a drill has all that a rule reads.
func (b *Book) Measured(r *Rule) bool {
	return !slices.ContainsFunc(r.Selectors(), func(s Selector) bool {
		m := b.metric(s, r.Gateway)
		return s.Metric != LineMetric && (m == nil || m.Counts == Absent)
	})
}

// Of gives the rules of gateways; of all when none is named.
func (b *Book) Of(gateways ...string) (out []*Rule) {
	for _, r := range b.Rules {
		if len(gateways) == 0 || slices.Contains(gateways, r.Gateway) {
			out = append(out, r)
		}
	}
	return out
}

// tie finds the scenarios and causes that bring a rule about.
func (r *Rule) tie(catalogue *scenarios.Catalogue) {
	for _, s := range catalogue.All() {
		if s.Fits(r.Patterns) || r.answered(s) {
			r.add(s.ID, s.Cause)
		}
	}
}

func (r *Rule) add(id string, causes ...scenarios.Cause) {
	r.Scenarios = append(r.Scenarios, id)
	if r.means == nil {
		r.means = map[string][]scenarios.Cause{}
	}
	r.means[id] = causes
	for _, c := range causes {
		if !slices.Contains(r.Causes, c) {
			r.Causes = append(r.Causes, c)
		}
	}
	slices.Sort(r.Scenarios)
	slices.Sort(r.Causes)
}

// answered tells whether the gateway is known to answer a scenario with one of the rule's statuses or, where nothing is known
// of it, the standards ask for that.
func (r *Rule) answered(s *scenarios.Scenario) bool {
	pinned := false
	for _, p := range s.Pins {
		if p.Gateway != r.Gateway {
			continue
		}
		pinned = true
		if slices.Contains(r.Answers, p.Outcome.Status) || r.shared(p.Shares) {
			return true
		}
	}
	return !pinned && slices.ContainsFunc(s.Standard, func(e scenarios.Expectation) bool {
		return slices.Contains(r.Answers, e.Outcome.Status) || r.shared(e.Shares)
	})
}

func (r *Rule) shared(shares scenarios.Shares) bool {
	for o := range shares {
		if slices.Contains(r.Answers, o.Status) {
			return true
		}
	}
	return false
}

// Only gives the rule as far as these scenarios bring it about; nil when none of them does.
func (r *Rule) Only(possible []*scenarios.Scenario) *Rule {
	cut := *r
	cut.Scenarios, cut.Causes, cut.means = nil, nil, nil
	var causes []scenarios.Cause
	for _, s := range possible {
		causes = append(causes, s.Cause)
	}
	for _, s := range possible {
		if slices.Contains(r.Scenarios, s.ID) {
			cut.add(s.ID, slices.DeleteFunc(slices.Clone(r.means[s.ID]), func(c scenarios.Cause) bool { return !slices.Contains(causes, c) })...)
		}
	}
	if len(cut.Scenarios) == 0 {
		return nil
	}
	return &cut
}
