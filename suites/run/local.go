package run

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"path"

	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/suites/sandbox"
	"github.com/gatefault/gatefault/upstream"
)

// local tells whether instances are made of this machine, without containers.
func (k *check) local() bool { return k.subject.Own.Place == gateway.PlaceLocal }

// errNoLimit says why an upstream without a container is not run out of memory.
var errNoLimit = fmt.Errorf("running out of memory needs a container with a limit: %w", upstream.ErrUnsupported)

// groundLocal makes the machine of an instance, on which every host has its place.
func (in *instance) groundLocal(ctx context.Context) (err error) {
	if in.memory {
		return errNoLimit
	}
	spares, besides := 0, 0
	for _, h := range in.check.houses {
		if h.mode == beside {
			in.places[h] = arrange(h.strands, func() netip.Addr { besides++; return besideAddr(besides) }).at(besideAddr(0))
			continue
		}
		in.places[h] = arrange(h.strands, func() netip.Addr { spares++; return sandbox.SpareFar(spares - 1) }).at(sandbox.FarAddr)
	}
	for _, s := range in.check.strands {
		for _, server := range s.servers {
			if server.Socket != "" {
				in.sockets[path.Dir(server.Socket)] = nil
			}
		}
	}
	in.nobody = sandbox.FarAddr
	own, _ := in.own()
	if in.sandbox, err = gateway.OpenSandbox(ctx, own); err != nil {
		return err
	}
	in.stopping(in.sandbox.Close)
	return nil
}

// moveLocal brings an upstream to an instance's machine.
func (in *instance) moveLocal(ctx context.Context, to *house) (*upstreamHost, error) {
	spec := gateway.UpstreamSpec{}
	if to.mode == beside {
		spec.Beside = in.gateway
	}
	h, err := in.startInside(ctx, spec)
	if err != nil {
		return nil, err
	}
	return h, take(ctx, h.box, nil, in.places[to].taken)
}

// startInside starts an upstream, or what does its work beside the gateway, on the instance's machine.
func (in *instance) startInside(ctx context.Context, spec gateway.UpstreamSpec) (*upstreamHost, error) {
	s := in.check.stage
	token := randomHex(16)
	spec.Binary, spec.Token, spec.Authority = s.opts.Program, token, s.secret
	box, err := in.sandbox.Upstream(ctx, spec)
	if err != nil {
		return nil, err
	}
	in.stopping(box.Stop)
	transport := &http.Transport{MaxConnsPerHost: maxControlConns, MaxIdleConnsPerHost: maxControlConns, DialContext: in.sandbox.Dial}
	client, err := clientOver(transport, "http://"+box.Control().String(), token)
	if err != nil {
		return nil, err
	}
	in.stopping(func(context.Context) error { client.Close(); return nil })
	return &upstreamHost{control: client, addr: box.Addr(), box: box}, nil
}

// ownMachine has names and addresses that are not the gateway's own all at one upstream: on a machine made for the instance
// nobody looks them up elsewhere.
func ownMachine(all []*strand) {
	for _, s := range all {
		s.mode = max(s.mode, byAddress)
	}
}
