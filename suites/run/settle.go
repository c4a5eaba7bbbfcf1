package run

import (
	"context"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"

	"github.com/gatefault/gatefault/suites/config"
	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/upstream"
)

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

// serverOf is the server, or its like, that an endpoint is.
func serverOf(endpoint string) string {
	return endpoint[:max(0, strings.LastIndexByte(endpoint, '.'))]
}
