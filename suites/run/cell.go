package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/suites/probe"
	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/fault"
)

// Times of one cell.
const (
	healthTimeout   = 10 * time.Second      // a lane that does not get healthy in this time is not healthy
	healthPatience  = 3 * time.Second       // of one healthy request
	recoveryPause   = 50 * time.Millisecond // between the starts of two requests that look for recovery
	ownPause        = 25 * time.Millisecond // the same on a user's gateway, of which many routes are looked at
	recoveryStreak  = 10                    // consecutive good answers that are a recovery
	recoveryTimeout = 15 * time.Second      // no recovery in this time is "not recovered"
	logTimeout      = 5 * time.Second       // for the gateway's log to show the last request
	evidenceTimeout = time.Second           // for the journal to show what is still under way
)

// cell is one scenario on one lane.
type cell struct {
	*lane
	id       string
	scenario *scenarios.Scenario
	fault    *fault.Fault
	result   *Result
	nonces   []string // of the answers seen so far
	cleared  uint64   // where in the journal the fault ends; 0: in force
	injected time.Time
	others   *sync.WaitGroup // requests of other clients that are under way
	ended    gateway.Exit    // of the backend
	gateHost *upstreamHost   // where the fault is put, when not at the upstream
	gateFrom uint64          // where in its journal the fault begins
	gateEnd  uint64          // and ends

	way        *way         // the route of a user's gateway; nil: a reference profile
	everywhere bool         // the fault goes to all servers of the route
	seen       map[int]bool // places, in endpoints, of the servers that answered the latest good requests
	err        error        // why there is no observation
	planned    Result       // the result before it ran
	began      time.Time
	runs       int                  // how often it ran before
	missed     bool                 // the fault did not fire at the first
	origins    map[string]time.Time // when each endpoint's journal began, on our clock
	after      bool                 // another cell ran on the lane before
	standing   bool                 // the fault is in force for every request, and stays
	watch      Watch                // is told while the cell runs
}

// path gives the mark of the cell's requests in one phase: it stands in their target.
func (c *cell) path(phase string) string { return "/" + c.id + "/" + phase }

// phases of a cell, as they stand in the mark.
const (
	phaseProof   = "proof"
	phasePrime   = "prime"
	phaseFault   = "fault"
	phaseRecover = "recover"
	phaseEnd     = "end"
	phaseOccupy  = "occupy"
)

// run runs the cell to its verdict. It leaves the lane healthy, whatever happens.
func (c *cell) run(ctx context.Context) {
	c.began = time.Now()
	defer func() { c.result.Took, c.result.Runs = time.Since(c.began), c.runs+1 }()
	if c.err = c.observe(ctx, c.began); c.err != nil {
		c.result.Verdict, c.result.Reason = verdictOf(c.err), c.err.Error()
		if c.result.Verdict == NotInjected && c.way != nil && c.scenario.Prime && !c.after {
			c.result.Verdict = Unsupported
			c.result.Reason += "; the gateway does not use every connection again that it has kept"
		}
		c.restore(ctx)
		if c.way != nil && !c.unhealthy() && c.wears() { // unless the lane is known to be well, or not to be
			c.recover(ctx)
		}
	}
	if c.others != nil {
		c.others.Wait()
	}
}

// notInjected is an error that means that the fault did not fire.
type notInjected struct{ error }

func (e notInjected) Unwrap() error { return e.error }

// unhealthy is an error that means that the lane was not healthy before the injection.
type unhealthy struct{ error }

func (e unhealthy) Unwrap() error { return e.error }

func verdictOf(err error) Verdict {
	var ni notInjected
	switch {
	case errors.Is(err, upstream.ErrUnsupported):
		return Unsupported
	case errors.As(err, &ni):
		return NotInjected
	}
	return Error
}

// observe is the cell's story: prove healthy, inject, request, clear, recover, collect, judge.
func (c *cell) observe(ctx context.Context, began time.Time) error {
	if err := c.prepare(ctx); err != nil {
		return err
	}
	c.watch.step(StepProve)
	if err := c.proveHealthy(ctx); err != nil {
		return notInjected{unhealthy{err}}
	}
	if err := c.warm(ctx); err != nil {
		return notInjected{err}
	}
	if err := c.fillPool(ctx); err != nil {
		return err
	}
	c.watch.step(StepInject)
	from, err := c.begin(ctx)
	if err != nil {
		return err
	}
	if err := c.occupy(ctx, from); err != nil {
		return err
	}
	if err := c.meetFirst(ctx, from); err != nil {
		return err
	}
	c.settle(ctx)
	c.watch.step(StepAsk)
	exchanges, err := c.request(ctx)
	if err != nil {
		return err
	}
	if c.scenario.Contact == scenarios.NoContact {
		c.direct(ctx)
	}
	if err := c.clear(ctx, upstream.CloseExisting); err != nil {
		return fmt.Errorf("clear the fault: %w", err)
	}
	if c.scenario.Again {
		c.takeTurn(ctx)
		exchanges = append(exchanges, c.send(ctx, c.path(phaseFault)))
	}
	c.watch.step(StepRecover)
	c.recover(ctx)
	p, evidence, err := c.evidence(ctx, from)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	c.collectLog(ctx, began)
	if c.tap != "" {
		tap, tapErr := c.tapped(ctx, from)
		if tapErr != nil {
			return tapErr
		}
		c.result.Tap = tap
	}
	c.fill(exchanges, p)
	if err != nil {
		return err
	}
	if c.fault.Arm == fault.StopProcess && c.scenario.Traffic == nil && !c.scenario.Again && c.result.Observed.Kind == scenarios.Passed {
		// The event that it read the request may come from it after the fault was cleared, and would not show it.
		return notInjected{errors.New("the process that should be stopped answered before the fault was cleared")}
	}
	c.result.Evidence = evidence
	if err := failedProbe(exchanges); err != nil {
		return err
	}
	judge(c.result)
	readSigns(c.result)
	return nil
}

