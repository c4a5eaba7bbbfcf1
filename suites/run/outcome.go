package run

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/probe"
	"github.com/gatefault/gatefault/upstream"
)

// maxSample bounds the received bytes that a result keeps.
const maxSample = 16 << 10

// fill puts the observation into the result.
func (c *cell) fill(exchanges []probe.Exchange, p proof) {
	r := c.result
	r.Attempts = p.attempts()
	worst := exchanges[0]
	if c.scenario.Traffic != nil {
		worst = c.fillTraffic(exchanges, p)
	} else {
		r.Observed = c.outcome(worst, p)
	}
	r.FirstByte, r.Total = worst.FirstByte, worst.Done
	r.Client = sample(worst)
}

// outcome joins what the client saw with what the upstream knows.
func (c *cell) outcome(ex probe.Exchange, p proof) scenarios.Outcome {
	seen := ex.Outcome()
	o := scenarios.Outcome{Kind: scenarios.Kind(seen.Kind), Status: seen.Status}
	if seen.Kind != probe.Complete {
		return o
	}
	o.Kind = scenarios.Made
	if ex.Header.Get(upstream.EndpointField) == c.endpoint && p.answered(ex.Header.Get(upstream.NonceField)) {
		o.Kind = scenarios.Passed
		if c.fault.Incomplete {
			o.Kind = scenarios.Silent
		}
	}
	return o
}

// fillTraffic counts the failed requests. The observed outcome is theirs, or the first answer's when none failed. If they
// failed in different ways the outcome is that of most, and the others make the cell drift. It gives the exchange to show.
func (c *cell) fillTraffic(exchanges []probe.Exchange, p proof) probe.Exchange {
	r := c.result
	shown, counts := exchanges[0], map[scenarios.Outcome]int{}
	r.Observed = c.outcome(shown, p)
	failed := 0
	for _, ex := range exchanges {
		o := c.outcome(ex, p)
		if o.Kind == scenarios.Passed && o.Status < http.StatusBadRequest {
			continue
		}
		failed++
		if counts[o]++; failed == 1 || counts[o] > counts[r.Observed] {
			r.Observed, shown = o, ex
		}
	}
	share := float64(failed) / float64(len(exchanges))
	r.Failures = &share
	delete(counts, r.Observed)
	r.Others = slices.SortedFunc(maps.Keys(counts), func(a, b scenarios.Outcome) int { return strings.Compare(a.String(), b.String()) })
	return shown
}

func sample(ex probe.Exchange) []Chunk {
	var out []Chunk
	left := maxSample
	for _, ch := range ex.Chunks {
		n := min(left, len(ch.Data))
		if n == 0 {
			break
		}
		out = append(out, Chunk{ch.At, ch.Data[:n]})
		left -= n
	}
	return out
}
