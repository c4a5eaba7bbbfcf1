package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/run"
)

// legend explains the marks and words that this table uses.
func (t *terminal) legend() {
	for _, v := range run.Verdicts() {
		if t.report.Count(v) > 0 {
			t.printf("%s %s\n", t.paint(look(v).colour, Mark(v)), look(v).meaning)
		}
	}
	for _, word := range words() {
		if slices.ContainsFunc(t.report.Results, word.used) {
			t.printf("%-10s %s\n", word.text, word.meaning)
		}
	}
	t.printf("\n")
}

// word is a form of a cell and its meaning.
type word struct {
	text, meaning string
	used          func(*run.Result) bool
}

func words() []word {
	return []word{
		{"502", "status made by the gateway itself", ofKind(scenarios.Made)},
		{"503^", "answer of the upstream, passed through", ofKind(scenarios.Passed)},
		{"200 cut", "incomplete, and the client can tell", ofKind(scenarios.Truncated)},
		{"200 SILENT", "incomplete, but it looks complete", ofKind(scenarios.Silent)},
		{"closed", "no byte came, the connection was closed", ofKind(scenarios.Closed)},
		{"reset", "no byte came, the connection was reset", ofKind(scenarios.Reset)},
		{"raw", "bytes that are not HTTP", ofKind(scenarios.Raw)},
		{"hang", "no answer, or no end of it, while the client waited", ofKind(scenarios.Hang)},
		{"x4", "the gateway went to the upstream four times", func(r *run.Result) bool { return judged(r) && r.Attempts > 1 && r.Failures == nil }},
		{"40%", "share of the requests that failed, and how", func(r *run.Result) bool { return judged(r) && r.Failures != nil }},
	}
}

func ofKind(k scenarios.Kind) func(*run.Result) bool {
	return func(r *run.Result) bool { return judged(r) && r.Observed.Kind == k }
}

// judged tells whether the cell shows an observation.
func judged(r *run.Result) bool {
	return r.Verdict == run.Standard || r.Verdict == run.Deviates || r.Verdict == run.Drifted
}

// recovery lists the cells after which healthy requests went on failing.
func (t *terminal) recovery() {
	var slow []string
	for _, r := range t.report.Results {
		switch {
		case !judged(r):
		case r.Recovery == nil:
			slow = append(slow, fmt.Sprintf("%s %s (not in the time watched)", r.Gateway.Name, r.ID))
		case *r.Recovery > slowRecovery:
			slow = append(slow, fmt.Sprintf("%s %s (%s)", r.Gateway.Name, r.ID, seconds(*r.Recovery)))
		}
	}
	if len(slow) > 0 {
		t.printf("Slow to recover after the fault was gone: %s\n\n", strings.Join(slow, ", "))
	}
}

// attention lists every cell that is not as expected, with its reason and how to run it alone. Cells of one gateway
// that share verdict and reason, such as an image that cannot be had, are told of once.
func (t *terminal) attention() {
	for _, v := range []run.Verdict{run.Drifted, run.NotInjected, run.Error, run.Unsupported} {
		for _, g := range t.alike(v) {
			t.one(v, g)
		}
	}
}

// alike groups the cells of a verdict by gateway and reason.
func (t *terminal) alike(v run.Verdict) [][]*run.Result {
	var out [][]*run.Result
	for _, r := range t.report.Results {
		if r.Verdict != v {
			continue
		}
		i := slices.IndexFunc(out, func(g []*run.Result) bool {
			return g[0].Gateway.Name == r.Gateway.Name && g[0].Reason == r.Reason
		})
		if i < 0 {
			i = len(out)
			out = append(out, nil)
		}
		out[i] = append(out[i], r)
	}
	return out
}

func (t *terminal) one(v run.Verdict, same []*run.Result) {
	r := same[0]
	what := r.ID
	if len(same) > 1 {
		what = cells(len(same))
	}
	t.printf("%s %s %s: %s\n", t.paint(look(v).colour, Mark(v)+" "+string(v)), r.Gateway.Name, what, indent(r.Reason))
	if v != run.Unsupported {
		t.printf("    %s\n", t.opts.Repeat(r))
	}
	t.printf("\n")
}

// indent sets the later lines of a reason, such as a gateway's own log, below its first.
func indent(text string) string {
	return strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n    ")
}
