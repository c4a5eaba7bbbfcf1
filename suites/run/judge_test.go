package run

import (
	"testing"

	"github.com/gatefault/gatefault/scenarios"
)

func TestARaceInTheProductIsOneVerdict(t *testing.T) {
	closed, cut := scenarios.Outcome{Kind: scenarios.Closed}, scenarios.Outcome{Kind: scenarios.Truncated, Status: 200}
	hang := scenarios.Outcome{Kind: scenarios.Hang}
	s := &scenarios.Scenario{Standard: []scenarios.Expectation{{Outcome: cut}},
		Pins: []scenarios.Pin{{Gateway: "go", Versions: "*", Outcome: closed, Race: cut, Attempts: 1}}}
	for o, want := range map[scenarios.Outcome]Verdict{closed: Deviates, cut: Deviates, hang: Drifted} {
		r := &Result{Scenario: s, Standard: s.Standard, Gateway: Gateway{Name: "go"}, Observed: o, Attempts: 1}
		if judge(r); r.Verdict != want {
			t.Errorf("%s: %s, want %s", o, r.Verdict, want)
		}
	}
}
