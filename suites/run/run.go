package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/upstream/fault"
)

// Run runs every scenario on every gateway and judges the cells. Cells that could not run are in the report with their
// reason; the error is for what kept the whole run from happening, or ctx's. Everything that was started is gone when
// it returns.
func Run(ctx context.Context, opts Options) (*Report, error) {
	began := time.Now()
	if opts.Lanes == 0 {
		opts.Lanes = DefaultLanes
	}
	cells, err := plan(opts)
	if err != nil {
		return nil, err
	}
	report := &Report{Started: began, Shard: opts.Shard}
	s, err := newStage(ctx, opts, needsMemory(cells), opts.needSockets(cells))
	if err == nil {
		s.perform(ctx, cells)
		report.collect(resultsOf(cells))
	}
	err = errors.Join(err, ctx.Err(), s.close(ctx))
	s.timing.Busy = s.machine.taken()
	report.Timing = s.timing
	report.time(time.Since(began))
	return report, err
}

// plan makes the cells: each scenario on each gateway.
func plan(opts Options) ([]*cell, error) {
	run := randomHex(4)
	only := func(scenario, gateway string) bool { return opts.Only == nil || opts.Only(scenario, gateway) }
	if opts.Shard != nil {
		of, err := opts.Shard.Only(opts.Scenarios, opts.Gateways)
		if err != nil {
			return nil, err
		}
		all := only
		only = func(scenario, gateway string) bool { return all(scenario, gateway) && of(scenario, gateway) }
	}
	var cells []*cell
	for _, sc := range opts.Scenarios {
		f, err := sc.Injects()
		if err != nil {
			return nil, fmt.Errorf("scenario %s (%s): %w", sc.ID, sc.Source, err)
		}
		if _, err := f.Values(sc.Params); err != nil {
			return nil, fmt.Errorf("scenario %s (%s): %w", sc.ID, sc.Source, err)
		}
		for _, d := range opts.Gateways {
			if !only(sc.ID, d.Name) {
				continue
			}
			if err := checkPool(sc.Pool, d.Profile(sc.Profile)); err != nil {
				return nil, fmt.Errorf("scenario %s (%s): %w", sc.ID, sc.Source, err)
			}
			cells = append(cells, newCell(fmt.Sprintf("gf-%s-%d", run, len(cells)+1), sc, f, d))
		}
	}
	return cells, nil
}

func newCell(id string, sc *scenarios.Scenario, f *fault.Fault, d *gateway.Definition) *cell {
	r := NewResult(sc, d)
	r.Cell = id
	return &cell{id: id, scenario: sc, fault: f, result: r}
}

// NewResult is what is known of a cell before it runs.
func NewResult(sc *scenarios.Scenario, d *gateway.Definition) *Result {
	return &Result{Scenario: sc, ID: sc.ID, Cause: sc.Cause, Standard: sc.Standard, Exclusive: sc.Exclusive,
		Method: sc.Request.Method, Gateway: Gateway{Name: d.Name, Title: d.Title, Profile: sc.Profile}}
}

func (c *cell) fail(v Verdict, err error) { c.result.Verdict, c.result.Reason = v, err.Error() }

func needsMemory(cells []*cell) bool {
	return slices.ContainsFunc(cells, func(c *cell) bool { return c.scenario.Endpoint == scenarios.MemoryEndpoint })
}

// needSockets tells whether a profile of the cells wants the upstream at a unix socket.
func (o Options) needSockets(cells []*cell) bool {
	return slices.ContainsFunc(o.Gateways, func(d *gateway.Definition) bool {
		return slices.ContainsFunc(cells, func(c *cell) bool {
			return c.result.Gateway.Name == d.Name && d.Profile(c.scenario.Profile).Address == gateway.AddressUnix
		})
	})
}

// perform runs all groups side by side, and then, one after the other, the cells that must be alone.
func (s *stage) perform(ctx context.Context, cells []*cell) {
	var mu sync.Mutex // guards finished
	finished := 0
	done := func(c *cell) {
		mu.Lock()
		defer mu.Unlock()
		finished++
		if s.opts.Progress != nil {
			s.opts.Progress(Progress{Result: c.result, Done: finished, Cells: len(cells)})
		}
	}
	groups := s.groups(cells, done)
	if s.opts.Apart {
		for _, g := range groups {
			s.play(ctx, []*group{g}, done)
			g.end()
		}
	} else {
		s.play(ctx, groups, done)
	}
	s.repeat(ctx, done)
	began := time.Now()
	var wg sync.WaitGroup
	for _, g := range groups {
		wg.Go(func() { g.runTraffic(ctx, done) })
	}
	wg.Wait()
	s.repeat(ctx, done)
	s.waited(&s.timing.Traffic, time.Since(began))
	for _, g := range groups {
		g.runExclusive(ctx, done)
	}
}

// play starts gateways and then runs their parallel cells: a start takes the processors from the cells.
func (s *stage) play(ctx context.Context, groups []*group, done func(*cell)) {
	starts := make(chan struct{}, parallelStarts)
	var starting, wg sync.WaitGroup
	for _, g := range longestFirst(groups) {
		starts <- struct{}{}
		starting.Go(func() {
			g.begin(ctx)
			<-starts
		})
	}
	starting.Wait()
	for _, g := range groups {
		for _, part := range g.whole() {
			wg.Go(func() { part.run(ctx, part.failed, done) })
		}
	}
	wg.Wait()
}