// prepare makes the endpoints what the scenario wants them to be served by, without a fault.
func (c *cell) prepare(ctx context.Context) error {
	targets := c.targets()
	for _, id := range c.endpoints() {
		kind := upstream.HTTP
		if c.scenario.Endpoint != scenarios.HTTPEndpoint && slices.Contains(targets, id) {
			kind = upstream.Process
		}
		if _, err := c.control.SetKind(ctx, id, kind); err != nil {
			return fmt.Errorf("prepare the endpoint: %w", err)
		}
	}
	if err := c.clear(ctx, upstream.CloseExisting); err != nil {
		return fmt.Errorf("prepare the endpoint: %w", err)
	}
	return nil
}

// clear makes all endpoints of the lane healthy.
func (c *cell) clear(ctx context.Context, existing upstream.Existing) error {
	var errs []error
	for i, id := range c.endpoints() {
		change, err := c.control.SetPlan(ctx, id, upstream.Plan{}, existing)
		if i == 0 {
			c.cleared = change.Journal
		}
		errs = append(errs, err)
	}
	if c.backend != nil {
		errs = append(errs, c.backend.Resume(ctx))
	}
	return errors.Join(append(errs, c.clearGate(ctx))...)
}

// targets lists the endpoints that get the fault.
func (c *cell) targets() []string {
	switch {
	case c.everywhere || c.scenario.Target == scenarios.Both:
		return c.endpoints()
	case c.scenario.Target == scenarios.Backup:
		return c.endpoints()[1:]
	}
	return c.endpoints()[:1]
}

// restore makes the lane healthy for the next cell after a failure.
func (c *cell) restore(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	_ = c.clear(ctx, upstream.CloseExisting)
}

// begin tells where in the journal the fault begins, and injects it unless that comes within the traffic.
func (c *cell) begin(ctx context.Context) (uint64, error) {
	if t := c.scenario.Traffic; t != nil && t.Inject != nil {
		return c.cleared, nil
	}
	from, err := c.inject(ctx)
	if err != nil {
		return 0, err
	}
	if err := c.awaitFired(ctx, from, c.scenario.Checks, "health checks"); err != nil {
		return 0, err
	}
	return from, pause(ctx, max(c.scenario.Notice, c.closing()))
}

// inject puts the fault in force for the cell's request alone and tells where in the journal it begins.
func (c *cell) inject(ctx context.Context) (uint64, error) {
	if c.fault.Level == fault.Beyond {
		return c.injectBeyond(ctx)
	}
	if c.atGate() {
		return c.injectAtGate(ctx)
	}
	existing := upstream.CloseExisting
	if t := c.scenario.Traffic; c.scenario.Prime || t != nil && t.Inject != nil {
		existing = upstream.Keep
	}
	var from uint64
	for _, id := range c.targets() {
		change, err := c.control.SetPlan(ctx, id, upstream.Plan{Rules: []upstream.Rule{c.rule()}}, existing)
		if err != nil {
			return 0, fmt.Errorf("inject %s: %w", c.fault.Name, err)
		}
		if from == 0 {
			from = change.Journal
		}
	}
	return from, nil
}

func (c *cell) rule() upstream.Rule {
	r := upstream.Rule{Fault: c.fault.Name, Params: c.scenario.Params}
	if c.scenario.Script != "" {
		r = upstream.Rule{Script: c.scenario.Script}
	}
	r.Times = c.scenario.Times
	if c.fault.Level == fault.Request && !c.checked() && !c.standing {
		r.Match.Target = c.meeting()
	}
	return r
}

// closing is what a gateway that keeps connections, or may, needs to see that the fault has closed them.
func (c *cell) closing() time.Duration {
	keeps := c.way != nil || c.needs.Prevents != nil && c.needs.Prevents.Prime
	if keeps && !c.scenario.Prime {
		return settle
	}
	return 0
}

// checked tells whether the gateway's health checks are to meet the fault before the request.
func (c *cell) checked() bool { return c.scenario.Checks > 0 || c.scenario.Notice > 0 }

// request sends the cell's request, or its traffic, and gives what the client saw.
func (c *cell) request(ctx context.Context) ([]probe.Exchange, error) {
	if c.scenario.Traffic != nil {
		return c.flow(ctx)
	}
	c.takeTurn(ctx)
	return []probe.Exchange{c.send(ctx, c.path(phaseFault))}, nil
}

// send makes the scenario's request, marked.
func (c *cell) send(ctx context.Context, mark string) probe.Exchange {
	req := c.entry.request(mark, c.scenario.Request)
	if c.watch.Asked != nil {
		c.watch.Asked(mark, req)
	}
	ex := c.entry.do(ctx, req, c.scenario.Patience)
	if c.watch.Answer != nil {
		c.watch.Answer(ex)
	}
	return ex
}

// failedProbe tells of an observation that could not be made.
func failedProbe(exchanges []probe.Exchange) error {
	for _, ex := range exchanges {
		if ex.Outcome().Kind == probe.Failed {
			return fmt.Errorf("the client could not observe: %w", ex.Err)
		}
	}
	return nil
}

// pause lets d pass or returns ctx's error.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
