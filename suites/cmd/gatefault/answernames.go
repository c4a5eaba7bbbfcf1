package main

import (
	"context"
	"net/netip"
	"strings"

	"github.com/gatefault/gatefault/upstream/dns"
)

// answerNamesCmd is the name server that a gateway in a sandbox asks while it runs: all that it knows is a table of names.
type answerNamesCmd struct {
	Listen string   `arg:"" help:"IP:port to listen on, separated by commas."`
	Names  []string `arg:"" optional:"" help:"NAME=ADDRESS."`
}

func (c *answerNamesCmd) Run(ctx context.Context) error {
	for address := range strings.SplitSeq(c.Listen, ",") {
		server, err := dns.Listen(dns.Options{Zone: ".", Address: address})
		if err != nil {
			return err
		}
		defer server.Close()
		for _, text := range c.Names {
			name, value, _ := strings.Cut(text, "=")
			addr, err := netip.ParseAddr(value)
			if err != nil {
				return usage(err)
			}
			server.Set(name, func(int) dns.Answer { return dns.Answer{Addr: addr} })
		}
	}
	<-ctx.Done()
	return nil
}
