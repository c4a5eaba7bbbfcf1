package run

import (
	"net/netip"

	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/upstream/control"
)

// lane is where one cell at a time runs: a way through a gateway to endpoints of its own.
type lane struct {
	entry      entry
	gateway    *gateway.Running // what the client talks to
	inner      *gateway.Running // in a chain: the one behind it
	place      gateway.Place
	profile    string
	needs      gateway.Profile
	index      int
	tag        string // what marks the lane in the gateway's log
	endpoint   string // the first server
	upstream   netip.AddrPort
	socket     string   // path of the endpoint's unix socket, in profiles with sockets
	further    []server // where there are more than one
	domain     string   // the upstream's name, in profiles with names
	resolver   netip.AddrPort
	tapControl *control.Client   // of the upstream that has the tap
	tap        string            // in a chain: the endpoint that records what passes between the tiers
	pool       *gateway.LanePool // in profiles with a backend: the lane's part of it; the endpoint is what it calls
	backend    *gateway.RunningBackend
	control    *control.Client
	gate       func() (*upstreamHost, error) // what can change the gateway's own way out
	used       bool                          // by a cell
	pacer      *pacer                        // of a user's gateway
}

// server is one of a lane's endpoints.
type server struct {
	endpoint string
	addr     netip.AddrPort
}

// toGateway is the lane as the gateway's configuration needs it.
func (l *lane) toGateway() gateway.Lane {
	out := gateway.Lane{Index: l.index, Profile: l.profile, Upstream: l.upstream, Socket: l.socket, Domain: l.domain, Resolver: l.resolver}
	if len(l.further) > 0 {
		out.Backup = l.further[0].addr
	}
	return out
}

// servers lists the lane's servers.
func (l *lane) servers() []server { return append([]server{{l.endpoint, l.upstream}}, l.further...) }

// endpoints lists the upstream's endpoints of the lane.
func (l *lane) endpoints() (ids []string) {
	for _, s := range l.servers() {
		ids = append(ids, s.endpoint)
	}
	return ids
}
