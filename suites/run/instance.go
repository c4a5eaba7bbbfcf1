package run

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatefault/gatefault/suites/config"
	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/suites/probe"
	"github.com/gatefault/gatefault/upstream"
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

// ground makes the network and the volumes for sockets, and gives each host its place.
func (in *instance) ground(ctx context.Context) (err error) {
	if in.check.local() {
		return in.groundLocal(ctx)
	}
	e := in.check.stage.engine
	if in.network, err = e.Network(ctx); err != nil {
		return err
	}
	in.stopping(in.network.Remove)
	spares, besides := 0, 0
	for _, h := range in.check.houses {
		if h.mode == beside {
			in.places[h] = arrange(h.strands, func() netip.Addr { besides++; return besideAddr(besides) }).at(besideAddr(0))
			continue
		}
		in.places[h] = arrange(h.strands, func() netip.Addr { spares++; return in.network.Spare(spares - 1) })
	}
	for _, s := range in.check.strands {
		for _, server := range s.servers {
			if err := in.share(ctx, server.Socket); err != nil {
				return err
			}
		}
	}
	return nil
}

// besideAddr is the i-th address that names have where the upstream shares the gateway's network namespace. No configuration
// is likely to name one of them.
func besideAddr(i int) netip.Addr { return netip.AddrFrom4([4]byte{127, 83, 0, byte(i + 1)}) }

// share makes the volume of a socket's folder.
func (in *instance) share(ctx context.Context, socket string) error {
	folder := path.Dir(socket)
	if socket == "" || in.sockets[folder] != nil {
		return nil
	}
	v, err := in.check.stage.engine.Volume(ctx)
	if err != nil {
		return err
	}
	in.stopping(v.Remove)
	in.sockets[folder] = v
	return nil
}

