package main

import (
	"strings"

	"github.com/gatefault/gatefault/suites/syslog"
)

// withSyslogCmd starts a gateway that logs to the system's log server in a container, where there is none; see [syslog.Run].
type withSyslogCmd struct {
	Sockets string   `arg:"" help:"Sockets to listen on besides the port, separated by commas."`
	Program []string `arg:"" passthrough:"" help:"The program and its arguments."`
}

func (c *withSyslogCmd) Run() error {
	code, err := syslog.Run(strings.Split(c.Sockets, ","), c.Program)
	if err != nil || code == 0 {
		return err
	}
	return &failure{code, nil}
}
