package diagnose

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gatefault/gatefault/scenarios"
)

// Bar is the share of causes, of those that a log can tell apart at all, that have to come out first.
const Bar = 0.95

// Tally counts rounds.
type Tally struct{ Told, First, Alike, AlikeFirst, AlikeAmong, Silent int }

// Add counts one.
func (t *Tally) Add(r Round) {
	switch r.Telling {
	case Told:
		t.Told++
		if r.Place == 1 {
			t.First++
		}
	case Alike:
		t.Alike++
		if r.Place == 1 {
			t.AlikeFirst++
		}
		if r.Place > 0 {
			t.AlikeAmong++
		}
	case Silent:
		t.Silent++
	}
}

// Share is the part of causes that came out first, of those that the log tells apart.
func (t Tally) Share() float64 { return float64(t.First) / float64(max(t.Told, 1)) }

// Run is the round trip of one run.
type Run struct {
	Started time.Time
	Rounds  []Round
}

// ConfusionMarkdown writes what round trips gave: how often the injected cause came out first, which were taken for which,
// and which the logs cannot tell apart.
func ConfusionMarkdown(w io.Writer, runs []Run) error {
	t := &text{w: w}
	t.printf("Measured from real runs on %s.\n", strings.Join(dates(runs), ", "))
	t.tallies(runs)
	var all []Round
	for _, r := range runs {
		all = append(all, r.Rounds...)
	}
	t.matrix(all)
	t.mistaken(all)
	t.indistinguishable(all)
	t.silent(all)
	return t.err
}

func dates(runs []Run) []string {
	var all []string
	for _, r := range runs {
		all = append(all, r.Started.UTC().Format(time.DateOnly))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// product is a gateway at a version.
type product struct{ name, version string }

func (t *text) tallies(runs []Run) {
	tallies := map[product]*Tally{}
	var total Tally
	for _, run := range runs {
		for _, r := range run.Rounds {
			p := product{r.Gateway, r.Version}
			if tallies[p] == nil {
				tallies[p] = &Tally{}
			}
			tallies[p].Add(r)
			total.Add(r)
		}
	}
	t.printf("\n| gateway | version | causes that its log tells apart | first | | causes that look alike | first | among the candidates | nothing logged |\n")
	t.printf("|---|---|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, p := range slices.SortedFunc(maps.Keys(tallies), func(a, b product) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.version, b.version))
	}) {
		t.tally(p.name, p.version, *tallies[p])
	}
	t.tally("**all**", "", total)
}

func (t *text) tally(name, version string, n Tally) {
	t.printf("| %s | %s | %d | %d | %.1f %% | %d | %d | %d | %d |\n", name, version, n.Told, n.First, 100*n.Share(), n.Alike, n.AlikeFirst, n.AlikeAmong, n.Silent)
}

// matrix counts what injected causes were taken for, where the log tells them apart.
func (t *text) matrix(rounds []Round) {
	counts := map[[2]scenarios.Cause]int{}
	var columns []scenarios.Cause
	for _, r := range rounds {
		if r.Telling == Told {
			counts[[2]scenarios.Cause{r.Cause, r.First}]++
			columns = append(columns, r.Cause, r.First)
		}
	}
	columns = slices.DeleteFunc(slices.Clone(scenarios.Causes()), func(c scenarios.Cause) bool { return !slices.Contains(columns, c) })
	t.printf("\nRows: the injected cause; columns: the cause that came out first.\n\n| |")
	for _, c := range columns {
		t.printf(" %s |", c)
	}
	t.printf(" none |\n|---|%s\n", strings.Repeat("---:|", len(columns)+1))
	for _, row := range columns {
		t.printf("| %s |", row)
		for _, column := range append(slices.Clone(columns), "") {
			if n := counts[[2]scenarios.Cause{row, column}]; n > 0 {
				t.printf(" %d |", n)
			} else {
				t.printf(" |")
			}
		}
		t.printf("\n")
	}
}

// mistaken lists the cells whose cause did not come out first, though the log tells it.
func (t *text) mistaken(rounds []Round) {
	var lines []string
	for _, r := range rounds {
		if r.Telling == Told && r.Place != 1 {
			lines = append(lines, fmt.Sprintf("- %s %s, `%s`: %s was taken for %s", r.Gateway, r.Version, r.Scenario, r.Cause, cmp.Or(string(r.First), "nothing")))
		}
	}
	if len(lines) > 0 {
		t.printf("\nMistaken:\n\n%s\n", strings.Join(lines, "\n"))
	}
}

// indistinguishable lists the groups of causes whose logs are the same, by gateway and line.
func (t *text) indistinguishable(rounds []Round) {
	type group struct{ gateway, sign string }
	members, whys := map[group][]string{}, map[group][]string{}
	for _, r := range rounds {
		if r.Telling == Alike {
			g := group{r.Gateway, r.Sign}
			members[g] = append(members[g], fmt.Sprintf("%s: `%s`", r.Cause, r.Scenario))
			whys[g] = append(whys[g], r.Why)
		}
	}
	t.printf("\nWhat a log cannot tell apart, and why:\n\n| gateway | line | causes and scenarios | why |\n|---|---|---|---|\n")
	for _, g := range slices.SortedFunc(maps.Keys(members), func(a, b group) int {
		return cmp.Or(cmp.Compare(a.gateway, b.gateway), cmp.Compare(a.sign, b.sign))
	}) {
		t.printf("| %s | %s | %s | %s |\n", g.gateway, code(Readable(g.sign)), strings.Join(byCause(members[g]), "; "), strings.Join(distinct(whys[g]), "; "))
	}
}

// byCause joins the scenarios of each cause.
func byCause(members []string) []string {
	of := map[string][]string{}
	for _, m := range distinct(members) {
		cause, id, _ := strings.Cut(m, ": ")
		of[cause] = append(of[cause], id)
	}
	var all []string
	for _, cause := range slices.Sorted(maps.Keys(of)) {
		all = append(all, cause+": "+strings.Join(of[cause], ", "))
	}
	return all
}

func distinct(words []string) []string {
	words = slices.Sorted(slices.Values(words))
	return slices.Compact(words)
}

// code writes text into a cell of a table as it is.
func code(text string) string {
	return "`` " + strings.ReplaceAll(text, "|", `\|`) + " ``"
}

func (t *text) silent(rounds []Round) {
	of := map[string][]string{}
	for _, r := range rounds {
		if r.Telling == Silent {
			of[r.Gateway] = append(of[r.Gateway], "`"+r.Scenario+"`")
		}
	}
	t.printf("\nOf these nothing is logged that a healthy request, or an answer of the upstream's own, would not have:\n\n")
	for _, gateway := range slices.Sorted(maps.Keys(of)) {
		t.printf("- %s: %s\n", gateway, strings.Join(distinct(of[gateway]), ", "))
	}
}
