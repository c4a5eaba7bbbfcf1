package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/probe"
	"github.com/gatefault/gatefault/upstream"
)

// Traffic is what the requests of a cell with traffic got. All times are nanoseconds.
type Traffic struct {
	Requests int                           `json:"requests"`
	Shares   map[scenarios.Outcome]float64 `json:"shares"`             // part of the requests, 0 to 1
	Latency  Latency                       `json:"latency"`            // from the dial to the end of the answer
	Injected time.Duration                 `json:"injected,omitempty"` // the fault in force, since the first request; absent: all the time
	Cleared  time.Duration                 `json:"cleared,omitempty"`  // and out of force; absent: after the last answer
	Bucket   time.Duration                 `json:"bucket"`             // length of one part of the series
	Series   []Bucket                      `json:"series"`             // by the times when the requests started
}

// Bucket is the requests that started in one part of the time.
type Bucket struct {
	Outcomes map[scenarios.Outcome]int `json:"outcomes"`
	Latency  Latency                   `json:"latency"`
}

// Latency is percentiles by nearest rank; all are 0 where there were no requests.
type Latency struct {
	P50 time.Duration `json:"p50"`
	P95 time.Duration `json:"p95"`
	P99 time.Duration `json:"p99"`
	Max time.Duration `json:"max"`
}

// Failed lists the outcomes that are no answers below 400 of the upstream, the most frequent first, and their share.
func (t *Traffic) Failed() (outcomes []scenarios.Outcome, share float64) {
	for o, part := range t.Shares {
		if !good(o) {
			outcomes, share = append(outcomes, o), share+part
		}
	}
	slices.SortFunc(outcomes, func(a, b scenarios.Outcome) int {
		return cmp.Or(cmp.Compare(t.Shares[b], t.Shares[a]), strings.Compare(a.String(), b.String()))
	})
	return outcomes, share
}

// String tells the shares, such as: 200 passed in 25 % and 502 made in 75 % of 40 requests.
func (t *Traffic) String() string {
	outcomes := slices.SortedFunc(maps.Keys(t.Shares), func(a, b scenarios.Outcome) int { return strings.Compare(a.String(), b.String()) })
	var parts []string
	for _, o := range outcomes {
		parts = append(parts, fmt.Sprintf("%s in %.0f %%", o, t.Shares[o]*100))
	}
	return strings.Join(parts, " and ") + fmt.Sprintf(" of %d requests", t.Requests)
}

func good(o scenarios.Outcome) bool {
	return (o.Kind == scenarios.Passed || o.Kind == scenarios.Stored) && o.Status < http.StatusBadRequest
}

// timed is something to do at a time after the start.
type timed struct {
	at time.Duration
	do func()
}

// openLoop starts each thing at its time, however long the others take, and returns when all are done. What is late is
// started at once. When ctx ends, nothing more is started.
func openLoop(ctx context.Context, plan []timed) {
	slices.SortStableFunc(plan, func(a, b timed) int { return cmp.Compare(a.at, b.at) })
	began := time.Now()
	var wg sync.WaitGroup
	for _, p := range plan {
		if pause(ctx, p.at-time.Since(began)) != nil {
			break
		}
		wg.Go(p.do)
	}
	wg.Wait()
}

// flow makes the scenario's traffic. Where the scenario says so the fault comes, and goes, within it.
func (c *cell) flow(ctx context.Context) ([]probe.Exchange, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var plan []timed
	starts := c.scenario.Traffic.Starts()
	exchanges := make([]probe.Exchange, len(starts))
	for i, at := range starts {
		plan = append(plan, timed{at, func() { exchanges[i] = c.send(ctx, c.numbered(i)) }})
	}
	var errInject, errClear error
	if in := c.scenario.Traffic.Inject; in != nil {
		began, inForce := time.Now(), make(chan struct{})
		c.result.Traffic = &Traffic{}
		plan = append(plan, timed{in.At, func() {
			defer close(inForce)
			if _, errInject = c.inject(ctx); errInject != nil {
				stop()
			}
			c.result.Traffic.Injected = time.Since(began)
		}})
		if in.Clear > 0 {
			plan = append(plan, timed{in.Clear, func() {
				<-inForce
				errClear = c.clear(ctx, upstream.Keep)
				c.result.Traffic.Cleared = time.Since(began)
			}})
		}
	}
	openLoop(ctx, plan)
	return exchanges, errors.Join(errInject, errClear)
}

// numbered is the path of the traffic's i-th request, from 0.
func (c *cell) numbered(i int) string { return fmt.Sprintf("%s-%d", c.path(phaseFault), i+1) }

// fillTraffic sorts the requests by outcome and time. The observed outcome is the most frequent failure, or the first
// answer's when none failed. It gives the place of the exchange to show.
func (c *cell) fillTraffic(exchanges []probe.Exchange, p proof) int {
	outcomes := make([]scenarios.Outcome, len(exchanges))
	for i, ex := range exchanges {
		outcomes[i] = c.outcome(ex, c.numbered(i), p)
	}
	t := newTraffic(exchanges, outcomes, c.scenario.Traffic.For)
	if before := c.result.Traffic; before != nil {
		t.Injected, t.Cleared = before.Injected, before.Cleared
	}
	c.result.Traffic, c.result.Observed = t, outcomes[0]
	if failed, _ := t.Failed(); len(failed) > 0 {
		c.result.Observed = failed[0]
	}
	return slices.Index(outcomes, c.result.Observed)
}

// leastBucket is the shortest part of a series; long traffic has longer ones, so that there are at most maxBuckets.
const (
	leastBucket = 100 * time.Millisecond
	maxBuckets  = 50
)

// newTraffic sorts requests, of which there is at least one, by outcome and time.
func newTraffic(exchanges []probe.Exchange, outcomes []scenarios.Outcome, over time.Duration) *Traffic {
	t := &Traffic{Requests: len(exchanges), Shares: map[scenarios.Outcome]float64{}, Bucket: leastBucket}
	for t.Bucket*maxBuckets < over {
		t.Bucket += leastBucket
	}
	first := slices.MinFunc(exchanges, func(a, b probe.Exchange) int { return a.Start.Compare(b.Start) }).Start
	var all []time.Duration
	parts := map[int][]time.Duration{}
	for i, ex := range exchanges {
		n := int(ex.Start.Sub(first) / t.Bucket)
		for len(t.Series) <= n {
			t.Series = append(t.Series, Bucket{Outcomes: map[scenarios.Outcome]int{}})
		}
		t.Series[n].Outcomes[outcomes[i]]++
		t.Shares[outcomes[i]]++
		all, parts[n] = append(all, ex.Done), append(parts[n], ex.Done)
	}
	for o := range t.Shares {
		t.Shares[o] /= float64(len(exchanges))
	}
	t.Latency = percentiles(all)
	for n, part := range parts {
		t.Series[n].Latency = percentiles(part)
	}
	return t
}

// percentiles of at least one time.
func percentiles(times []time.Duration) Latency {
	slices.Sort(times)
	rank := func(p float64) time.Duration { return times[max(1, int(math.Ceil(p*float64(len(times)))))-1] }
	return Latency{rank(0.50), rank(0.95), rank(0.99), times[len(times)-1]}
}
