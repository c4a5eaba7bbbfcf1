package run

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatefault/gatefault/suites/gateway"
)

// OwnProfile is the profile of a user's own configuration in results.
const OwnProfile = "own"

// instance is one start of a user's gateway, on a network of its own where the upstream is at the names and addresses that
// the configuration has.
type instance struct {
	check   *check
	number  int
	memory  bool // its upstream has a memory limit
	network *gateway.Network
	sandbox *gateway.Sandbox           // instead of a network, without containers
	sockets map[string]*gateway.Volume // by folder
	places  map[*house]spot
	nobody  netip.Addr // where nobody listens
	servers map[string]server
	hosts   map[*house]*upstreamHost
	gateway *gateway.Running
	begin   func(context.Context) error // starts the gateway
	lanes   map[*way]*lane
	worn    atomic.Bool // it is not as good as new any more
	pacer   pacer

	gateMu   sync.Mutex       // guards what follows
	gateHost *upstreamHost    // what changes the way out
	gateOf   *gateway.Running // of this gateway; nil: not started

	mu    sync.Mutex                    // guards stops
	stops []func(context.Context) error // the last goes first
}

// start starts an instance. On failure nothing is left of it.
func (k *check) start(ctx context.Context, memory bool) (_ *instance, err error) {
	in := &instance{check: k, number: int(k.started.Add(1)), memory: memory, sockets: map[string]*gateway.Volume{}, places: map[*house]spot{},
		nobody: besideAddr(0), servers: map[string]server{}, hosts: map[*house]*upstreamHost{}, lanes: map[*way]*lane{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, in.stop(ctx))
		}
	}()
	if k.subject.Target != nil {
		return in, in.takePlace(ctx)
	}
	began := time.Now()
	if err := in.ground(ctx); err != nil {
		return nil, err
	}
	if err := in.settle(ctx, byName, byAddress); err != nil {
		return nil, err
	}
	if err := in.startGateway(ctx); err != nil {
		return nil, err
	}
	if err := in.settle(ctx, beside); err != nil {
		return nil, err
	}
	in.openLanes(ctx)
	k.stage.waited(&k.stage.timing.SlowestStart, time.Since(began))
	return in, nil
}

// startGateway starts the gateway and shows it the way to addresses that are not on its network.
func (in *instance) startGateway(ctx context.Context) (err error) {
	own, far := in.own()
	in.begin = func(ctx context.Context) (err error) {
		if in.gateway, err = in.check.startOwn(ctx, own); err != nil {
			return err
		}
		in.stopping(in.gateway.Stop)
		if len(far) == 0 {
			return nil
		}
		return in.gateway.Reach(ctx, far...)
	}
	return in.begin(ctx)
}

// own says how to start the gateway on the instance, and gives the addresses that it has no way to.
func (in *instance) own() (own gateway.Own, far []netip.Addr) {
	k := in.check
	own = k.subject.Own
	own.Engine, own.Network, own.Tools, own.Sandbox, own.Sockets, own.Authority = k.stage.engine, in.network, k.tools, in.sandbox, in.sockets, k.authority
	own.Hosts = map[string]netip.Addr{}
	for _, name := range k.names {
		own.Hosts[name] = in.nobody // which no route needs, but the gateway may look it up when it starts
	}
	for house, place := range in.places {
		for host, addr := range place.addrs {
			if _, err := netip.ParseAddr(host); err != nil {
				own.Hosts[host] = addr
			} else if house.mode == byAddress && in.network != nil && !in.network.Subnet.Contains(addr) {
				far = append(far, addr)
			}
		}
	}
	return own, far
}

// renew replaces the gateway alone: all else of the instance is as good as new.
func (in *instance) renew(ctx context.Context) error {
	if in.gateway == nil { // it runs already, and is not ours to replace
		in.worn.Store(false)
		return nil
	}
	if err := in.gateway.Stop(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	if err := in.begin(ctx); err != nil {
		return err
	}
	in.openLanes(ctx)
	in.worn.Store(false)
	return nil
}

// stopping remembers what to undo when the instance stops; the last goes first.
func (in *instance) stopping(f func(context.Context) error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.stops = append(in.stops, f)
}

// stop leaves nothing of the instance.
func (in *instance) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), teardownTimeout)
	defer cancel()
	var errs []error
	for _, f := range slices.Backward(in.stops) {
		errs = append(errs, f(ctx))
	}
	in.stops = nil
	return errors.Join(errs...)
}
