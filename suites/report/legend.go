package report

import (
	"fmt"
	"maps"
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
	t.words(words())
	t.printf("\n")
}

// words explains those words that the report uses.
func (t *terminal) words(all []word) {
	for _, word := range all {
		if slices.ContainsFunc(t.report.Results, word.used) {
			t.printf("%s\n", Wrap(word.meaning, t.width(), fmt.Sprintf("%-10s ", word.text), strings.Repeat(" ", 11)))
		}
	}
}

// word is a form of a cell and its meaning.
type word struct {
	text, meaning string
	used          func(*run.Result) bool
}

func words() []word {
	return []word{
		{"N", "status made by the gateway itself", ofKind(scenarios.Made)},
		{"N edge", "made by the outer gateway of a chain", func(r *run.Result) bool { return judged(r) && tier(r) == " edge" }},
		{"N inner", "made by the inner gateway of a chain, as the tap between them saw", func(r *run.Result) bool { return judged(r) && tier(r) == " inner" }},
		{"N^", "answer of the upstream, passed through", ofKind(scenarios.Passed)},
		{"N stored", "answer that the upstream gave to an earlier request", ofKind(scenarios.Stored)},
		{"N FOREIGN", "answer of another upstream", ofKind(scenarios.Foreign)},
		{"N STRAY", "answer of the upstream that nobody asked for", ofKind(scenarios.Stray)},
		{"N cut", "incomplete, and the client can tell", ofKind(scenarios.Truncated)},
		{"N SILENT", "incomplete, but it looks complete", ofKind(scenarios.Silent)},
		{"closed", "no byte came, the connection was closed", ofKind(scenarios.Closed)},
		{"reset", "no byte came, the connection was reset", ofKind(scenarios.Reset)},
		{"raw", "bytes that are not HTTP", ofKind(scenarios.Raw)},
		{"hang", "no answer, or no end of it, while the client waited", ofKind(scenarios.Hang)},
		{"xN", "the gateway went to the upstream N times", func(r *run.Result) bool { return judged(r) && r.Attempts > 1 && r.Traffic == nil }},
		{"N%", "with traffic: share of the requests that failed, and how", func(r *run.Result) bool { return judged(r) && r.Traffic != nil }},
		{"unfinished", "the run ended before the cell did", unfinished},
	}
}

func ofKind(k scenarios.Kind) func(*run.Result) bool {
	return func(r *run.Result) bool {
		return judged(r) && slices.ContainsFunc(outcomesOf(r), func(o scenarios.Outcome) bool { return o.Kind == k })
	}
}

// judged tells whether the cell shows an observation.
func judged(r *run.Result) bool {
	return r.Verdict == run.Standard || r.Verdict == run.Deviates || r.Verdict == run.Drifted || r.Verdict == run.Observed
}

// recovery lists, gateway by gateway, the cells after which healthy requests went on failing.
func (t *terminal) recovery() {
	slow := map[string][]string{}
	for _, r := range t.report.Results {
		after := ""
		switch {
		case !judged(r), r.Lasting:
		case r.Recovery == nil:
			after = "not in the time watched"
		case *r.Recovery > slowRecovery:
			after = seconds(*r.Recovery)
		}
		if after != "" {
			slow[r.Gateway.Name] = append(slow[r.Gateway.Name], fmt.Sprintf("%s (%s)", r.ID, after))
		}
	}
	if len(slow) == 0 {
		return
	}
	t.printf("Slow to recover after the fault was gone:\n")
	for _, name := range slices.Sorted(maps.Keys(slow)) {
		t.printf("%s\n", Wrap(name+": "+strings.Join(slow[name], ", "), t.width(), later, later+later))
	}
	t.printf("\n")
}

// attention lists every cell that is not as expected, with its reason and how to run it alone. Cells that share verdict
// and reason, such as those of an image that cannot be had, are told of once.
func (t *terminal) attention() {
	for _, v := range []run.Verdict{run.Drifted, run.NotInjected, run.Error, run.Unsupported} {
		for _, g := range t.alike(v) {
			t.group(v, g)
		}
	}
}

// alike groups the cells of a verdict by reason.
func (t *terminal) alike(v run.Verdict) [][]*run.Result {
	var out [][]*run.Result
	for _, r := range t.report.Results {
		if r.Verdict != v {
			continue
		}
		i := slices.IndexFunc(out, func(g []*run.Result) bool { return g[0].Reason == r.Reason })
		if i < 0 {
			i = len(out)
			out = append(out, nil)
		}
		out[i] = append(out[i], r)
	}
	return out
}

// group tells of cells with the same reason. Only the reason's first line is wrapped: the later ones are somebody else's,
// such as a gateway's own log.
func (t *terminal) group(v run.Verdict, same []*run.Result) {
	head := Mark(v) + " " + string(v)
	who := same[0].Gateway.Name + " " + Name(same[0])
	if len(same) > 1 {
		who = cells(len(same))
	}
	reason, log, _ := strings.Cut(strings.TrimRight(Printable(same[0].Reason), "\n"), "\n")
	text := t.wrap(head + " " + who + ": " + reason)
	t.printf("%s%s\n", t.paint(look(v).colour, head), strings.TrimPrefix(text, head))
	if log != "" {
		t.printf("%s%s\n", later, strings.ReplaceAll(log, "\n", "\n"+later))
	}
	if same[0].Traffic != nil {
		t.flow(same[0])
	}
	if len(same) > 1 {
		t.members(same)
	}
	if v != run.Unsupported {
		t.printf("%s%s\n", later, t.opts.Repeat(same...))
	}
	t.printf("\n")
}

// members lists cells; gateways that have the same scenarios share a line.
func (t *terminal) members(same []*run.Result) {
	var ids []string
	gateways := map[string][]string{}
	for _, name := range Gateways(same) {
		own := slices.DeleteFunc(slices.Clone(same), func(r *run.Result) bool { return r.Gateway.Name != name })
		list := strings.Join(distinct(own, Name), ", ")
		if !slices.Contains(ids, list) {
			ids = append(ids, list)
		}
		gateways[list] = append(gateways[list], name)
	}
	for _, list := range ids {
		t.printf("%s\n", Wrap(strings.Join(gateways[list], ", ")+": "+list, t.width(), later, later+later))
	}
}
