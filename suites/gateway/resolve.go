package gateway

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/testcontainers/testcontainers-go"
)

// ResolverPatience is what resolvers that cannot be told otherwise are given, in the terms of resolv.conf(5): one try of a
// second. The defaults, two of five seconds each, would take longer than a client waits.
var ResolverPatience = []string{"timeout:1", "attempts:1"}

// ResolvConf is the file that tells the C library whom to ask; see resolv.conf(5).
const ResolvConf = "/etc/resolv.conf"

// ResolvConfFor is the content of [ResolvConf] that names one server.
func ResolvConfFor(server netip.Addr) string {
	return fmt.Sprintf("nameserver %s\noptions %s\n", server, strings.Join(ResolverPatience, " "))
}

// wrapper is where the program that starts a gateway lies in its container.
const wrapper = containerScratch + "/gatefault"

// usesSystemResolver tells whether the lanes' names are looked up by the C library.
func (s Spec) usesSystemResolver() bool {
	return s.Definition.Resolver == ResolverSystem && s.nameServer().IsValid()
}

// nameServer is the one that lanes with names ask; there is one for all.
func (s Spec) nameServer() netip.AddrPort {
	for _, lane := range s.Lanes {
		if s.Definition.Profile(cmp.Or(lane.Profile, s.Profile)).Address == AddressName {
			return lane.Resolver
		}
	}
	return netip.AddrPort{}
}

// resolve makes the container ask the lanes' name server where its gateway cannot be told whom to ask. Docker puts its own
// server into /etc/resolv.conf, which alters failures, and mounts that file at start, so that nothing can be copied there
// before or after. So our program writes it and then becomes the gateway.
func (s Spec) resolve(req *testcontainers.ContainerRequest) {
	if !s.nameServer().IsValid() {
		return
	}
	change := req.HostConfigModifier
	req.HostConfigModifier = func(h *container.HostConfig) {
		if change != nil {
			change(h)
		}
		h.DNSOptions = ResolverPatience // for resolvers that read only the options of the file
	}
	if !s.usesSystemResolver() {
		return
	}
	req.Files = append(req.Files, testcontainers.ContainerFile{HostFilePath: s.Program, ContainerFilePath: wrapper, FileMode: 0o755})
	req.Entrypoint = append([]string{wrapper, "resolve-by", s.nameServer().Addr().String()}, req.Entrypoint...)
	configure := req.ConfigModifier
	req.ConfigModifier = func(c *container.Config) {
		if configure != nil {
			configure(c)
		}
		c.User = "0:0" // may write the file
	}
}

// resolverAt asks one name server. A look-up that is given up ends at once: Go's own would await its time-out.
func resolverAt(server netip.AddrPort) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, server.String())
		if err != nil {
			return nil, fmt.Errorf("ask the name server: %w", err)
		}
		context.AfterFunc(ctx, func() { _ = c.Close() })
		return c, nil
	}}
}
