package main

import (
	"net/netip"
	"os"
	"os/exec"
	"syscall"

	"github.com/gatefault/gatefault/suites/gateway"
)

// resolveByCmd starts a gateway in its container: it writes /etc/resolv.conf, which only a process inside can, and becomes
// the gateway.
type resolveByCmd struct {
	Server  string   `arg:"" help:"IP address of the name server, which listens on port 53."`
	Program []string `arg:"" passthrough:"" help:"The program and its arguments."`
}

func (c *resolveByCmd) Run() error {
	found, err := exec.LookPath(c.Program[0])
	if err != nil {
		return err
	}
	server, err := netip.ParseAddr(c.Server)
	if err != nil {
		return usage(err)
	}
	// Docker mounts the file, so it is written in place.
	if err := os.WriteFile(gateway.ResolvConf, []byte(gateway.ResolvConfFor(server)), 0o644); err != nil {
		return err
	}
	return syscall.Exec(found, c.Program, os.Environ())
}
