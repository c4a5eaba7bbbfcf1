package main

import "github.com/gatefault/gatefault/upstream/firewall/netns"

// netSetupCmd sets the network of a container from inside; see [netns.Setup].
type netSetupCmd struct {
	Args []string `arg:"" passthrough:"" help:"An interface, address or route, and addresses."`
}

func (c *netSetupCmd) Run() error { return netns.Setup(c.Args) }
