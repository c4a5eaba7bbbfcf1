package run

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/fault"
)

// poolPrefix begins the kind of lanes that go to a pool of a backend.
const poolPrefix = "pool-"

// Environment of a backend's application.
const (
	endpointVariable = "GATEFAULT_ENDPOINT" // who it says it is
	serviceVariable  = "GATEFAULT_SERVICE"  // the host:port of the service that it calls
)

// checkPool tells of a scenario whose pool its profile does not have.
func checkPool(pool string, p gateway.Profile) error {
	switch {
	case pool == "":
		return nil
	case p.Backend == nil:
		return fmt.Errorf("pool %s: its profile has no backend", pool)
	}
	if _, ok := p.Backend.Pools[pool]; !ok {
		return fmt.Errorf("%s has no pool %s; it has %s", p.Backend.Title, pool, strings.Join(p.Backend.PoolNames(), ", "))
	}
	return nil
}

// joinPool puts a pool of the profile's backend between the gateway and the lane's endpoint.
func (l *lane) joinPool(c class, h *upstreamHost) {
	l.pool = &gateway.LanePool{ID: l.endpoint, Pool: gateway.DefaultPool, Listen: netip.AddrPortFrom(h.addr, h.nextPort()),
		Env: map[string]string{endpointVariable: l.endpoint, serviceVariable: l.upstream.String()}}
	if name, ok := strings.CutPrefix(c.kind, poolPrefix); ok {
		l.pool.Pool = name
	}
	l.upstream = l.pool.Listen
}

// startBackends starts the backends of the lanes that have one and not yet got it. A backend serves the pools of many
// lanes, but one that is to be stopped has a single lane.
func (g *group) startBackends(ctx context.Context, all []*lane) error {
	together := map[*gateway.Backend][]*lane{}
	var starts errgroup.Group
	for _, l := range all {
		b := l.needs.Backend
		switch {
		case b == nil || l.backend != nil:
		case b.Pools[l.pool.Pool].Alone:
			starts.Go(func() error { return g.startBackend(ctx, b, []*lane{l}) })
		default:
			together[b] = append(together[b], l)
		}
	}
	for b, lanes := range together {
		starts.Go(func() error { return g.startBackend(ctx, b, lanes) })
	}
	return starts.Wait()
}

func (g *group) startBackend(ctx context.Context, b *gateway.Backend, lanes []*lane) error {
	spec := gateway.BackendSpec{Backend: b, Engine: g.stage.engine, Image: g.stage.opts.Images[b.Name], Beside: g.stage.plain.box}
	for _, l := range lanes {
		spec.Pools = append(spec.Pools, *l.pool)
	}
	r, err := gateway.StartBackend(ctx, spec)
	if err != nil {
		return err
	}
	g.stoppedBy(ctx, r.Stop)
	for _, l := range lanes {
		l.backend = r
	}
	return nil
}

// injectBeyond makes happen what no endpoint does: it stops the backend, or has its service stall and its children wait.
// What remains is done by the cell's own request.
func (c *cell) injectBeyond(ctx context.Context) (from uint64, err error) {
	c.injected = time.Now()
	if c.fault.Arm == fault.StopBackend {
		if c.ended, err = c.backend.Halt(ctx); err != nil {
			return 0, fmt.Errorf("inject %s: %w", c.fault.Name, err)
		}
	}
	plan := upstream.Plan{}
	if c.fault.Service != "" {
		plan.Rules = []upstream.Rule{{Fault: c.fault.Service}}
	}
	change, err := c.control.SetPlan(ctx, c.endpoint, plan, upstream.CloseExisting)
	if err != nil {
		return 0, fmt.Errorf("inject %s: %w", c.fault.Name, err)
	}
	return change.Journal, nil
}

// occupy sends the requests of other clients that are to be under way, and returns when each has met the fault.
func (c *cell) occupy(ctx context.Context, from uint64) error {
	o := c.scenario.Occupy
	if o == nil {
		return nil
	}
	c.others = &sync.WaitGroup{}
	for i := range o.Requests {
		req := c.entry.request(fmt.Sprintf("%s-%d", c.path(phaseOccupy), i+1), scenarios.Request{Path: o.Path})
		c.others.Go(func() {
			c.entry.do(ctx, req, c.scenario.Patience)
		})
	}
	return c.awaitFired(ctx, from, o.Requests, "requests that are to be under way")
}

// beyondEvidence says what proves a fault that no endpoint does.
func (c *cell) beyondEvidence(ctx context.Context) (string, error) {
	if c.fault.Evidence == fault.Exit {
		return c.stopped()
	}
	re, err := regexp.Compile(c.fault.Log)
	if err != nil {
		return "", fmt.Errorf("fault %s: %w", c.fault.Name, err)
	}
	if c.gateway == nil {
		return "", fmt.Errorf("%w: what a gateway logs that runs already is not known here", upstream.ErrUnsupported)
	}
	book, who, mark := c.gateway.Logs(), c.gateway.Title()+" "+c.gateway.Version(), c.id
	if c.fault.Needing(fault.Backend) {
		book, who, mark = c.backend.Logs(), c.backend.Title()+" "+c.backend.Version(), "[pool "+c.pool.ID+"]"
	}
	ctx, cancel := context.WithTimeout(ctx, evidenceTimeout)
	defer cancel()
	line, err := logged(ctx, book, c.injected, mark, re)
	if err != nil {
		return "", notInjected{fmt.Errorf("the log of %s %w", who, err)}
	}
	return fmt.Sprintf("%s logged: %s", who, line), nil
}

// logged awaits a line of one cell that came after the injection: it bears the cell's mark and fits re.
func logged(ctx context.Context, book *gateway.LogBook, since time.Time, mark string, re *regexp.Regexp) (string, error) {
	line, err := book.Find(ctx, since, func(text string) bool { return strings.Contains(text, mark) && re.MatchString(text) })
	if err != nil {
		return "", fmt.Errorf("has no line of this cell with %q: %w", re, err)
	}
	return line.Text, nil
}

// stopped wants the backend to have ended while the cell's request was made.
func (c *cell) stopped() (string, error) {
	if c.ended.At.IsZero() {
		return "", notInjected{errors.New("the backend did not end")}
	}
	return fmt.Sprintf("the container of %s %s ended with status %d before the request and was started again after it; its last words: %s",
		c.backend.Title(), c.backend.Version(), c.ended.Code, c.ended.Last), nil
}

// begun counts how often the backend's application began to work on the cell's request.
func (c *cell) begun() int {
	if c.backend == nil {
		return 0
	}
	return len(c.backend.Logs().Matching(func(text string) bool {
		return strings.Contains(text, "[pool "+c.pool.ID+"]") && strings.Contains(text, `"begin `+c.path(phaseFault))
	}))
}
