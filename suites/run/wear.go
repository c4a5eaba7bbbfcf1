package run

import (
	"context"
	"errors"
	"fmt"
	"sync"
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
	if c.pace() > recoveryPause {
		c.pacer.await(ctx, c.pace())
	}
}

// pace is the time between the starts of two requests that look for recovery.
func (c *cell) pace() time.Duration {
	if c.way == nil {
		return recoveryPause
	}
	return max(recoveryPause, c.way.found.pace)
}

// recoverPhase gives each request that looks for recovery a target of its own on a user's gateway, which may store answers.
func (c *cell) recoverPhase(n int) string {
	if c.way == nil {
		return phaseRecover
	}
	return fmt.Sprintf("%s-%d", phaseRecover, n+1)
}

// unhealthy tells whether the cell found its lane not healthy.
func (c *cell) unhealthy() bool {
	var u unhealthy
	return errors.As(c.err, &u)
}

// doubtful tells whether the cell may have come to nothing because of one that ran on its lane before.
func (c *cell) doubtful() bool {
	return c.after && (c.unhealthy() || c.result.Verdict == NotInjected)
}

// wears tells whether the cell leaves a user's gateway other than it was when it was new: one that does not answer, or that
// leaves out a server. The next cell would observe that as well. Where there are several servers, one that failed may be left
// out by some of the gateway's workers only, and none of them may answer here (nginx's max_fails, without a zone).
func (c *cell) wears() bool {
	switch {
	case errors.Is(c.err, upstream.ErrUnsupported):
		return false
	case c.unhealthy() || c.result.Recovery == nil && !c.result.Lasting:
		return true
	case len(c.further) > 0 && (c.result.Observed.Kind != scenarios.Passed || c.result.Attempts > 1):
		return true
	}
	for place := range c.way.found.servers {
		if !c.seen[place] {
			return true
		}
	}
	return false
}

// anew is the cell as it was before it ran.
func (c *cell) anew() *cell {
	*c.result = c.planned
	*c = cell{id: c.id, scenario: c.scenario, fault: c.fault, result: c.result, way: c.way, everywhere: c.everywhere, planned: c.planned, again: true}
	return c
}
