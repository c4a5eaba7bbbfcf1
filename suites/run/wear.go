package run

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/upstream"
)

// pacer spaces the requests to a gateway that would refuse them if they came faster.
type pacer struct {
	mu   sync.Mutex // guards next
	next time.Time
}

func (p *pacer) await(ctx context.Context, pace time.Duration) {
	p.mu.Lock()
	at := time.Now()
	if p.next.After(at) {
		at = p.next
	}
	p.next = at.Add(pace)
	p.mu.Unlock()
	_ = pause(ctx, time.Until(at))
}

// takeTurn waits until the gateway lets one more request through.
func (c *cell) takeTurn(ctx context.Context) {
	if c.paced() {
		c.pacer.await(ctx, c.pace())
	}
}

// pace is the time between the starts of two requests that look for recovery.
func (c *cell) pace() time.Duration {
	if c.way == nil {
		return recoveryPause
	}
	return max(ownPause, c.way.found.pace)
}

// paced tells whether the gateway refuses requests that come faster than it likes.
func (c *cell) paced() bool { return c.way != nil && c.way.found.pace > ownPause }

// numberedPhase gives each request of a phase a target of its own on a user's gateway, which may store answers.
func (c *cell) numberedPhase(phase string, n int) string {
	if c.way == nil {
		return phase
	}
	return fmt.Sprintf("%s-%d", phase, n+1)
}

// memory is what is known of how a gateway remembers servers of a route that failed.
type memory struct {
	// blocks: it leaves them out for a while, also if that leaves none.
	blocks atomic.Bool
	// hidden: of its workers each remembers for itself, so that those which answer may know nothing of it (nginx's max_fails,
	// without a zone).
	hidden atomic.Bool
}

// blocked is a recovery that tells of a memory and not of a busy machine.
const blocked = 300 * time.Millisecond

func (c *cell) recoveredLate() bool {
	return c.result.Recovery != nil && *c.result.Recovery > blocked && len(c.further) > 0
}

// blockedLong tells whether a user's gateway was long in letting requests through again after the fault, or did not.
func (c *cell) blockedLong() bool {
	if c.result.Recovery == nil {
		return c.err == nil && !c.result.Lasting && c.result.Watched == 0
	}
	return *c.result.Recovery > blocked && !c.way.memory.blocks.Load()
}

// unhealthy tells whether the cell found its lane not healthy.
func (c *cell) unhealthy() bool {
	var u unhealthy
	return errors.As(c.err, &u)
}

// maxRuns bounds how often a cell runs.
const maxRuns = 3

// doubtful tells whether what became of the cell may be the doing of one that ran on its lane before. On a fresh one, too, a
// gateway may be unwell for a reason of its own, such as a health check that came at the wrong moment.
func (c *cell) doubtful() bool {
	if !c.after {
		return c.unhealthy()
	}
	return c.unhealthy() || c.result.Verdict == NotInjected || c.recoveredLate() && !c.way.memory.blocks.Load()
}

// wears tells whether the cell leaves a user's gateway other than it was when it was new: one that does not answer, or that
// leaves out a server. The next cell would observe that as well.
func (c *cell) wears() bool {
	switch {
	case errors.Is(c.err, upstream.ErrUnsupported):
		return false
	case c.unhealthy() || c.result.Recovery == nil && !c.result.Lasting:
		return true
	case c.way.memory.hidden.Load() && (c.result.Observed.Kind != scenarios.Passed || c.result.Attempts > 1):
		return true
	}
	for place := range c.way.found.servers {
		if !c.seen[place] {
			return true
		}
	}
	return false
}

// learn takes in what a cell tells of the gateway's memory: one that ran on a fresh gateway, or again on one, while the machine
// was not busy.
func (c *cell) learn(busy bool) {
	if c.after || busy {
		return
	}
	if c.recoveredLate() {
		c.way.memory.blocks.Store(true)
	}
	if c.runs > 0 && c.missed && c.result.Verdict != NotInjected && c.way.found.workers {
		c.way.memory.hidden.Store(true)
	}
}

// anew is the cell as it was before it ran.
func (c *cell) anew() *cell {
	missed := c.result.Verdict == NotInjected && !c.unhealthy()
	who := c.result.Gateway
	*c.result = c.planned
	c.result.Gateway = who
	*c = cell{missed: missed, id: c.id, scenario: c.scenario, fault: c.fault, result: c.result, way: c.way, everywhere: c.everywhere, planned: c.planned, runs: c.runs + 1}
	return c
}