// settle makes the upstreams of some modes be where the configuration expects its servers.
func (in *instance) settle(ctx context.Context, modes ...mode) (err error) {
	for _, h := range in.check.houses {
		if !slices.Contains(modes, h.mode) {
			continue
		}
		if in.hosts[h], err = in.move(ctx, h); err != nil {
			return err
		}
		for _, s := range h.strands {
			for _, server := range s.servers {
				if err := in.open(ctx, s, server); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// move brings an upstream to the instance.
func (in *instance) move(ctx context.Context, to *house) (*upstreamHost, error) {
	if in.sandbox != nil {
		return in.moveLocal(ctx, to)
	}
	place := in.places[to]
	if to.mode == byName && !in.memory {
		box := to.shared.box
		own, err := box.Join(ctx, in.network, place.aliases...)
		if err != nil {
			return nil, err
		}
		in.stopping(func(ctx context.Context) error { return box.Leave(ctx, in.network) })
		place.at(own)
		in.nobody = own
		return to.shared, take(ctx, box, in.network, place.taken)
	}
	spec := gateway.UpstreamSpec{Network: in.network, Names: place.aliases, Volumes: in.sockets, IPv6: in.check.subject.Own.IPv6()}
	if in.memory {
		spec.Memory = memoryLimit
	}
	at, taken := in.network, place.taken
	if to.mode == beside {
		spec.Network, spec.Names, spec.Beside = nil, nil, in.gateway
		at, taken = nil, slices.DeleteFunc(taken, netip.Addr.IsLoopback)
	}
	h, err := in.check.stage.startContainer(ctx, spec)
	if err != nil {
		return nil, err
	}
	in.stopping(h.box.Stop)
	if to.mode != beside {
		place.at(h.addr)
		in.nobody = h.addr
	}
	return h, take(ctx, h.box, at, taken)
}

func take(ctx context.Context, box *gateway.Upstream, at *gateway.Network, addrs []netip.Addr) error {
	if len(addrs) == 0 {
		return nil
	}
	return box.Take(ctx, at, addrs...)
}

// protocolOf is what a server of the strand speaks.
func (s *strand) protocolOf(of config.Server) (p upstream.Protocol) {
	for _, w := range s.ways {
		if w.goesTo(of) {
			p = w.Protocol
		}
	}
	return p
}

// open opens the endpoint that is one server of a strand.
func (in *instance) open(ctx context.Context, s *strand, of config.Server) error {
	at := netip.AddrPortFrom(besideAddr(0), 0)
	if of.Socket == "" {
		at = netip.AddrPortFrom(in.places[s.house].addrs[hostOf(of)], of.Port)
	}
	return in.openAt(ctx, s, of, at)
}

func (in *instance) openAt(ctx context.Context, s *strand, of config.Server, at netip.AddrPort) error {
	c := upstream.EndpointConfig{ID: endpointID(of.Key(), in.number, len(in.servers)), Socket: of.Socket, Protocol: s.protocolOf(of), Address: at.String()}
	for _, w := range s.ways {
		if w.goesTo(of) && c.Protocol == upstream.OverTLS {
			c.Names = append(c.Names, w.Names...)
		}
	}
	control := in.hosts[s.house].control
	if _, err := control.CreateEndpoint(ctx, c); err != nil {
		return fmt.Errorf("be %s: %w", of.Key(), err)
	}
	in.stopping(func(ctx context.Context) error { return control.DeleteEndpoint(ctx, c.ID) })
	in.servers[placeOf(of)] = server{c.ID, at}
	return nil
}

// maxKey keeps the name of an endpoint within its bound of 64 bytes.
const maxKey = 48

// endpointID names an endpoint after the server that it is, in its n-th place on an instance.
func endpointID(key string, instance, n int) string {
	label := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._:-[]", r) {
			return r
		}
		return '-'
	}, strings.TrimPrefix(key, "unix:/"))
	return fmt.Sprintf("%s.%d-%d", strings.TrimLeft(label[:min(len(label), maxKey)], "._:-]"), instance, n)
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
	own.Engine, own.Network, own.Sandbox, own.Sockets, own.Authority = k.stage.engine, in.network, in.sandbox, in.sockets, k.authority
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

// openLanes makes a lane of each route.
func (in *instance) openLanes(ctx context.Context) {
	for _, s := range in.check.strands {
		for _, w := range s.ways {
			in.lanes[w] = in.lane(ctx, w)
		}
	}
}

func (in *instance) lane(ctx context.Context, w *way) *lane {
	l := in.laneOf(w)
	l.gateway, l.place, l.entry = in.gateway, in.gateway.Place(), w.entry(in.gateway.EntryAddr(w.Entry.Port))
	if in.sandbox != nil {
		l.entry.dial = in.sandbox.Dial
	}
	l.gate = sync.OnceValues(func() (*upstreamHost, error) { return in.gate(ctx, w) })
	return l
}

// laneOf is the upstream's part of a lane.
func (in *instance) laneOf(w *way) *lane {
	first := in.servers[placeOf(w.Servers[0])]
	l := &lane{pacer: &in.pacer, profile: OwnProfile, needs: gateway.Profile{Protocol: string(w.Protocol)},
		endpoint: first.endpoint, upstream: first.addr, control: in.hosts[w.strand.house].control, socket: w.Servers[0].Socket}
	for _, s := range w.Servers[1:] {
		if other := in.servers[placeOf(s)]; other != first && !slices.Contains(l.further, other) {
			l.further = append(l.further, other)
		}
	}
	return l
}

// entry tells how clients reach the route at an address of the gateway's.
func (w *way) entry(at netip.AddrPort) entry {
	e := entry{addr: at.String(), host: w.Entry.Host, route: &w.Request}
	if w.Entry.TLS {
		e.tls = &probe.TLSOptions{ServerName: hostOnly(w.Entry.Host)}
	}
	return e
}

// hostOnly is a Host field without its port.
func hostOnly(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.Contains(host[i:], "]") {
		return host[:i]
	}
	return host
}

// gate gives what can change the gateway's own way out: the upstream beside it, or one that is started for that. A socket, or
// a server beside the gateway, is no way out.
func (in *instance) gate(ctx context.Context, w *way) (*upstreamHost, error) {
	if w.strand.mode == beside || slices.ContainsFunc(w.Servers, func(s config.Server) bool { return s.Socket != "" }) {
		return nil, fmt.Errorf("%w: a gateway's way out is one to other machines", upstream.ErrUnsupported)
	}
	for h, host := range in.hosts {
		if h.mode == beside {
			return host, nil
		}
	}
	if in.sandbox != nil {
		return in.startInside(ctx, gateway.UpstreamSpec{Beside: in.gateway})
	}
	h, err := in.check.stage.startContainer(ctx, gateway.UpstreamSpec{Beside: in.gateway})
	if err == nil {
		in.stopping(h.box.Stop)
	}
	return h, err
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

// serverOf is the server, or its like, that an endpoint is.
func serverOf(endpoint string) string {
	return endpoint[:max(0, strings.LastIndexByte(endpoint, '.'))]
}
