package upstream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/gatefault/gatefault/upstream/fault"
)

// Existing says what a plan change does to connections that are open already.
type Existing string

// Keep leaves them: a request under way ends as the old plan decided, the next one sees the new plan.
// CloseExisting closes them and awaits their end.
const (
	Keep          Existing = "keep"
	CloseExisting Existing = "close"
)

// server is what stands behind an endpoint's address: a listener in this process or a child process.
type server interface {
	// apply puts a plan in force and, if asked, closes all connections and awaits their end.
	apply(ctx context.Context, p *compiled, existing Existing) error
	// closeConns closes all connections and awaits their end.
	closeConns(ctx context.Context) error
	refuse() error           // stop listening
	listen() error           // undo refuse
	stop(fault string) error // SIGSTOP
	resume() error           // SIGCONT
	close()
}

// filler is a server whose accept queue can be filled.
type filler interface {
	fill() error  // fill the accept queue and accept nothing
	drain() error // undo fill; errRoom if the queue was not full any more
}

// Endpoint is one address of the upstream with its plan.
type Endpoint struct {
	up     *Upstream
	id     string
	addr   netip.AddrPort
	inBand bool
	label  string // its name in the zone; empty: none
	speaks Protocol
	target string       // of a tap
	socket string       // path of its unix socket, if it has one
	names  []string     // further ones on its certificates
	kind   atomic.Value // Kind
	plan   atomic.Pointer[compiled]
	open   atomic.Int64  // connections
	seen   atomic.Uint64 // connections so far
	served atomic.Uint64 // requests

	draining atomic.Bool // the last requests are under way, each the last one of its connection
	given    *net.TCPListener

	changing chan struct{} // holds a token while plan or server change; guards what follows
	server   server
	armed    []*armament
	closed   bool
}

// open opens an endpoint; given, if not nil, is the listener to use.
func open(u *Upstream, cfg EndpointConfig, given *net.TCPListener) (*Endpoint, error) {
	ep := &Endpoint{up: u, id: cfg.ID, inBand: cfg.InBand, speaks: cfg.Protocol, target: cfg.Target, socket: cfg.Socket, names: cfg.Names, changing: make(chan struct{}, 1), given: given}
	ep.plan.Store(&compiled{})
	var err error
	if ep.addr, err = netip.ParseAddrPort(cfg.Address); err != nil {
		return nil, err
	}
	if err := ep.start(cfg.Kind); err != nil {
		return nil, err
	}
	return ep, nil
}

// start starts the server of that kind; on failure the endpoint is as before.
func (ep *Endpoint) start(kind Kind) error {
	begin := startListener
	switch kind {
	case Process:
		begin = startProcess
	case Tap:
		begin = startTap
	case Egress:
		begin = startEgress
	}
	if kind == Process && ep.speaks == OverTLS { // its certificates would come from an authority of its own
		return fmt.Errorf("a process endpoint that speaks tls is %w: use kind: http", ErrUnsupported)
	}
	server, err := begin(ep)
	if err != nil {
		return err
	}
	ep.server = server
	ep.kind.Store(kind)
	return nil
}

// settle notes the address that was got; a server calls it before it accepts. Later servers get the same one.
func (ep *Endpoint) settle(addr netip.AddrPort) {
	if ep.addr.Port() == 0 {
		ep.addr = addr
	}
	if ep.id == "" {
		ep.id = ep.addr.String()
	}
}

// lock takes the right to change the endpoint, or gives ctx's error.
func (ep *Endpoint) lock(ctx context.Context) error {
	select {
	case ep.changing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("endpoint %s is being changed by somebody else: %w", ep.id, ctx.Err())
	}
}

func (ep *Endpoint) unlock() { <-ep.changing }

// ID is the endpoint's name.
func (ep *Endpoint) ID() string { return ep.id }

// Addr is the address it listens on, or would if it did not refuse.
func (ep *Endpoint) Addr() netip.AddrPort { return ep.addr }

// Kind says who serves it.
func (ep *Endpoint) Kind() Kind { return ep.kind.Load().(Kind) }

// Counts gives the open connections and the requests so far.
func (ep *Endpoint) Counts() (connections int64, requests uint64) {
	return ep.open.Load(), ep.served.Load()
}

// State is what the control API tells of an endpoint.
type State struct {
	EndpointConfig
	Domain      string `json:"domain,omitempty" jsonschema:"the name that the upstream's name server knows it by"`
	Plan        Plan   `json:"plan"`
	Connections int64  `json:"connections"`
	Requests    uint64 `json:"requests"`
}

// State gives the endpoint's present state; it never waits for a plan change.
func (ep *Endpoint) State() State {
	cfg := EndpointConfig{ID: ep.id, Address: ep.addr.String(), Kind: ep.Kind(), Protocol: ep.speaks, Target: ep.target, Socket: ep.socket, Names: ep.names, InBand: ep.inBand}
	return State{cfg, ep.Domain(), ep.plan.Load().plan, ep.open.Load(), ep.served.Load()}
}

var errClosed = errors.New("closed")

// ErrUnsupported says that a fault cannot be done on this machine.
var ErrUnsupported = errors.New("not supported here")

// SetPlan puts a plan in force. After it returns, every connection whose SYN arrives and every request whose first
// byte arrives sees the new plan. A wrong plan changes nothing; a fault that this machine cannot do is an
// [ErrUnsupported]. When connections that should be closed do not end before ctx does, the plan is in force all the same.
func (ep *Endpoint) SetPlan(ctx context.Context, p Plan, existing Existing) error {
	c, err := p.compile(time.Now())
	if err != nil {
		return err
	}
	if err := ep.lock(ctx); err != nil {
		return err
	}
	defer ep.unlock()
	if ep.closed {
		return fmt.Errorf("endpoint %s is %w", ep.id, errClosed)
	}
	if err := ep.able(c); err != nil {
		return err
	}
	return ep.change(ctx, c, existing)
}

