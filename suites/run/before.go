package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/probe"
	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/control"
)

// warm makes the cell's request once while all is well, so that a gateway that stores answers has it, and lets it age.
func (c *cell) warm(ctx context.Context) error {
	if !c.scenario.Warm {
		return nil
	}
	c.takeTurn(ctx)
	ex := c.send(ctx, c.path(phaseFault))
	if err := c.isOurs(ex); err != nil {
		return fmt.Errorf("before the injection: %w", err)
	}
	c.nonces = append(c.nonces, ex.Header.Get(upstream.NonceField))
	return pause(ctx, c.scenario.Age)
}

// checksTimeout bounds the wait for health checks to meet the fault.
const checksTimeout = 5 * time.Second

// awaitFired waits until the fault has taken effect as often as the scenario wants before the cell's request; what names
// what met it.
func (c *cell) awaitFired(ctx context.Context, from uint64, wanted int, what string) error {
	ctx, cancel := context.WithTimeout(ctx, checksTimeout)
	defer cancel()
	for met := 0; met < wanted; {
		events, next, err := c.awaitEvents(ctx, from, time.Second, upstream.Filter{Kind: upstream.Fired})
		if err != nil {
			return notInjected{fmt.Errorf("%d of %d %s met the fault: %w", met, wanted, what, err)}
		}
		met, from = met+len(events), next
	}
	return nil
}

// meeting gives the target of the requests that meet the fault.
func (c *cell) meeting() string {
	if c.scenario.Meets == scenarios.MeetsPrime {
		return c.path(phasePrime)
	}
	return c.path(phaseFault)
}

// Times of a fault that meets the priming request.
const (
	meetTimeout = 5 * time.Second        // for the fault to take effect
	settle      = 200 * time.Millisecond // by then a gateway that watches its idle connections has closed what is not fit
)

// fillPool makes requests until a user's gateway uses connections again that it has kept, to each server and by each of its
// workers. One that never does cannot meet the faults of such connections, and of one that does so now and then it is not
// sure.
func (c *cell) fillPool(ctx context.Context) error {
	if c.way == nil || !c.scenario.Prime {
		return nil
	}
	wanted := 2 * len(c.endpoints())
	reused, n := false, 0
	for streak := 0; streak < wanted; n++ {
		if n >= maxFill || n > maxFill/2 && !reused || ctx.Err() != nil {
			break
		}
		ex := c.healthy(ctx, c.numberedPhase(phaseProof, n))
		if c.isOurs(ex) != nil || strings.HasSuffix(ex.Header.Get(upstream.NonceField), "-1") { // the number of the request on its connection
			streak = 0
			continue
		}
		reused, streak = true, streak+1
	}
	if reused || ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%w: of %d requests, each of a client of its own, none came on a connection that had been used before", upstream.ErrUnsupported, n)
}

// maxFill bounds the requests that fill a gateway's pool.
const maxFill = 40

// meetFirst makes the priming request, where it is the one that meets the fault, and waits until the fault has acted. It begins
// anew when another request, such as a health check, comes on the connection before that.
func (c *cell) meetFirst(ctx context.Context, from uint64) error {
	if c.scenario.Meets != scenarios.MeetsPrime {
		return nil
	}
	fired, err := c.prime(ctx, from, 0)
	for try := 1; err == nil && fired.Kind == upstream.Requested; try++ {
		if try == maxPrimes {
			err = errors.New("other requests on the connection keep it from being idle")
			break
		}
		fired, err = c.prime(ctx, fired.Seq, try)
	}
	if err == nil && fired.Kind == upstream.Closed {
		err = errors.New("the gateway did not keep its connection")
	}
	if err != nil {
		return notInjected{fmt.Errorf("%s did not take effect after the priming request: %w", c.fault.Name, err)}
	}
	_, err = c.awaitEvent(ctx, from, settle, func(e upstream.Event) bool { return e.Kind == upstream.Closed && e.Conn == fired.Conn })
	if errors.Is(err, errNoEvent) { // the gateway keeps the connection
		return nil
	}
	return err
}

