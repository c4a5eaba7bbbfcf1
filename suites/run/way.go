package run

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/suites/probe"
)

// Way is how a seat's gateway gets to its upstream, as whoever operates it knows.
type Way struct {
	Profile  string
	Doc      string         // what the profile is
	Upstream netip.AddrPort // of the server that the gateway goes to; zero where it is a socket
	Socket   string
	Name     string         // by which the gateway looks it up; empty: it has the address
	Resolver netip.AddrPort // the name server that is asked
	Protocol string         // http, tls, h2 ...
	Connect  time.Duration  // timeouts of the gateway that talks to the upstream
	Read     time.Duration
	Tiers    []Tier // from the client's side inwards
}

// Tier is one gateway on the way and what it logs; Tag is the [gateway.Line.Lane] of its lines of this seat.
type Tier struct {
	Name string
	Logs *gateway.LogBook
	Tag  string
}

// Way tells how the seat's gateway gets to its upstream.
func (s *Seat) Way() Way {
	l := s.lane
	p := s.group.def.Profile(l.profile)
	w := Way{Profile: l.profile, Doc: s.group.def.Profiles[l.profile], Upstream: l.upstream, Socket: l.socket, Name: l.domain, Resolver: l.resolver,
		Protocol: p.Protocol, Connect: cmp.Or(p.Connect, gateway.ConnectTimeout), Read: cmp.Or(p.Read, gateway.ReadTimeout)}
	if l.inner == nil {
		w.Tiers = []Tier{{"gateway", l.gateway.Logs(), l.tag}}
		return w
	}
	inner := s.group.def.Profile(innerProfile)
	w.Connect, w.Read = cmp.Or(inner.Connect, gateway.ConnectTimeout), cmp.Or(inner.Read, gateway.ReadTimeout)
	w.Tiers = []Tier{{string(scenarios.ByEdge), l.gateway.Logs(), l.tag}, {string(scenarios.ByGateway), l.inner.Logs(), l.tag}}
	return w
}

// Send sends one request through the gateway, with what is armed in force. mark stands in front of its path. It may be called
// from many goroutines.
func (s *Seat) Send(ctx context.Context, mark string, req scenarios.Request, patience time.Duration) probe.Exchange {
	return s.lane.entry.do(ctx, s.lane.entry.request(mark, req), patience)
}

// Served counts the requests that have come to the seat's upstream.
func (s *Seat) Served(ctx context.Context) (total uint64, err error) {
	for _, id := range s.lane.endpoints() {
		state, err := s.lane.control.Endpoint(ctx, id)
		if err != nil {
			return 0, fmt.Errorf("count requests: %w", err)
		}
		total += state.Requests
	}
	return total, nil
}

// Authority is the certificate of the authority that signs the upstream's, as PEM.
func (s *Seat) Authority(ctx context.Context) ([]byte, error) { return s.lane.control.CA(ctx) }
