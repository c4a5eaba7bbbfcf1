package main

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/upstream/firewall/netns"
)

// place is where a run happens.
type place struct {
	containers   bool
	program      string // see run.Options
	ownNamespace bool
	resolvConf   bool   // /etc/resolv.conf is our own, too
	elsewhere    bool   // this program is to run again, in a network namespace of its own
	why          string // told to the user
}

// insideVariable tells a program that it runs in a network namespace made for it, and why there are no containers.
const insideVariable = "GATEFAULT_INSIDE"

// programVariable names another program for the upstream's container.
const programVariable = "GATEFAULT_BINARY"

// wish says where the user wants to run, and what is told when that is in containers, or not.
type wish struct {
	local     bool
	require   string // containers, or empty
	contained string
	alone     string
}

// check tells what makes no sense.
func (w wish) check() error {
	switch {
	case w.require != "" && w.require != "containers":
		return fmt.Errorf("--require %s: only containers can be required", w.require)
	case w.require != "" && w.local:
		return errors.New("--local and --require containers exclude each other")
	}
	return nil
}

// place decides where to run.
func (a *app) place(ctx context.Context, w wish) (*place, error) {
	program, err := a.program()
	if err != nil {
		return nil, err
	}
	if why := a.env[insideVariable]; why != "" {
		here := &place{program: program, ownNamespace: true, why: why}
		// Where it cannot be had, cells that need it tell so.
		here.resolvConf = netns.OwnFile(gateway.ResolvConf, gateway.ResolvConfFor(netip.MustParseAddr("127.0.0.1"))) == nil
		return here, netns.LoopbackUp()
	}
	if w.local {
		return local(program, "Containers are switched off.", w.alone), nil
	}
	engine, err := gateway.Connect(ctx, nil)
	if errors.Is(err, gateway.ErrNoEngine) {
		if w.require != "" {
			return nil, &failure{exitIdle, fmt.Errorf("--require containers: %w", plainEngine(err))}
		}
		return local(program, plainEngine(err).Error()+".", w.alone), nil
	}
	if err != nil {
		return nil, err
	}
	if err := errors.Join(engine.Close(), checkStatic(program)); err != nil {
		return nil, usage(err)
	}
	return &place{containers: true, program: program, why: w.contained}, nil
}

// noEngine is the reason why there are no containers, unless the user wanted none.
func (w wish) noEngine(here *place) error {
	if here.containers || w.local {
		return nil
	}
	reason, _, _ := strings.Cut(here.why, "\n")
	return &noEngine{strings.TrimSuffix(reason, "."), gateway.ErrNoEngine}
}

// contained says what runs in containers when they can be had.
func (s *selection) contained() string {
	if slices.ContainsFunc(s.gateways, func(d *gateway.Definition) bool { return !d.Embedded && s.binaries[d.Name] == "" }) {
		return "Running in containers."
	}
	return "The upstream runs in a container."
}

// local is a run on this machine. One on loopback moves to a network namespace of its own where there is such a thing.
func local(program, why, alone string) *place {
	return &place{program: program, elsewhere: namespaces, why: why + "\n" + alone}
}

// program is the gatefault program that upstreams run.
func (a *app) program() (string, error) {
	if named := a.env[programVariable]; named != "" {
		if _, err := os.Stat(named); err != nil {
			return "", usagef("%s: %w", programVariable, err)
		}
		return named, nil
	}
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program's own file: %w", err)
	}
	return self, nil
}

// checkStatic makes sure that a program runs in a container that holds nothing else.
func checkStatic(program string) error {
	const advice = "build gatefault with CGO_ENABLED=0 for Linux, as make does, and name it in " + programVariable
	f, err := elf.Open(program)
	if err != nil {
		return fmt.Errorf("%s cannot run in the upstream's container (%w); %s", program, err, advice)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return fmt.Errorf("%s is linked dynamically, and the upstream's container has no libraries; %s", program, advice)
		}
	}
	return nil
}

// describe says where and with what a gateway would run.
func (p *place) describe(d *gateway.Definition, sel *selection) string {
	switch image := sel.images[d.Name]; {
	case d.Embedded:
		return "embedded in this process"
	case sel.binaries[d.Name] != "":
		return "local program " + sel.binaries[d.Name]
	case !p.containers:
		found, err := gateway.FindBinary(d)
		if err != nil {
			return "nowhere: " + err.Error()
		}
		return "local program " + found
	case image != "":
		return "container of " + image
	}
	return "container of the first that can be had: " + strings.Join(imagesOf(d), ", ")
}

// imagesOf lists the images that a gateway is run from, in the order in which they are tried.
func imagesOf(d *gateway.Definition) []string {
	all := slices.Clone(d.Images)
	if len(d.Debian.Packages) > 0 {
		all = append(all, fmt.Sprintf("%s built from Debian %s", strings.Join(d.Debian.Packages, " "), d.Debian.Suite))
	}
	return all
}
