package run

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/gatefault/gatefault/suites/config"
	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/suites/probe"
	"github.com/gatefault/gatefault/upstream"
)

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
func (in *instance) gate(ctx context.Context, w *way) (_ *upstreamHost, err error) {
	if w.strand.mode == beside || slices.ContainsFunc(w.Servers, func(s config.Server) bool { return s.Socket != "" }) {
		return nil, fmt.Errorf("%w: a gateway's way out is one to other machines", upstream.ErrUnsupported)
	}
	for h, host := range in.hosts {
		if h.mode == beside {
			return host, nil
		}
	}
	in.gateMu.Lock() // routes of one gateway share its way out
	defer in.gateMu.Unlock()
	if in.gateOf == in.gateway {
		return in.gateHost, nil
	}
	if in.gateHost, err = in.startGate(ctx); err == nil {
		in.gateOf = in.gateway
	}
	return in.gateHost, err
}

// startGate starts what changes the way out of the instance's gateway.
func (in *instance) startGate(ctx context.Context) (*upstreamHost, error) {
	if in.sandbox != nil {
		return in.startInside(ctx, gateway.UpstreamSpec{Beside: in.gateway})
	}
	h, err := in.check.stage.startContainer(ctx, gateway.UpstreamSpec{Beside: in.gateway})
	if err == nil {
		in.stopping(h.box.Stop)
	}
	return h, err
}
