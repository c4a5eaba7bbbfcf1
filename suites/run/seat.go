package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/suites/probe"
	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/control"
	"github.com/gatefault/gatefault/upstream/fault"
)

// Seat is a lane of a [Bench] that its holder has to himself. It must not be used by two goroutines at once, but for
// [Seat.Events] and the log.
type Seat struct {
	bench *Bench
	group *group
	lane  *lane
	free  chan<- *lane
	armed *cell    // whose fault is in force; nil: none
	seen  []string // nonces of answers, for one that comes again was stored
}

// Step is where a cell is.
type Step string

// The steps, in their order. Requests without a scenario have only [StepAsk].
const (
	StepProve   Step = "prove"   // a healthy request gets through
	StepInject  Step = "inject"  // the fault comes into force
	StepAsk     Step = "ask"     // the request is sent
	StepRecover Step = "recover" // the fault is over, healthy requests look for recovery
)

// Watch is told of what happens while it happens. Each function may be nil, is called from other goroutines and must not
// block.
type Watch struct {
	Step func(Step)
	// Asked is told of a request of the experiment as it is sent, with what marks it in journal and logs, and Answer of its end,
	// whatever it was. Proofs of health are left out.
	Asked  func(mark string, req probe.Request)
	Answer func(probe.Exchange)
}

func (w Watch) step(s Step) {
	if w.Step != nil {
		w.Step(s)
	}
}

// Gateway identifies the gateway.
func (s *Seat) Gateway() Gateway {
	g := s.group.gateway
	return Gateway{Name: g.Name(), Title: g.Title(), Version: g.Version(), Image: g.Image(), Profile: s.lane.profile, Place: s.lane.place}
}

// Addr is where clients reach the lane, as host:port. It stays the same as long as the seat is held.
func (s *Seat) Addr() string { return s.lane.entry.addr }

// Logs is what the gateway logs, of other lanes as well; Tag marks the lines of this one.
func (s *Seat) Logs() *gateway.LogBook { return s.lane.gateway.Logs() }

// Tag is the [gateway.Line.Lane] of lines of this lane.
func (s *Seat) Tag() string { return s.lane.tag }

// cell makes a cell of the seat's lane.
func (s *Seat) cell(sc *scenarios.Scenario, w Watch) (*cell, error) {
	f, err := sc.Injects()
	if err == nil {
		_, err = f.Values(sc.Params)
	}
	if err != nil {
		return nil, err
	}
	c := newCell(fmt.Sprintf("gf-%s-%d", s.bench.run, s.bench.cells.Add(1)), sc, f, s.group.def)
	c.lane, c.watch = s.lane, w
	c.result.Gateway = s.Gateway()
	c.result.Gateway.Profile = sc.Profile
	return c, nil
}

// Run runs a whole scenario as a cell and judges it. What was armed is over, and the lane healthy, when it returns.
func (s *Seat) Run(ctx context.Context, sc *scenarios.Scenario, w Watch) (*Result, error) {
	c, err := s.cell(sc, w)
	if err != nil {
		return nil, err
	}
	s.armed, s.lane.used = nil, true
	c.run(ctx)
	return c.result, ctx.Err()
}

// Arm puts the fault or script of a scenario in force at the lane's upstream for every request, until [Seat.Clear]. Of the
// scenario only what is injected, and where, counts: see [Injection].
func (s *Seat) Arm(ctx context.Context, sc *scenarios.Scenario) error {
	c, err := s.cell(sc, Watch{})
	if err != nil {
		return err
	}
	c.standing = true
	if err := s.Clear(ctx); err != nil {
		return err
	}
	if err := c.prepare(ctx); err != nil {
		return err
	}
	if _, err := c.inject(ctx); err != nil {
		c.restore(ctx)
		return err
	}
	s.armed = c
	return nil
}

// Injection is a scenario that does nothing but inject: a fault of the catalogue with its parameters or, when script is not
// empty, a wire script.
func Injection(name string, params fault.Args, script, profile string) *scenarios.Scenario {
	sc := &scenarios.Scenario{ID: cmp.Or(name, fault.ScriptName), Fault: name, Params: params, Script: script, Profile: cmp.Or(profile, PlainProfile),
		Endpoint: scenarios.HTTPEndpoint, Target: scenarios.Primary, Patience: scenarios.DefaultPatience, Meets: scenarios.MeetsRequest}
	if script != "" {
		sc.Fault = fault.ScriptName
	}
	f, err := sc.Injects()
	if err != nil {
		return sc // whoever uses it is told
	}
	sc.Evidence = string(f.Evidence)
	switch {
	case f.Needing(fault.Memory):
		sc.Endpoint = scenarios.MemoryEndpoint
	case f.Needing(fault.Process):
		sc.Endpoint = scenarios.ProcessEndpoint
	}
	return sc
}

// Clear makes the lane's upstream healthy. The gateway may go on failing for a while.
func (s *Seat) Clear(ctx context.Context) error {
	c := s.armed
	if s.armed = nil; c == nil {
		return nil
	}
	if err := c.clear(ctx, upstream.CloseExisting); err != nil {
		return fmt.Errorf("clear the fault: %w", err)
	}
	return nil
}

