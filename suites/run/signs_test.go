package run_test

import (
	"strings"
	"testing"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/run"
)

func of(patterns []string) (signs []scenarios.Sign) {
	for _, p := range patterns {
		signs = append(signs, scenarios.Sign{Pattern: p})
	}
	return signs
}

// logged is a cell that went as it should.
func logged(id string, cause scenarios.Cause, signs []string, alike []scenarios.Cause, log ...string) *run.Result {
	s := &scenarios.Scenario{ID: id, Cause: cause, Signs: map[string][]scenarios.Sign{"nginx": of(signs)}, Alike: map[string][]scenarios.Cause{"nginx": alike}}
	return &run.Result{ID: id, Scenario: s, Cause: cause, Gateway: run.Gateway{Name: "nginx"}, Verdict: run.Standard, Log: log}
}

func TestConfusions(t *testing.T) {
	refused := func(signs []string, alike ...scenarios.Cause) *run.Result {
		return logged("tcp.refuse", "crash", signs, alike, "connect() failed (111: Connection refused)")
	}
	slow := logged("head.slow", "timeout", []string{"timed out"}, nil, "upstream timed out")
	for name, c := range map[string]struct {
		results []*run.Result
		want    string
	}{
		"told apart":         {[]*run.Result{refused([]string{"refused"}), slow}, ""},
		"fits another cause": {[]*run.Result{refused([]string{"failed|timed"}), slow}, `the sign "failed|timed" also fits what nginx logs of head.slow (timeout)`},
		"said to be alike":   {[]*run.Result{refused([]string{"failed|timed"}, "timeout"), slow}, ""},
		"same cause":         {[]*run.Result{refused([]string{"failed"}), logged("process.crash", "crash", nil, nil, "recv() failed")}, ""},
	} {
		var got []string
		for _, confusion := range run.Confusions(c.results) {
			got = append(got, confusion.String())
		}
		if text := strings.Join(got, "\n"); (c.want == "") != (text == "") || !strings.Contains(text, c.want) {
			t.Errorf("%s: got %q, want %q", name, text, c.want)
		}
	}
}
