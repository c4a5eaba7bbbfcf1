package diagnose

import (
	"slices"

	"github.com/gatefault/gatefault/scenarios"
)

// Cell is the log of one scenario at one gateway, whose cause is therefore known.
type Cell struct {
	Gateway  string          `json:"gateway"`
	Version  string          `json:"version"`
	Scenario string          `json:"scenario"`
	Cause    scenarios.Cause `json:"cause"`
	Log      []string        `json:"log"`
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

// Place is where the cause stands among the causes of a report: 1 is the first; 0: it is not among them.
func Place(r *Report, cause scenarios.Cause) int {
	return 1 + slices.IndexFunc(r.Causes, func(c Cause) bool { return c.Cause == cause })
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
			d := r.read(c.Log)
			var set ruleSet
			for s := range d.groups {
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
