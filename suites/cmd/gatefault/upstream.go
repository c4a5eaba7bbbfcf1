package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/control"
)

type upstreamCmd struct {
	Control  string   `placeholder:"ADDR" default:"127.0.0.1:9500" from:"GATEFAULT_CONTROL" help:"Where the control API listens; other than loopback needs a token. Default: ${default}."`
	Token    string   `from:"GATEFAULT_TOKEN" help:"Token that the control API demands."`
	Listen   []string `placeholder:"[ID=]ADDR" default:"app=127.0.0.1:8080" from:"GATEFAULT_LISTEN" help:"Endpoints; none opens no endpoint. Default: ${default}."`
	Kind     string   `enum:"http,process,egress" default:"http" help:"Who serves the endpoints: http, process for a child process that can be killed, or egress: nobody, they stand for addresses that programs of this network namespace connect to."`
	Protocol string   `placeholder:"NAME" default:"http" help:"What the endpoints speak: ${protocols}. For tls the control API gives the certificate to trust, GET /api/v1/ca. Default: ${default}."`
	Name     []string `placeholder:"HOST" help:"With --protocol tls: host names on the certificates, besides upstream.gatefault.test and the addresses."`
	Sockets  string   `placeholder:"FOLDER" help:"Folder in which each endpoint listens on a unix socket as well, ID.sock."`
	InBand   bool     `help:"Let a request choose its own fault: with the header field 'Gatefault: head.slow;delay=2s' or the query ?gatefault=head.slow;delay=2s."`
	OwnNetns bool     `from:"GATEFAULT_OWN_NETNS" help:"This process has a network namespace to itself, so firewall rules may be set in it."`
	CA       string   `name:"ca" placeholder:"PEM" from:"GATEFAULT_CA" help:"With --protocol tls: certificate and key, in PEM, of the authority that signs the certificates. Default: a new one."`
	DNS      string   `name:"dns" placeholder:"ADDR" from:"GATEFAULT_DNS" help:"Where a name server listens, over UDP and TCP, in whose zone gatefault.test every endpoint has a name, such as 127.0.0.1:9553. Default: none."`
	Journal  int      `placeholder:"N" default:"65536" help:"How many events the journal keeps. Default: ${default}."`
	planFlags
	Fault string   `xor:"plan" help:"Fault to begin with."`
	Param []string `placeholder:"NAME=VALUE" help:"Parameters of the fault."`
}

// shutdown bounds the time in which requests under way may end.
const shutdown = 3 * time.Second

func (c *upstreamCmd) Run(ctx context.Context, a *app) error {
	plan, err := c.plan(a)
	if err != nil {
		return usage(err)
	}
	configs, err := c.endpoints()
	if err != nil {
		return usage(err)
	}
	if c.Journal < 1 || c.Journal > maxJournal {
		return usagef("--journal %d is out of bounds, it goes from 1 to %d", c.Journal, maxJournal)
	}
	up, err := upstream.New(upstream.Options{JournalSize: c.Journal, OwnNamespace: c.OwnNetns, NameServer: c.DNS, Authority: []byte(c.CA)})
	if err != nil {
		return usagef("--ca: %w", err)
	}
	return errors.Join(c.serve(ctx, a, up, configs, plan), up.Close())
}

// maxJournal keeps the journal's memory below some hundreds of megabytes.
const maxJournal = 1 << 20

func (c *upstreamCmd) plan(a *app) (upstream.Plan, error) {
	if c.Fault == "" && len(c.Param) > 0 {
		return upstream.Plan{}, errors.New("--param goes with --fault")
	}
	return c.planFlags.plan(a, c.Fault, c.Param, upstream.Rule{})
}

// endpoints reads --listen.
func (c *upstreamCmd) endpoints() ([]upstream.EndpointConfig, error) {
	example := upstream.EndpointConfig{Address: "127.0.0.1:0", Protocol: upstream.Protocol(c.Protocol)}
	if err := example.Validate(); err != nil {
		return nil, fmt.Errorf("--protocol: %w", err)
	}
	example.Names = c.Name
	if err := example.Validate(); err != nil {
		return nil, fmt.Errorf("--name: %w", err)
	}
	if len(c.Listen) == 1 && c.Listen[0] == "none" {
		return nil, nil
	}
	var out []upstream.EndpointConfig
	for _, text := range c.Listen {
		id, addr, named := strings.Cut(text, "=")
		if !named {
			id, addr = "", text
		}
		cfg := upstream.EndpointConfig{ID: id, Address: addr, Kind: upstream.Kind(c.Kind), Protocol: upstream.Protocol(c.Protocol), Names: c.Name, InBand: c.InBand}
		if c.Sockets != "" {
			cfg.Socket = filepath.Join(c.Sockets, id+".sock")
		}
		if err := cfg.Validate(); err != nil {
			return nil, fmt.Errorf("--listen %s: %w; write ID=127.0.0.1:8080", text, err)
		}
		out = append(out, cfg)
	}
	return out, distinct(out)
}

