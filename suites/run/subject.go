package run

import (
	"net/netip"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/config"
	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/upstream"
)

// Subject is a gateway with its user's own configuration.
type Subject struct {
	Gateway *gateway.Definition
	// Own says how to start it. Its engine, network, names and sockets are filled in for each instance.
	Own gateway.Own
	// Target, instead of Own, is a gateway that runs already.
	Target *Target
	Routes []Route
}

// Target is a gateway that runs already and whose user has pointed it at the upstream.
type Target struct {
	Address netip.AddrPort
	Version string // of the product, if known
	// Control is the URL of a running upstream's control API and Token its token. Without it the servers of the routes are
	// opened in this process.
	Control, Token string
}

// Route is a way through a user's gateway.
type Route struct {
	Name     string // in reports
	Entry    Entry
	Request  scenarios.Request // what leads there
	Servers  []config.Server
	Protocol upstream.Protocol
	// Names are host names on the upstream's certificate.
	Names []string
	// RateLimited says that the configuration limits how many requests get through.
	RateLimited bool
	// Checked says that health checks of the gateway connect to the servers, too.
	Checked bool
	// Scenarios are what to run.
	Scenarios []*scenarios.Scenario
	// Watch names scenarios whose recovery is watched to its end in any case; see [Result.Watched].
	Watch []string
}

// Entry is where clients reach a route.
type Entry struct {
	Port uint16
	TLS  bool
	Host string // Host field and, with TLS, server name; default: the address
}
