package upstream

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
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
	addr() netip.AddrPort
	// apply puts a plan in force and, if asked, closes all connections and awaits their end.
	apply(ctx context.Context, p *compiled, existing Existing) error
	refuse() error // stop listening, keep the port
	listen() error // undo refuse
	stop() error   // SIGSTOP
	resume() error // SIGCONT
	close()
}

// Endpoint is one address of the upstream with its plan.
type Endpoint struct {
	up     *Upstream
	cfg    EndpointConfig
	plan   atomic.Pointer[compiled]
	open   atomic.Int64 // connections
	served atomic.Uint64

	changing sync.Mutex // serialises changes of plan and server, and guards what follows
	server   server
	undo     []func() error // what disarms the endpoint
	timers   []*time.Timer  // ends of armed rules with a time limit
	closed   bool
}

func open(u *Upstream, cfg EndpointConfig) (*Endpoint, error) {
	ep := &Endpoint{up: u, cfg: cfg}
	ep.plan.Store(&compiled{first: u.conns.Load()})
	if err := ep.start(cfg.Kind); err != nil {
		return nil, err
	}
	ep.cfg.Address = ep.server.addr().String()
	if ep.cfg.ID == "" {
		ep.cfg.ID = ep.cfg.Address
	}
	return ep, nil
}

func (ep *Endpoint) start(kind Kind) (err error) {
	if kind == Process {
		ep.server, err = startProcess(ep)
	} else {
		ep.server, err = startListener(ep)
	}
	return err
}

// ID is the endpoint's name.
func (ep *Endpoint) ID() string { return ep.cfg.ID }

// Addr is the address it listens on, or would if it did not refuse.
func (ep *Endpoint) Addr() netip.AddrPort {
	addr, _ := netip.ParseAddrPort(ep.cfg.Address)
	return addr
}

// Counts gives the open connections and the requests so far; unlike [Endpoint.State] it never waits for a plan change.
func (ep *Endpoint) Counts() (connections int64, requests uint64) {
	return ep.open.Load(), ep.served.Load()
}

// State is what the control API tells of an endpoint.
type State struct {
	EndpointConfig
	Plan        Plan   `json:"plan"`
	Connections int64  `json:"connections"`
	Requests    uint64 `json:"requests"`
}

// State gives the endpoint's present state.
func (ep *Endpoint) State() State {
	ep.changing.Lock()
	defer ep.changing.Unlock()
	return State{ep.cfg, ep.plan.Load().plan, ep.open.Load(), ep.served.Load()}
}

// ErrUnsupported says that a fault cannot be done on this machine.
var ErrUnsupported = errors.New("not supported here")

// SetPlan puts a plan in force. After it returns, every connection whose SYN arrives and every request whose first
// byte arrives sees the new plan. A wrong plan changes nothing; a fault that this machine cannot do is an
// [ErrUnsupported].
func (ep *Endpoint) SetPlan(ctx context.Context, p Plan, existing Existing) error {
	c, err := p.compile(time.Now())
	if err != nil {
		return err
	}
	if err := ep.able(c); err != nil {
		return err
	}
	ep.changing.Lock()
	defer ep.changing.Unlock()
	if ep.closed {
		return fmt.Errorf("endpoint %s is closed", ep.cfg.ID)
	}
	return ep.change(ctx, c, existing)
}

// able tells whether every fault of the plan can be done here.
func (ep *Endpoint) able(c *compiled) error {
	for _, r := range c.rules {
		switch {
		case r.fault.Needing(fault.NetAdmin) && ep.up.fwErr != nil:
			return fmt.Errorf("%s is %w: %w", r.Fault, ErrUnsupported, ep.up.fwErr)
		case r.fault.Needing(fault.Process) && ep.cfg.Kind != Process:
			return fmt.Errorf("%s is %w: endpoint %s is not served by a process of its own (kind: process)", r.Fault, ErrUnsupported, ep.cfg.ID)
		case r.fault.Needing(fault.Memory) && ep.up.Abilities().Memory != "yes":
			return fmt.Errorf("%s is %w: %s", r.Fault, ErrUnsupported, ep.up.Abilities().Memory)
		}
	}
	return nil
}

// change puts c in force: the old armament goes, then connections see the new plan, then the new armament comes.
func (ep *Endpoint) change(ctx context.Context, c *compiled, existing Existing) error {
	c.first = ep.up.conns.Load()
	armed := c.armed()
	if len(armed) > 0 {
		existing = CloseExisting // a pooled connection would answer right through a closed port
	}
	ep.plan.Store(c)
	err := errors.Join(ep.server.apply(ctx, c, existing), ep.disarm())
	for _, r := range armed {
		err = errors.Join(err, ep.arm(r))
	}
	ep.up.journal.Add(Event{Kind: PlanSet, Endpoint: ep.cfg.ID, Detail: c.summary()})
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
	ep.changing.Lock()
	defer ep.changing.Unlock()
	if kind == ep.cfg.Kind || ep.closed {
		return nil
	}
	if err := ep.change(ctx, &compiled{}, CloseExisting); err != nil {
		return err
	}
	ep.server.close()
	if err := ep.start(kind); err != nil {
		return err
	}
	ep.cfg.Kind = kind
	return nil
}

// Close stops listening, closes all connections and undoes what was armed.
func (ep *Endpoint) Close() {
	ep.changing.Lock()
	defer ep.changing.Unlock()
	if ep.closed {
		return
	}
	ep.closed = true
	if err := ep.disarm(); err != nil {
		ep.up.log.Warn("disarm", "endpoint", ep.cfg.ID, "err", err)
	}
	ep.server.close()
	ep.up.mu.Lock()
	delete(ep.up.endpoints, ep.cfg.ID)
	ep.up.mu.Unlock()
}
