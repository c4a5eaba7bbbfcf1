package gateway

import (
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/gatefault/gatefault/suites/config"
)

// find looks for an expression in the user's configuration, and gives its first place and what the expression and its groups
// match there.
func (o Own) find(expression Regexp) (at config.Position, found []string, err error) {
	if expression.Regexp == nil {
		return at, nil, nil
	}
	for _, file := range o.Config.Read {
		content, err := os.ReadFile(file)
		if err != nil {
			return at, nil, fmt.Errorf("%s cannot be read: %w", file, err)
		}
		text := string(content)
		if place := expression.FindStringIndex(text); place != nil {
			at = config.Position{File: file, Line: strings.Count(text[:place[0]], "\n") + 1}
			return at, expression.FindStringSubmatch(text), nil
		}
	}
	return at, nil, nil
}

// syslogSocket is where the C library's syslog(3) finds the log server.
const syslogSocket = "/dev/log"

// syslogSockets is where the gateway looks for the system's log server, if it logs there. In a folder that it has locked itself into
// it looks there.
func (o Own) syslogSockets() ([]string, error) {
	_, logs, err := o.find(o.Definition.Own.Syslog)
	if err != nil || logs == nil {
		return nil, err
	}
	sockets := []string{syslogSocket}
	_, chroot, err := o.find(o.Definition.Own.Chroot)
	if chroot != nil {
		sockets = append(sockets, path.Join(chroot[1], syslogSocket))
	}
	return sockets, err
}