// distinct refuses endpoints that cannot be side by side.
func distinct(configs []upstream.EndpointConfig) error {
	for i, cfg := range configs {
		for _, before := range configs[:i] {
			switch {
			case cfg.ID != "" && cfg.ID == before.ID:
				return fmt.Errorf("--listen names %s twice, at %s and %s; give each endpoint its own name", cfg.ID, before.Address, cfg.Address)
			case cfg.Address == before.Address && !strings.HasSuffix(cfg.Address, ":0"):
				return fmt.Errorf("--listen has address %s twice; give each endpoint its own", cfg.Address)
			}
		}
	}
	return nil
}

// serve opens everything, then tells where it is, and answers until ctx ends.
func (c *upstreamCmd) serve(ctx context.Context, a *app, up *upstream.Upstream, configs []upstream.EndpointConfig, plan upstream.Plan) error {
	if err := c.checkControl(); err != nil {
		return usage(err)
	}
	server, err := control.Listen(control.Options{Address: c.Control, Token: c.Token, Upstream: up, Version: version(), Grace: shutdown})
	if errors.Is(err, syscall.EADDRINUSE) {
		return usagef("address %s of the control API is in use: choose another with --control, or stop what listens there", c.Control)
	}
	if err != nil {
		return mistake(err)
	}
	lines := []string{"control API  http://" + asked(c.Control, server.Addr())}
	if c.DNS != "" {
		lines = append(lines, "name server  "+c.nameServer(up))
	}
	for _, cfg := range configs {
		line, err := open(ctx, up, cfg, plan)
		if err != nil {
			return errors.Join(err, server.Close())
		}
		lines = append(lines, line)
	}
	a.printf("%s\n", strings.Join(lines, "\n"))
	return server.Serve(ctx)
}

// nameServer tells where the name server is, or why there is none.
func (c *upstreamCmd) nameServer(up *upstream.Upstream) string {
	if at := up.NameServer(); at.IsValid() {
		return asked(c.DNS, at) + "  zone " + upstream.Zone
	}
	return "none: " + up.Abilities().NameServer
}

// asked is the address in the words of the user: 0.0.0.0 stays what it is though the system may call it [::]. Only a port
// that was left open is filled in.
func asked(address string, got netip.AddrPort) string {
	if host, open := strings.CutSuffix(address, ":0"); open {
		return fmt.Sprintf("%s:%d", host, got.Port())
	}
	return address
}

// checkControl tells what is wrong with the address of the control API in the words of the command line.
func (c *upstreamCmd) checkControl() error {
	addr, err := netip.ParseAddrPort(c.Control)
	if err != nil {
		return fmt.Errorf("--control %s is not IP:port; write 127.0.0.1:9500", c.Control)
	}
	if !addr.Addr().Unmap().IsLoopback() && c.Token == "" {
		return fmt.Errorf("--control %s can be reached by other machines, so it needs a token: set GATEFAULT_TOKEN or listen on %s",
			c.Control, control.DefaultAddress)
	}
	return nil
}

// mistake makes errors that the user can mend at the command line usage errors.
func mistake(err error) error {
	if errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, os.ErrPermission) {
		return usage(err)
	}
	return err
}

// open opens one endpoint with its plan and gives the line that tells of it.
func open(ctx context.Context, up *upstream.Upstream, cfg upstream.EndpointConfig, plan upstream.Plan) (string, error) {
	ep, err := listen(ctx, up, cfg)
	if errors.Is(err, syscall.EADDRINUSE) {
		return "", usagef("address %s is in use: choose another with --listen, or stop what listens there", cfg.Address)
	}
	if err != nil {
		return "", mistake(err)
	}
	if len(plan.Rules) > 0 {
		if err := ep.SetPlan(ctx, plan, upstream.Keep); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%-12s %s://%s  %s", ep.ID(), scheme(cfg), asked(cfg.Address, ep.Addr()), planText(plan)), nil
}

// protocols lists what endpoints can speak.
func protocols() string {
	var names []string
	for _, p := range upstream.Protocols() {
		names = append(names, string(p))
	}
	return strings.Join(names, ", ")
}

// scheme is what the address of an endpoint begins with.
func scheme(cfg upstream.EndpointConfig) string {
	switch cfg.Protocol {
	case upstream.OverTLS:
		return "https"
	case upstream.FastCGI:
		return "fcgi"
	}
	return "http"
}

// listen opens an endpoint. A child process tells of an address in use in words only, so that is tried before it is started.
func listen(ctx context.Context, up *upstream.Upstream, cfg upstream.EndpointConfig) (*upstream.Endpoint, error) {
	if cfg.Kind == upstream.Process {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Address)
		if err != nil {
			return nil, err
		}
		if err := l.Close(); err != nil {
			return nil, err
		}
	}
	return up.Listen(cfg)
}
