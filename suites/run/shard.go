package run

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/gateway"
)

// Shard is one of the parts into which a run is split, each for a machine of its own. Its text form is such as 2/5.
type Shard struct{ Index, Of int } // from 1

// MaxShards bounds the parts of a run.
const MaxShards = 1000

// MarshalText writes the text form.
func (s Shard) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the text form.
func (s *Shard) UnmarshalText(text []byte) error {
	index, of, _ := strings.Cut(string(text), "/")
	i, errIndex := strconv.Atoi(index)
	n, errOf := strconv.Atoi(of)
	if errIndex != nil || errOf != nil || i < 1 || i > n || n > MaxShards {
		return fmt.Errorf("%q is no shard: write the second of five as 2/5, with up to %d shards", text, MaxShards)
	}
	s.Index, s.Of = i, n
	return nil
}

func (s Shard) String() string { return fmt.Sprintf("%d/%d", s.Index, s.Of) }

// cellName tells cells apart; variants of a scenario on one gateway, which are compared with each other, share it.
type cellName struct{ scenario, gateway string }

// load is what a cell adds to its shard.
type load struct {
	cellName
	wave     wave
	expected time.Duration
}

// wave is when in a run a cell's turn comes; the cells of each are shared out evenly.
type wave int

const (
	alone    wave = iota // one after the other
	flowing              // with traffic
	together             // nearly all
	never                // the gateway lacks the profile
	waves
)

// Only tells which cells of a run, by scenario and gateway, are this shard's. It depends on nothing but what is to run: the
// longest go first, each to the shard that has the least to do. It is an error when there are fewer cells than shards.
func (s Shard) Only(all []*scenarios.Scenario, gateways []*gateway.Definition) (func(scenario, gateway string) bool, error) {
	shards, can := deal(loads(all, gateways), s.Of)
	if can < s.Of {
		return nil, fmt.Errorf("shard %s: some shards would be empty, since no more than %d cells can run; use fewer shards", s, can)
	}
	return func(scenario, gateway string) bool { return shards[cellName{scenario, gateway}] == s.Index }, nil
}

// loads lists what there is to share out, each cell once.
func loads(all []*scenarios.Scenario, gateways []*gateway.Definition) []*load {
	var out []*load
	known := map[cellName]*load{}
	for _, sc := range all {
		for _, d := range gateways {
			name := cellName{sc.ID, d.Name}
			l := known[name]
			if l == nil {
				l = &load{cellName: name, wave: never}
				known[name], out = l, append(out, l)
			}
			if d.Lacks(sc.Profile) == "" {
				l.wave, l.expected = min(l.wave, waveOf(sc)), l.expected+expected(sc)
			}
		}
	}
	return out
}

func waveOf(s *scenarios.Scenario) wave {
	switch {
	case s.Exclusive:
		return alone
	case s.Traffic != nil:
		return flowing
	}
	return together
}

// deal gives each cell the number of its shard, from 1, and tells how many can run.
func deal(all []*load, n int) (shards map[cellName]int, can int) {
	slices.SortFunc(all, func(a, b *load) int {
		return cmp.Or(cmp.Compare(a.wave, b.wave), cmp.Compare(b.expected, a.expected),
			cmp.Compare(a.scenario, b.scenario), cmp.Compare(a.gateway, b.gateway))
	})
	shards = map[cellName]int{}
	work := make([]workload, n)
	for _, l := range all {
		least := 0
		for i := range work {
			if work[i].compare(&work[least], l.wave) < 0 {
				least = i
			}
		}
		work[least].add(l)
		shards[l.cellName] = least + 1
		if l.wave != never {
			can++
		}
	}
	return shards, can
}

// workload is what a shard has to do.
type workload struct {
	waves [waves]time.Duration
	total time.Duration
	cells int
}

func (w *workload) add(l *load) {
	w.waves[l.wave] += l.expected
	w.total += l.expected
	w.cells++
}

// compare tells which shard has less to do in a wave or, if that is the same, in all.
func (w *workload) compare(o *workload, at wave) int {
	return cmp.Or(cmp.Compare(w.waves[at], o.waves[at]), cmp.Compare(w.total, o.total), cmp.Compare(w.cells, o.cells))
}
