package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
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
	Kind     string   `enum:"http,process" default:"http" help:"Who serves the endpoints: http, or process for a child process that can be killed."`
	InBand   bool     `help:"Let a request choose its own fault with the field Gatefault or ?gatefault=."`
	OwnNetns bool     `from:"GATEFAULT_OWN_NETNS" help:"This process has a network namespace to itself, so firewall rules may be set in it."`
	Journal  int      `placeholder:"N" default:"65536" help:"How many events the journal keeps. Default: ${default}."`
	planFlags
	Fault string   `xor:"plan" help:"Fault to begin with."`
	Param []string `placeholder:"NAME=VALUE" help:"Parameters of the fault."`
}

// shutdown bounds the time in which requests under way may end.
const shutdown = 3 * time.Second

func (c *upstreamCmd) Run(ctx context.Context, a *app) error {
	plan, err := c.plan()
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
	up, err := upstream.New(upstream.Options{JournalSize: c.Journal, OwnNamespace: c.OwnNetns})
	if err != nil {
		return err
	}
	return errors.Join(c.serve(ctx, a, up, configs, plan), up.Close())
}

// maxJournal keeps the journal's memory below some hundreds of megabytes.
const maxJournal = 1 << 20

func (c *upstreamCmd) plan() (upstream.Plan, error) {
	if c.Fault == "" && len(c.Param) > 0 {
		return upstream.Plan{}, errors.New("--param goes with --fault")
	}
	return c.planFlags.plan(c.Fault, c.Param, upstream.Rule{})
}

// endpoints reads --listen.
func (c *upstreamCmd) endpoints() ([]upstream.EndpointConfig, error) {
	if len(c.Listen) == 1 && c.Listen[0] == "none" {
		return nil, nil
	}
	var out []upstream.EndpointConfig
	for _, text := range c.Listen {
		id, addr, named := strings.Cut(text, "=")
		if !named {
			id, addr = "", text
		}
		cfg := upstream.EndpointConfig{ID: id, Address: addr, Kind: upstream.Kind(c.Kind), InBand: c.InBand}
		if err := cfg.Validate(); err != nil {
			return nil, fmt.Errorf("--listen %s: %w; write ID=127.0.0.1:8080", text, err)
		}
		out = append(out, cfg)
	}
	return out, nil
}

// serve opens everything, tells where it is, and answers until ctx ends.
func (c *upstreamCmd) serve(ctx context.Context, a *app, up *upstream.Upstream, configs []upstream.EndpointConfig, plan upstream.Plan) error {
	if err := c.checkControl(); err != nil {
		return usage(err)
	}
	server, err := control.Listen(control.Options{Address: c.Control, Token: c.Token, Upstream: up, Version: version(), Grace: shutdown})
	if err != nil {
		return mistake(err)
	}
	a.printf("control API  http://%s\n", server.Addr())
	for _, cfg := range configs {
		if err := a.open(ctx, up, cfg, plan); err != nil {
			return errors.Join(err, server.Close())
		}
	}
	return server.Serve(ctx)
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

// open opens one endpoint with its plan.
func (a *app) open(ctx context.Context, up *upstream.Upstream, cfg upstream.EndpointConfig, plan upstream.Plan) error {
	ep, err := up.Listen(cfg)
	if errors.Is(err, syscall.EADDRINUSE) {
		return usagef("address %s is in use: choose another with --listen, or stop what listens there", cfg.Address)
	}
	if err != nil {
		return mistake(err)
	}
	state := "healthy"
	if len(plan.Rules) > 0 {
		if err := ep.SetPlan(ctx, plan, upstream.Keep); err != nil {
			return err
		}
		state = planText(plan)
	}
	a.printf("%-12s http://%s  %s\n", ep.ID(), ep.Addr(), state)
	return nil
}
