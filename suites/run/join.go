package run

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Join makes one report of those of runs that had different cells, such as the shards of one run. They ran side by side, so
// the times are the longest ones. A cell that is in several reports, a shard that is missing, and a gateway that had
// another version in one of them are errors, because the report could not tell so; names are what the errors call the reports.
func Join(reports []*Report, names []string) (*Report, error) {
	if err := errors.Join(complete(reports), distinct(reports, names), agree(reports, names)); err != nil {
		return nil, err
	}
	out := &Report{}
	var results []*Result
	for _, r := range reports {
		if out.Started.IsZero() || r.Started.Before(out.Started) {
			out.Started = r.Started
		}
		out.Timing = out.Timing.longest(r.Timing)
		results = append(results, r.Results...)
	}
	slices.SortStableFunc(results, func(a, b *Result) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Gateway.Name, b.Gateway.Name))
	})
	out.collect(results)
	slices.SortStableFunc(out.Gateways, func(a, b Gateway) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

// longest takes the longer of each time.
func (t Timing) longest(o Timing) Timing {
	return Timing{Total: max(t.Total, o.Total), LongestCell: max(t.LongestCell, o.LongestCell), SlowestStart: max(t.SlowestStart, o.SlowestStart),
		Traffic: max(t.Traffic, o.Traffic), Exclusive: max(t.Exclusive, o.Exclusive), Images: max(t.Images, o.Images), Busy: max(t.Busy, o.Busy)}
}

// complete tells which shards are missing.
func complete(reports []*Report) error {
	have, of := map[int]bool{}, 0
	for _, r := range reports {
		if r.Shard == nil {
			continue
		}
		if of > 0 && of != r.Shard.Of {
			return fmt.Errorf("these are shards of different runs: one was split into %d, another into %d", of, r.Shard.Of)
		}
		of = r.Shard.Of
		have[r.Shard.Index] = true
	}
	var missing []string
	for i := 1; i <= of; i++ {
		if !have[i] {
			missing = append(missing, Shard{i, of}.String())
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("the report would have a gap: the report of shard %s is missing", strings.Join(missing, ", "))
}

// distinct tells which cell several reports have.
func distinct(reports []*Report, names []string) error {
	type cell struct{ scenario, gateway, profile, method string }
	where := map[cell]string{}
	for i, r := range reports {
		for _, res := range r.Results {
			c := cell{res.ID, res.Gateway.Name, res.Gateway.Profile, res.Method}
			if before, twice := where[c]; twice {
				return fmt.Errorf("the cell %s on %s is both in %s and in %s: merge reports of different cells", c.scenario, c.gateway, before, names[i])
			}
			where[c] = names[i]
		}
	}
	return nil
}

// agree tells which gateway had different versions, or was judged in one report and compared in another.
func agree(reports []*Report, names []string) error {
	type part struct{ gateway, profile string }
	version, where := map[part]string{}, map[part]string{}
	compared := map[bool]string{}
	for i, r := range reports {
		for _, res := range r.Results {
			compared[res.Compared()] = names[i]
			g := res.Gateway
			p := part{g.Name, g.Profile}
			if before := version[p]; g.Version != "" && before != "" && before != g.Version {
				return fmt.Errorf("%s is %s in %s and %s in %s: a report has one version of each gateway", g.Name, before, where[p], g.Version, names[i])
			}
			if g.Version != "" {
				version[p], where[p] = g.Version, names[i]
			}
		}
	}
	if len(compared) > 1 {
		return fmt.Errorf("%s was run with --by-profile and %s was not: they tell different things", compared[true], compared[false])
	}
	return nil
}