// maxPrimes bounds how often the priming request is made.
const maxPrimes = 8

// prime makes the priming request for the n-th time after 0 and gives the event that tells what became of the fault on its
// connection; see [cell.met].
func (c *cell) prime(ctx context.Context, from uint64, n int) (upstream.Event, error) {
	primes := 1
	if c.way != nil { // which may take its servers in turn
		primes = len(c.endpoints())
	}
	for i := range primes {
		if err := c.isOurs(c.healthy(ctx, c.numberedPhase(phasePrime, n*primes+i))); err != nil {
			return upstream.Event{}, fmt.Errorf("the fault is no harm to that, and %w", err)
		}
	}
	return c.awaitEvent(ctx, from, meetTimeout, c.met())
}

// met fits the fault's effect, or the end of the connection of the request that should have met it, or the next request on that.
func (c *cell) met() func(upstream.Event) bool {
	var conn uint64
	return func(e upstream.Event) bool {
		if e.Kind == upstream.Requested && strings.Contains(e.Target, c.meeting()) {
			conn = e.Conn
			return false
		}
		return e.Kind == upstream.Fired || conn != 0 && e.Conn == conn && (e.Kind == upstream.Closed || e.Kind == upstream.Requested)
	}
}

var errNoEvent = errors.New("no such event came")

// awaitEvents gives the events of the lane's endpoints since from, once there are any in the journal or the wait is over.
func (c *cell) awaitEvents(ctx context.Context, from uint64, wait time.Duration, f upstream.Filter) ([]upstream.Event, uint64, error) {
	own := c.endpoints()
	if len(own) == 1 {
		f.Endpoint = c.endpoint
	}
	foreign := func(e upstream.Event) bool { return !slices.Contains(own, e.Endpoint) }
	for deadline := time.Now().Add(wait); ; {
		page, err := c.control.Journal(ctx, control.JournalQuery{After: from, Wait: max(0, time.Until(deadline)), Filter: f})
		events := slices.DeleteFunc(page.Events, foreign)
		if err != nil || len(events) > 0 || time.Now().After(deadline) {
			return events, page.Next, err
		}
		from = page.Next
	}
}

// awaitEvent gives the first event of the lane's endpoints that fits, or [errNoEvent] when there is none in time.
func (c *cell) awaitEvent(ctx context.Context, from uint64, patience time.Duration, fits func(upstream.Event) bool) (upstream.Event, error) {
	for deadline := time.Now().Add(patience); ; {
		events, next, err := c.awaitEvents(ctx, from, max(0, time.Until(deadline)), upstream.Filter{})
		if err != nil {
			return upstream.Event{}, fmt.Errorf("read the journal: %w", err)
		}
		if i := slices.IndexFunc(events, fits); i >= 0 {
			return events[i], nil
		}
		if from = next; len(events) == 0 && time.Now().After(deadline) {
			return upstream.Event{}, errNoEvent
		}
	}
}

// settle sends healthy requests until one fails, or the scenario's time for that is over: then what the gateway had stored
// from before the fault, such as the upstream's address, is used up.
func (c *cell) settle(ctx context.Context) {
	if c.scenario.Settle == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, c.scenario.Settle)
	defer cancel()
	for {
		sent := time.Now()
		if c.isOurs(c.healthyWithin(ctx, phaseProof, settlePatience)) != nil || pause(ctx, recoveryPause-time.Since(sent)) != nil {
			return
		}
	}
}

// settlePatience is longer than the reference connect timeout, so that what a gateway had under way ends with its request.
const settlePatience = 2 * time.Second

// directSuffix marks the requests that we make to the upstream ourselves.
const directSuffix = "-direct"

// direct shows that the fault is in force where the gateway need not meet it: our own request to the upstream does.
func (c *cell) direct(ctx context.Context) {
	probe.Do(ctx, c.upstream.String(), probe.Request{Target: c.path(phaseFault) + directSuffix + "/"}, probe.Options{Patience: directPatience, Dial: c.entry.dial})
}

// directPatience is enough to meet any fault; how it ends does not matter.
const directPatience = 2 * time.Second
