package diagnose

import (
	"slices"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/run"
)

// Cell is the log of one scenario at one gateway, whose cause is therefore known.
type Cell struct {
	Gateway  string          `json:"gateway"`
	Version  string          `json:"version"`
	Scenario string          `json:"scenario"`
	Cause    scenarios.Cause `json:"cause"`
	Log      []string        `json:"log"`
}

// maxCellLog bounds the lines of a cell: those of traffic are many, and alike.
const maxCellLog = 60

// CellsOf takes the logs from the cells of a run that got a verdict. A line that names no request, and so may be another
// cell's, is taken only where it is a sign of this one.
func CellsOf(results []*run.Result) []Cell {
	var cells []Cell
	for _, r := range results {
		if r.Verdict != run.Standard && r.Verdict != run.Deviates || r.Cause == noCause || formats[r.Gateway.Name] == nil {
			continue
		}
		c := Cell{Gateway: r.Gateway.Name, Version: r.Gateway.Version, Scenario: r.ID, Cause: r.Cause, Log: slices.Clone(r.Log[:min(len(r.Log), maxCellLog)])}
		for _, sign := range r.Signs {
			if sign.Line != "" && !slices.Contains(c.Log, sign.Line) {
				c.Log = append(c.Log, sign.Line)
			}
		}
		cells = append(cells, c)
	}
	return cells
}

// Of diagnoses the lines of one log that has both errors and answers.
func Of(rules *Rules, lines []string) *Report {
	d := rules.read(lines)
	d.events = true
	return d.Report()
}

func (r *Rules) read(lines []string) *Diagnosis {
	d := NewDiagnosis(r)
	p := formats[r.Gateway]()
	var e entry
	for _, line := range lines {
		reads(p, []byte(line), &e)
		d.line([]byte(line), &e)
	}
	d.joiner.flush()
	return d
}

// Telling is what a log can tell of a cause.
type Telling string

// What logs tell.
const (
	Told   Telling = "told"   // the cause, apart from all others
	Alike  Telling = "alike"  // several causes: their logs are the same
	Silent Telling = "silent" // no failure at all
)

// Round is a cell's way back: from its log to its cause.
type Round struct {
	Cell
	Telling Telling
	Why     string          // where the log does not tell the cause
	Sign    string          // the most frequent one in the log
	First   scenarios.Cause // of the causes that were found; empty: none was
	Place   int             // of the injected cause among them, from 1 on; 0: it is not there
}

// RoundTrip diagnoses the logs of cells without being told of their versions.
func RoundTrip(catalogue *scenarios.Catalogue, cells []Cell) ([]Round, error) {
	known, err := loadKnowledge()
	if err != nil {
		return nil, err
	}
	rules := map[string]*Rules{}
	var rounds []Round
	for _, c := range cells {
		if rules[c.Gateway] == nil {
			if rules[c.Gateway], err = NewRules(catalogue, c.Gateway, ""); err != nil {
				return nil, err
			}
		}
		s, err := catalogue.Find(c.Scenario)
		if err != nil {
			continue // of a catalogue that had more
		}
		rounds = append(rounds, known.round(s, c, Of(rules[c.Gateway], c.Log)))
	}
	return rounds, nil
}

func (k *knowledge) round(s *scenarios.Scenario, c Cell, report *Report) Round {
	r := Round{Cell: c, Telling: Told, Place: 1 + slices.IndexFunc(report.Causes, func(x Cause) bool { return x.Cause == c.Cause })}
	if len(report.Causes) > 0 {
		r.First = report.Causes[0].Cause
	}
	if len(report.Groups) > 0 {
		r.Sign = report.Groups[0].Sign
	}
	coincidence := slices.IndexFunc(k.Coincidences, func(x coincidence) bool { return x.Gateway == c.Gateway && slices.Contains(x.Scenarios, c.Scenario) })
	switch {
	case coincidence >= 0:
		r.Telling, r.Why = Alike, k.Coincidences[coincidence].Why
	case len(report.Groups) == 0 && report.Unknown.Lines == 0:
		r.Telling = Silent
	case len(s.SignsOf(c.Gateway, c.Version)) == 0:
		r.Telling, r.Why = Silent, "nothing in the log is a sign of it"
	case len(s.Alike[c.Gateway]) > 0:
		r.Telling, r.Why = Alike, "the same lines"
	}
	return r
}

// observe lists the patterns that fit the lines of cells, by gateway and scenario.
func observe(catalogue *scenarios.Catalogue, cells []Cell) (map[string]seenLogs, error) {
	all := map[string]seenLogs{}
	for _, gateway := range Gateways() {
		r, err := NewRules(catalogue, gateway, "")
		if err != nil {
			return nil, err
		}
		seen := seenLogs{Patterns: r.Patterns(), Scenarios: map[string][]int{}}
		var events, answers ruleSet
		for _, c := range cells {
			if c.Gateway != gateway {
				continue
			}
			var set ruleSet
			for s := range r.read(c.Log).groups {
				events.join(s.events)
				answers.join(s.answer)
				set.join(s.events)
				set.join(s.answer)
			}
			seen.Scenarios[c.Scenario] = slices.Collect(set.each())
		}
		for n := range answers.without(events).each() {
			seen.Answers = append(seen.Answers, r.rules[n].pattern)
		}
		all[gateway] = seen
	}
	return all, nil
}