// Leave clears the fault and gives the lane back.
func (s *Seat) Leave(ctx context.Context) error {
	err := s.Clear(ctx)
	s.free <- s.lane
	return err
}

// Ask sends one request, or open-loop traffic of it when t is not nil, with what is armed in force, and gives what was
// observed. Nothing is expected, so the verdict is [Observed], or [NotInjected] when nothing proves that the armed fault met
// the request. What is armed stays in force.
func (s *Seat) Ask(ctx context.Context, req scenarios.Request, t *scenarios.Traffic, patience time.Duration, w Watch) (*Result, error) {
	sc := *Injection(healthyFault, nil, "", s.lane.profile)
	if s.armed != nil {
		sc = *s.armed.scenario
	}
	sc.Request, sc.Traffic, sc.Patience = req, t, cmp.Or(patience, scenarios.DefaultPatience)
	c, err := s.cell(&sc, w)
	if err != nil {
		return nil, err
	}
	c.result.Method, c.result.Standing = req.Method, true
	c.standing = true
	if s.armed != nil {
		c.gateHost, c.gateFrom, c.injected = s.armed.gateHost, s.armed.gateFrom, s.armed.injected
	}
	c.nonces = s.seen
	began := time.Now()
	err = c.askOnce(ctx, began)
	c.result.Took = time.Since(began)
	s.seen = c.nonces[max(0, len(c.nonces)-maxSeen):]
	return c.result, err
}

// maxSeen bounds the answers that a seat remembers.
const maxSeen = 1000

// askOnce is the story of a request that is no scenario's.
func (c *cell) askOnce(ctx context.Context, began time.Time) error {
	health, err := c.control.Health(ctx)
	if err != nil {
		return err
	}
	from := health.Journal
	c.watch.step(StepAsk)
	exchanges, err := c.request(ctx)
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := c.count(ctx); err != nil {
		return err
	}
	p, evidence, missing := c.evidence(ctx, from)
	c.collectOwnLog(ctx, began)
	c.fill(exchanges, p)
	for _, ex := range exchanges {
		if nonce := ex.Header.Get(upstream.NonceField); nonce != "" {
			c.nonces = append(c.nonces, nonce)
		}
	}
	c.result.Evidence = evidence
	c.result.Verdict, c.result.Reason = Observed, "nothing is expected of this cell"
	if missing != nil {
		c.result.Verdict, c.result.Reason = verdictOf(missing), missing.Error()
	}
	return errors.Join(ctx.Err(), failedProbe(exchanges))
}

// count puts an armed fault in force anew: what the kernel counted of it, and what shows that it was in force to the end, is
// journalled when it ends.
func (c *cell) count(ctx context.Context) error {
	if c.fault.Level != fault.Armed {
		return nil
	}
	again, err := c.inject(ctx)
	c.cleared = again
	return err
}

// ownLogTimeout is enough for the log to show a request that is over.
const ownLogTimeout = time.Second

// collectOwnLog takes the log lines of a request after which no healthy one comes that would mark the end.
func (c *cell) collectOwnLog(ctx context.Context, began time.Time) {
	ctx, cancel := context.WithTimeout(ctx, ownLogTimeout)
	defer cancel()
	for _, tier := range c.tiers() {
		_ = tier.Logs().Await(ctx, c.id) // without it the lines so far are what there is
		c.result.Log = append(c.result.Log, texts(tier.Logs().Lines(c.id, c.tag, began, time.Now()))...)
	}
}

// Events follows what happens at the lane's upstream from now on, until ctx ends. origin is when its journal began, on our
// clock: an event's time counts from there.
func (s *Seat) Events(ctx context.Context) (origin time.Time, events iter.Seq2[upstream.Event, error], err error) {
	health, err := s.lane.control.Health(ctx)
	if err != nil {
		return origin, nil, err
	}
	origin = time.Now().Add(-time.Duration(health.Uptime))
	own, f := s.lane.endpoints(), upstream.Filter{}
	if len(own) == 1 {
		f.Endpoint = own[0]
	}
	return origin, func(yield func(upstream.Event, error) bool) {
		for e, err := range s.lane.control.Events(ctx, health.Journal, f) {
			var lost *control.LostError
			if errors.As(err, &lost) || err == nil && !slices.Contains(own, e.Endpoint) {
				continue
			}
			if !yield(e, err) {
				return
			}
		}
	}, nil
}

// ownHealth are requests by which cells prove health and look for recovery.
var ownHealth = regexp.MustCompile(`\bgf-[0-9a-f]{8}-[0-9]+/(proof|recover|end)`)

// Follow tells of the lines that the lane's gateways log from now on, but for those of our own proofs of health, until ctx ends. It
// calls f from one goroutine for each gateway of a chain.
func (s *Seat) Follow(ctx context.Context, f func(gateway.Line)) {
	var wg sync.WaitGroup
	for _, tier := range (&cell{lane: s.lane}).tiers() {
		wg.Go(func() {
			for line := range tier.Logs().Follow(ctx) {
				if line.Lane == s.lane.tag && !ownHealth.MatchString(line.Text) {
					f(line)
				}
			}
		})
	}
	wg.Wait()
}
