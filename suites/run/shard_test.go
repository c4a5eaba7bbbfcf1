package run

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/gateway"
)

// drawScenarios makes scenarios of all kinds: waiting or not, alone, with traffic, in several profiles.
func drawScenarios(t *rapid.T) []*scenarios.Scenario {
	n := rapid.IntRange(1, 60).Draw(t, "scenarios")
	out := make([]*scenarios.Scenario, n)
	for i := range out {
		s := &scenarios.Scenario{ID: fmt.Sprintf("s.%02d", i), Cause: "crash", Profile: rapid.SampledFrom([]string{"plain", "rare"}).Draw(t, "profile"),
			Exclusive: rapid.Bool().Draw(t, "exclusive"), Age: time.Duration(rapid.IntRange(0, 30).Draw(t, "age")) * time.Second}
		if rapid.Bool().Draw(t, "has traffic") {
			s.Traffic = &scenarios.Traffic{For: time.Duration(rapid.IntRange(1, 5).Draw(t, "traffic")) * time.Second}
		}
		out[i] = s
	}
	return out
}

func drawGateways(t *rapid.T) (out []*gateway.Definition) {
	for i := range rapid.IntRange(1, 6).Draw(t, "gateways") {
		d := &gateway.Definition{Name: fmt.Sprintf("g%d", i), Profiles: map[string]string{"plain": ""}}
		if rapid.Bool().Draw(t, "has the rare profile") {
			d.Profiles["rare"] = ""
		}
		out = append(out, d)
	}
	return out
}

// Whatever is to run, each cell is in just one shard, whichever machine asks and in whatever order it knows the cells; and of
// no sort of cells does a shard get more than another by more than a single cell.
func TestShardsPartitionTheCells(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all, gateways, n := drawScenarios(t), drawGateways(t), rapid.IntRange(1, 7).Draw(t, "shards")
		shards, can := deal(loads(all, gateways), n)
		if len(shards) != len(all)*len(gateways) {
			t.Fatalf("%d of %d cells are in a shard", len(shards), len(all)*len(gateways))
		}
		shuffled := rapid.Permutation(all).Draw(t, "order")
		reversed := slices.Clone(gateways)
		slices.Reverse(reversed)
		again, _ := deal(loads(shuffled, reversed), n)
		work, longest := make([]workload, n), workload{}
		for _, l := range loads(all, gateways) {
			shard := shards[l.cellName]
			if shard != again[l.cellName] || shard < 1 || shard > n {
				t.Fatalf("%v is in shard %d and in %d", l.cellName, shard, again[l.cellName])
			}
			work[shard-1].add(l)
			longest.waves[l.wave] = max(longest.waves[l.wave], l.expected)
		}
		for w := range waves {
			byTime := func(a, b workload) int { return int(a.waves[w] - b.waves[w]) }
			least, most := slices.MinFunc(work, byTime), slices.MaxFunc(work, byTime)
			if d := most.waves[w] - least.waves[w]; d > longest.waves[w] {
				t.Fatalf("wave %d: shards differ by %s, and no cell takes longer than %s", w, d, longest.waves[w])
			}
		}
		if _, err := (Shard{1, n}).Only(all, gateways); (err != nil) != (can < n) {
			t.Fatalf("%d cells can run in %d shards: %v", can, n, err)
		}
	})
}

func TestShardsAreWrittenAsTheyAreRead(t *testing.T) {
	for text, want := range map[string]Shard{"1/1": {1, 1}, "2/5": {2, 5}, "1000/1000": {1000, 1000}} {
		var s Shard
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want || s.String() != text {
			t.Errorf("%s: got %v, %v", text, s, err)
		}
	}
	for _, text := range []string{"", "2", "0/5", "6/5", "2/", "/5", "a/b", "1/1001", "-1/5", "1/2/3"} {
		var s Shard
		if err := s.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was taken for %v", text, s)
		}
	}
}

// A run in which every cell has run gives the same report as its shards, joined.
func TestJoinedShardsAreTheWholeRun(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all, gateways := drawScenarios(t), drawGateways(t)
		n := rapid.IntRange(1, 5).Draw(t, "shards")
		shards, _ := deal(loads(all, gateways), n)
		whole := &Report{}
		var results []*Result
		parts := make([][]*Result, n)
		for _, sc := range all {
			for _, d := range gateways {
				r := NewResult(sc, d)
				r.Standard = []scenarios.Expectation{{}}
				if r.Verdict = Standard; d.Lacks(sc.Profile) != "" {
					r.Verdict, r.Lacking = Unsupported, true
				}
				results = append(results, r)
				i := shards[cellName{sc.ID, d.Name}] - 1
				parts[i] = append(parts[i], r)
			}
		}
		whole.collect(results)
		var reports []*Report
		var names []string
		for i, part := range parts {
			r := &Report{Shard: &Shard{i + 1, n}, Timing: Timing{Total: time.Duration(i+1) * time.Second}}
			r.collect(part)
			reports, names = append(reports, r), append(names, r.Shard.String())
		}
		joined, err := Join(reports, names)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(joined.Results, whole.Results) || !slices.Equal(joined.Gateways, inOrder(whole.Gateways)) || len(joined.Idle) != len(whole.Idle) {
			t.Fatalf("the joined report differs")
		}
		if joined.Timing.Total != time.Duration(n)*time.Second || joined.Shard != nil {
			t.Fatalf("took %s as shard %v", joined.Timing.Total, joined.Shard)
		}
	})
}

func inOrder(all []Gateway) []Gateway {
	return slices.SortedStableFunc(slices.Values(all), func(a, b Gateway) int { return int(a.Name[1]) - int(b.Name[1]) })
}

func TestReportsThatDoNotFitTogether(t *testing.T) {
	report := func(shard *Shard, version string, ids ...string) *Report {
		r := &Report{Shard: shard}
		for _, id := range ids {
			r.Results = append(r.Results, &Result{ID: id, Gateway: Gateway{Name: "nginx", Version: version}, Standard: []scenarios.Expectation{{}}})
		}
		return r
	}
	compared := report(nil, "", "d")
	compared.Results[0].Standard, compared.Results[0].Method = nil, "GET"
	for want, given := range map[string][]*Report{
		"the report would have a gap: the report of shard 2/3 is missing":                              {report(&Shard{1, 3}, "1", "a"), report(&Shard{3, 3}, "1", "b")},
		"these are shards of different runs: one was split into 2, another into 3":                     {report(&Shard{1, 2}, "1", "a"), report(&Shard{2, 3}, "1", "b")},
		"the cell a on nginx is both in one and in two: merge reports of different cells":              {report(nil, "1", "a"), report(nil, "1", "b", "a")},
		"nginx is 1 in one and 2 in two: a report has one version of each gateway":                     {report(nil, "1", "a"), report(nil, "2", "b")},
		"two was run with --by-profile and one was not: they tell different things":                    {report(nil, "1", "a"), compared},
		"the report would have a gap: the report of shard 1/2 is missing\nthe cell a on nginx is both": {report(&Shard{2, 2}, "1", "a"), report(nil, "1", "a")},
	} {
		_, err := Join(given, []string{"one", "two"})
		if err == nil || err.Error()[:min(len(want), len(err.Error()))] != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