// able tells whether every fault of the plan can be done here.
func (ep *Endpoint) able(c *compiled) error {
	for _, r := range c.rules {
		switch {
		case ep.Kind() == Tap:
			return fmt.Errorf("%s is %w: endpoint %s %w", r.fault.Name, ErrUnsupported, ep.id, errTap)
		case !ep.speaks.speaks(r.fault):
			return fmt.Errorf("%s is %w: endpoint %s speaks %s, the fault is one of %s; open an endpoint of that protocol", r.fault.Name, ErrUnsupported, ep.id, ep.speaks, r.fault.Protocol)
		case r.fault.Needing(fault.NetAdmin) && ep.up.fwErr != nil:
			return fmt.Errorf("%s is %w: %w", r.fault.Name, ErrUnsupported, ep.up.fwErr)
		case r.fault.Needing(fault.NetAdmin) && r.fault.Level == fault.Request && ep.Kind() == Process:
			return fmt.Errorf("%s is %w: the process that serves endpoint %s has no firewall (use kind: http)", r.fault.Name, ErrUnsupported, ep.id)
		case r.fault.Needing(fault.Egress) != (ep.Kind() == Egress):
			return fmt.Errorf("%s is %w at endpoint %s of kind %s: faults of the layer egress, and no others, belong to kind egress", r.fault.Name, ErrUnsupported, ep.id, ep.Kind())
		case r.fault.Needing(fault.Socket) && (ep.socket == "" || ep.Kind() != HTTP):
			return fmt.Errorf("%s is %w: endpoint %s has no unix socket", r.fault.Name, ErrUnsupported, ep.id)
		case r.fault.Needing(fault.Shaping) && ep.up.shaping() != nil:
			return fmt.Errorf("%s is %w: %w", r.fault.Name, ErrUnsupported, ep.up.shaping())
		case r.fault.Needing(fault.Process) && ep.Kind() != Process:
			return fmt.Errorf("%s is %w: endpoint %s is not served by a process of its own (kind: process)", r.fault.Name, ErrUnsupported, ep.id)
		case r.fault.Needing(fault.NameServer) && ep.up.nsErr != nil:
			return fmt.Errorf("%s is %w: %w", r.fault.Name, ErrUnsupported, ep.up.nsErr)
		case r.fault.Needing(fault.OldAddress) && ep.mayHaveOld() != nil:
			return fmt.Errorf("%s is %w: %w", r.fault.Name, ErrUnsupported, ep.mayHaveOld())
		case r.fault.Needing(fault.Memory) && ep.up.Abilities().Memory != "yes":
			return fmt.Errorf("%s is %w: %s", r.fault.Name, ErrUnsupported, ep.up.Abilities().Memory)
		}
	}
	return nil
}

// change puts c in force: the old armament goes, connections see the new plan, the new armament comes. When arming fails
// the endpoint is healthy and unarmed.
func (ep *Endpoint) change(ctx context.Context, c *compiled, existing Existing) error {
	c.first = ep.seen.Load()
	armed := c.armed()
	if len(armed) > 0 {
		existing = CloseExisting // a pooled connection would answer right through a closed port
	}
	ep.plan.Store(c)
	err := errors.Join(ep.disarm(), ep.server.apply(ctx, c, existing))
	for _, r := range armed {
		err = errors.Join(err, ep.arm(r))
	}
	if len(armed) > 0 { // those that came while we armed
		err = errors.Join(err, ep.server.closeConns(ctx))
	}
	if err != nil && len(armed) > 0 {
		healthy := &compiled{first: c.first}
		ep.plan.Store(healthy)
		return errors.Join(err, ep.disarm(), ep.server.apply(ctx, healthy, Keep))
	}
	ep.up.journal.Add(Event{Kind: PlanSet, Endpoint: ep.id, Detail: clip(c.summary(), maxDetail)})
	return err
}

// summary names the plan's faults.
func (c *compiled) summary() string {
	if len(c.rules) == 0 {
		return "healthy"
	}
	text := ""
	for i, r := range c.rules {
		if i > 0 {
			text += ", "
		}
		text += r.fault.Name
	}
	return text
}

// Clear makes the endpoint healthy and closes its connections.
func (ep *Endpoint) Clear(ctx context.Context) error { return ep.SetPlan(ctx, Plan{}, CloseExisting) }

// SetKind changes who serves the address: this process or a child of it. The plan becomes empty.
func (ep *Endpoint) SetKind(ctx context.Context, kind Kind) error {
	if err := kind.validate(); err != nil {
		return err
	}
	if err := ep.lock(ctx); err != nil {
		return err
	}
	defer ep.unlock()
	before := ep.Kind()
	if kind == before || ep.closed {
		return nil
	}
	if kind == Tap || before == Tap {
		return fmt.Errorf("endpoint %s: a tap is a tap from the start to the end", ep.id)
	}
	if err := ep.change(ctx, &compiled{}, CloseExisting); err != nil {
		return err
	}
	ep.server.close()
	if err := ep.start(kind); err != nil {
		return errors.Join(err, ep.start(before))
	}
	return nil
}

// Close stops listening, closes all connections and undoes what was armed.
func (ep *Endpoint) Close() {
	_ = ep.lock(context.Background())
	defer ep.unlock()
	if ep.closed {
		return
	}
	ep.closed = true
	if err := ep.disarm(); err != nil {
		ep.up.log.Warn("disarm", "endpoint", ep.id, "err", err)
	}
	ep.server.close()
	ep.up.forget(ep)
}