// run runs a cell when the machine has room for it. It is not done if it is to run again.
func (s *stage) run(ctx context.Context, c *cell, done func(*cell)) {
	c.plan()
	leave := s.machine.enter(ctx, expected(c.scenario))
	c.run(ctx)
	leave()
	if s.spoilt(ctx, c) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.again = append(s.again, c)
		return
	}
	done(c)
}

// runAlone runs a cell that has the machine to itself, again if something else took that meanwhile.
func (s *stage) runAlone(ctx context.Context, c *cell) {
	c.plan()
	for c.run(ctx); s.spoilt(ctx, c); c.run(ctx) {
		c.anewHere()
	}
}

// plan keeps the result as it is before the cell's first run.
func (c *cell) plan() {
	if c.runs == 0 {
		c.planned = *c.result
	}
}

// anewHere is the cell as it was before it ran, on its lane.
func (c *cell) anewHere() *cell {
	l := c.lane
	c.anew().lane = l
	return c
}

// spoilt tells whether a cell was not as expected for want of a processor, maybe: it is to run again.
func (s *stage) spoilt(ctx context.Context, c *cell) bool {
	bad := slices.Contains([]Verdict{Drifted, NotInjected, Error}, c.result.Verdict) || c.way != nil && c.blockedLong()
	return bad && c.runs+1 < maxRuns && ctx.Err() == nil && s.busyFor(c)
}

// busyFor tells whether the machine was busy while the cell ran.
func (s *stage) busyFor(c *cell) bool { return s.machine.busy(c.began, c.began.Add(c.result.Took)) }

// repeat runs cells again, each on its lane, few at a time.
func (s *stage) repeat(ctx context.Context, done func(*cell)) {
	for len(s.again) > 0 {
		again := s.again
		s.again = nil
		s.say("%d cells run again: the machine was busy", len(again))
		lanes := map[*lane][]*cell{}
		for _, c := range again {
			lanes[c.lane] = append(lanes[c.lane], c)
		}
		var wg errgroup.Group
		wg.SetLimit(parallelRepeats)
		for _, cells := range lanes {
			wg.Go(func() error {
				for _, c := range cells {
					s.run(ctx, c.anewHere(), done)
				}
				return nil
			})
		}
		_ = wg.Wait()
	}
}

// parallelRepeats bounds how many cells run again at once.
const parallelRepeats = 8

// parallelStarts bounds how many gateways start at once: a start wants a processor for most of its time.
var parallelStarts = min(max(2, runtime.NumCPU()), 8)

// longestFirst orders groups by their longest cell.
func longestFirst(groups []*group) []*group {
	return slices.SortedStableFunc(slices.Values(groups), func(a, b *group) int { return cmp.Compare(b.longest(), a.longest()) })
}

// groups sorts the cells by the instance of a gateway that they need; those whose gateway lacks the profile are unsupported.
func (s *stage) groups(cells []*cell, done func(*cell)) []*group {
	var groups []*group
	for _, d := range s.opts.Gateways {
		for _, c := range cells {
			if c.result.Gateway.Name != d.Name {
				continue
			}
			if why := d.Lacks(c.scenario.Profile); why != "" {
				c.fail(Unsupported, errors.New(why))
				c.result.Lacking = true
				done(c)
				continue
			}
			alone, chain := c.scenario.Profile, d.Profile(c.scenario.Profile).Chain
			if d.Shares(alone) {
				alone = ""
			}
			i := slices.IndexFunc(groups, func(g *group) bool { return g.def == d && g.profile == alone && g.chain == chain })
			if i < 0 {
				i = len(groups)
				groups = append(groups, &group{stage: s, def: d, profile: alone, chain: chain})
			}
			groups[i].cells = append(groups[i].cells, c)
			c.result.Gateway.Place = groups[i].place()
		}
	}
	return groups
}

func resultsOf(cells []*cell) (out []*Result) {
	for _, c := range cells {
		out = append(out, c.result)
	}
	return out
}

// collect gathers the results, by cause and scenario, and the gateways.
func (r *Report) collect(results []*Result) {
	ran := map[string]bool{}
	for _, res := range results {
		r.Results = append(r.Results, res)
		if !slices.Contains(r.Gateways, res.Gateway) {
			r.Gateways = append(r.Gateways, res.Gateway)
		}
		if res.Verdict != Unsupported && res.Verdict != Error || res.Lacking && r.Shard != nil {
			ran[res.Gateway.Name] = true // what a product lacks says nothing of the other shards' cells
		}
	}
	slices.SortStableFunc(r.Results, func(a, b *Result) int {
		return cmp.Or(cmp.Compare(causeOrder(a.Cause), causeOrder(b.Cause)), cmp.Compare(a.ID, b.ID))
	})
	r.Idle = map[string]string{}
	for _, res := range r.Results {
		if !ran[res.Gateway.Name] {
			r.Idle[res.Gateway.Name] = res.Reason
		}
	}
}

func causeOrder(c scenarios.Cause) int { return slices.Index(scenarios.Causes(), c) }

// time adds up where the time went.
func (r *Report) time(total time.Duration) {
	r.Timing.Total = total
	for _, res := range r.Results {
		if res.Traffic != nil {
			continue // in a wave of its own
		}
		if res.Exclusive {
			r.Timing.Exclusive += res.Took
		} else {
			r.Timing.LongestCell = max(r.Timing.LongestCell, res.Took)
		}
	}
}
