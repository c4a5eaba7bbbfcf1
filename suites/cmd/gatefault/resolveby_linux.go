package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/gatefault/gatefault/suites/gateway"
)

// resolveByCmd starts a gateway in its container: it writes /etc/resolv.conf, which only a process inside can, and becomes
// the gateway.
type resolveByCmd struct {
	Server  string   `arg:"" help:"IP address of the name server, which listens on port 53."`
	Program []string `arg:"" passthrough:"" help:"The program and its arguments."`
}

// resolvConf is the file that resolv.conf(5) describes.
const resolvConf = "/etc/resolv.conf"

func (c *resolveByCmd) Run() error {
	found, err := exec.LookPath(c.Program[0])
	if err != nil {
		return err
	}
	text := fmt.Sprintf("nameserver %s\noptions %s\n", c.Server, strings.Join(gateway.ResolverPatience, " "))
	// Docker mounts the file, so it is written in place.
	if err := os.WriteFile(resolvConf, []byte(text), 0o644); err != nil {
		return err
	}
	return syscall.Exec(found, c.Program, os.Environ())
}
