package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/fault"
)

// gate gives, once asked, the upstream program that can change what the gateway's own host lets out: one that shares the
// gateway's network namespace.
func (g *group) gate(ctx context.Context, talker *gateway.Running) func() (*upstreamHost, error) {
	return sync.OnceValues(func() (*upstreamHost, error) {
		switch {
		case g.place() == gateway.PlaceContainer:
			return g.stage.startContainer(ctx, gateway.UpstreamSpec{Beside: talker})
		case !g.stage.opts.OwnNamespace:
			return nil, errHostNetwork
		}
		return g.stage.local()
	})
}

// errHostNetwork says why a gateway's way out cannot be closed.
var errHostNetwork = fmt.Errorf("%w: this gateway runs on the host's own network, which gatefault leaves alone; gatefault run --local gives it a network of its own", upstream.ErrUnsupported)

// atGate tells whether the fault belongs to the gateway's host and not to the upstream.
func (c *cell) atGate() bool { return c.fault.Needing(fault.Egress) }

// injectAtGate puts the fault in force on the lane's ways out.
func (c *cell) injectAtGate(ctx context.Context) (from uint64, err error) {
	host, err := c.gate()
	if err != nil {
		return 0, fmt.Errorf("close the gateway's way out: %w", err)
	}
	c.gateHost = host
	for i, to := range c.servers() {
		config := upstream.EndpointConfig{ID: gateID(to), Kind: upstream.Egress, Address: to.addr.String()}
		if _, err := host.control.CreateEndpoint(ctx, config); err != nil && !errors.Is(err, upstream.ErrExists) {
			return 0, fmt.Errorf("open endpoint %s: %w", config.ID, err)
		}
		// The upstream closes its connections: one that is open already would pass.
		here, err := c.control.SetPlan(ctx, to.endpoint, upstream.Plan{}, upstream.CloseExisting)
		if err != nil {
			return 0, err
		}
		there, err := host.control.SetPlan(ctx, config.ID, upstream.Plan{Rules: []upstream.Rule{c.rule()}}, upstream.Keep)
		if err != nil {
			return 0, fmt.Errorf("inject %s: %w", c.fault.Name, err)
		}
		if i == 0 {
			from, c.gateFrom = here.Journal, there.Journal
		}
	}
	return from, nil
}

// gateID names the way out to a server; it may be at the same upstream as the server's endpoint.
func gateID(to server) string { return to.endpoint + "-out" }

// clearGate ends the fault on the lane's ways out, if one was put there.
func (c *cell) clearGate(ctx context.Context) error {
	if c.gateHost == nil {
		return nil
	}
	var errs []error
	for i, to := range c.servers() {
		change, err := c.gateHost.control.Clear(ctx, gateID(to))
		if i == 0 {
			c.gateEnd = change.Journal
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// gateEvents reads what the helper beside the gateway has to say of the fault.
func (c *cell) gateEvents(ctx context.Context) (all []upstream.Event, err error) {
	if c.gateHost == nil {
		return nil, nil
	}
	for _, to := range c.servers() {
		events, _, err := c.journalOf(ctx, c.gateHost.control, gateID(to), c.gateFrom)
		if err != nil {
			return nil, err
		}
		all = append(all, events...)
	}
	slices.SortStableFunc(all, func(a, b upstream.Event) int { return cmp.Compare(a.Seq, b.Seq) })
	return all, nil
}
