package run

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/probe"
	"github.com/gatefault/gatefault/upstream"
)

// proveHealthy gets a good answer of this lane's own endpoint through the gateway. Where the scenario wants it, the
// answer leaves a connection in the gateway's pool.
func (c *cell) proveHealthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	for {
		err := c.isHealthy(ctx)
		if err == nil {
			return nil
		}
		if pause(ctx, recoveryPause) != nil {
			return fmt.Errorf("the lane was not healthy before the injection: %w", err)
		}
	}
}

// isHealthy asks through the gateway, or, where its configuration is the fault, at the upstream itself.
func (c *cell) isHealthy(ctx context.Context) error {
	switch {
	case c.way != nil: // which of its servers answers is the gateway's choice
		return c.isOurs(c.healthy(ctx, phaseProof))
	case !c.needs.Broken:
		return c.isFirst(c.healthy(ctx, phaseProof))
	}
	if c.needs.Protocol == string(upstream.OverTLS) {
		return c.isHealthyOverTLS(ctx)
	}
	return c.isOurs(probe.Do(ctx, c.upstream.String(), probe.Request{Target: c.path(phaseProof)}, probe.Options{Patience: healthPatience}))
}

// isHealthyOverTLS asks at the upstream itself, whose certificate does not matter here.
func (c *cell) isHealthyOverTLS(ctx context.Context) error {
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+c.upstream.String()+c.path(phaseProof), nil)
	if err != nil {
		return err
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if got := resp.Header.Get(upstream.EndpointField); resp.StatusCode != http.StatusOK || got != c.endpoint {
		return fmt.Errorf("a healthy request over TLS got %s of endpoint %q", resp.Status, got)
	}
	return nil
}

// healthy sends one plain request on a connection of its own.
func (c *cell) healthy(ctx context.Context, phase string) probe.Exchange {
	return c.healthyWithin(ctx, phase, healthPatience)
}

func (c *cell) healthyWithin(ctx context.Context, phase string, patience time.Duration) probe.Exchange {
	c.takeTurn(ctx)
	ex := c.ask(ctx, phase, patience)
	c.note(ex)
	return ex
}

func (c *cell) ask(ctx context.Context, phase string, patience time.Duration) probe.Exchange {
	return c.entry.do(ctx, c.entry.request(c.path(phase), scenarios.Request{}), patience)
}

// note keeps what a healthy answer tells.
func (c *cell) note(ex probe.Exchange) {
	if c.isOurs(ex) != nil {
		return
	}
	if fastest := c.result.Healthy; fastest == 0 || ex.Done < fastest {
		c.result.Healthy = ex.Done
	}
	if c.seen != nil {
		c.seen[slices.Index(c.endpoints(), ex.Header.Get(upstream.EndpointField))] = true
	}
}

// isFirst tells whether an answer is the healthy one of the lane's first endpoint: a second one that stands in says nothing
// of the first.
func (c *cell) isFirst(ex probe.Exchange) error {
	if err := c.isOurs(ex); err != nil {
		return err
	}
	if got := ex.Header.Get(upstream.EndpointField); got != c.endpoint {
		return fmt.Errorf("a healthy request was answered by the second server, %s, instead of the first", got)
	}
	return nil
}

// isOurs tells whether an answer is the healthy one of this lane's endpoint.
func (c *cell) isOurs(ex probe.Exchange) error {
	o := ex.Outcome()
	if o.Kind != probe.Complete || o.Status != http.StatusOK {
		return fmt.Errorf("a healthy request got: %s", describe(ex))
	}
	if got := ex.Header.Get(upstream.EndpointField); !slices.Contains(c.endpoints(), got) {
		return fmt.Errorf("a healthy request was answered by %q instead of endpoint %s", got, c.endpoint)
	}
	return nil
}

func describe(ex probe.Exchange) string {
	o := ex.Outcome()
	if o.Kind == probe.Failed {
		return ex.Err.Error()
	}
	if o.Status > 0 {
		return fmt.Sprintf("%d (%s)", o.Status, o.Kind)
	}
	return string(o.Kind)
}

// recover times how long healthy requests keep failing after the fault is gone, which a broken configuration never is.
func (c *cell) recover(ctx context.Context) {
	if c.needs.Broken {
		c.result.Lasting = true
		return
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, recoveryTimeout)
	defer cancel()
	line := &line{entry: c.entry}
	defer line.hangUp()
	var first time.Time
	for n, streak := 0, 0; streak < recoveryStreak; n++ {
		sent := time.Now()
		if streak == 0 {
			c.seen = map[int]bool{}
		}
		ok, start := c.isWell(ctx, line, n, streak)
		if n == 0 && c.paced() {
			began = start // until then it was not our turn
		}
		if !ok {
			if streak = 0; c.way != nil && c.way.watch.enough(c, time.Since(began)) {
				c.result.Watched = time.Since(began)
				return
			}
		} else if streak++; streak == 1 {
			first = time.Now()
		}
		if pause(ctx, c.pace()-time.Since(sent)) != nil {
			return
		}
	}
	took := first.Sub(began)
	c.result.Recovery = &took
}

// burstSize is how many healthy requests a user's gateway with workers gets at once, so that each of them gets some: they may
// remember for themselves which servers failed (nginx without a zone, Apache's children). After burstStreak good bursts in a row
// each worker had its share, and single requests look for the rest of a recovery.
const (
	burstSize   = 8
	burstStreak = 3
)

// isWell sends the n-th healthy request after a fault, or a burst of them, and tells whether all got through and when the
// first was sent. So many before it were good in a row.
func (c *cell) isWell(ctx context.Context, line *line, n, streak int) (ok bool, start time.Time) {
	if c.way == nil {
		ex := c.healthy(ctx, phaseRecover)
		return c.isOurs(ex) == nil, ex.Start
	}
	if c.way.found.burst && streak < burstStreak {
		return c.burst(ctx, n), time.Now()
	}
	c.takeTurn(ctx)
	ex := line.do(ctx, c.entry.request(c.path(c.numberedPhase(phaseRecover, n*burstSize)), scenarios.Request{}), healthPatience)
	c.note(ex)
	return c.isOurs(ex) == nil, ex.Start
}

func (c *cell) burst(ctx context.Context, n int) bool {
	var exchanges [burstSize]probe.Exchange
	var wg sync.WaitGroup
	for i := range exchanges {
		wg.Go(func() { exchanges[i] = c.ask(ctx, c.numberedPhase(phaseRecover, n*burstSize+i), healthPatience) })
	}
	wg.Wait()
	ok := true
	for _, ex := range exchanges {
		c.note(ex)
		ok = ok && c.isOurs(ex) == nil
	}
	return ok
}
