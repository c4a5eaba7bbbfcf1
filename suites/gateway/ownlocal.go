package gateway

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/gatefault/gatefault/suites/config"
	"github.com/gatefault/gatefault/suites/sandbox"
)

// startLocal starts the gateway in its sandbox.
func (o Own) startLocal(ctx context.Context, entries []config.Entry) (*Running, error) {
	d, s := o.Definition, o.Sandbox
	version, err := d.askVersion(ctx, s.binary, localRunner(s.binary))
	if err != nil {
		return nil, &StartError{Gateway: d.Name, Err: err}
	}
	command, err := o.command(d.Own.Run)
	if err == nil {
		command, err = o.withSyslog(command)
	}
	if err != nil {
		return nil, err
	}
	logs := NewLogBook(Regexp{})
	child, err := s.run(ctx, command, logs)
	if err != nil {
		return nil, err
	}
	r := &Running{spec: Spec{Definition: d, Place: o.Place}, version: version, image: s.binary, logs: logs, stands: s.stands, entries: entries, stop: child.stop}
	if err := awaitEntries(ctx, entries, nearAddr, s.look, child.exited); err != nil {
		return nil, errors.Join(o.reasonLocal(ctx, logs, err), child.stop(ctx))
	}
	return r, nil
}

// nearAddr is where a client beside the gateway reaches an entry.
func nearAddr(entry config.Entry) netip.Addr {
	addr, err := netip.ParseAddr(entry.Host)
	switch {
	case err == nil && addr == netip.IPv6Unspecified():
		return netip.IPv6Loopback() // not all listen for IPv4 there as well
	case err == nil && !addr.IsUnspecified():
		return addr
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}

// look tells whether something accepts in the sandbox.
func (s *Sandbox) look(ctx context.Context, at netip.AddrPort) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	conn, err := s.Dial(ctx, "tcp", at.String())
	if err != nil {
		return err
	}
	return conn.Close()
}

// command is the product's program with these arguments.
func (o Own) command(args []string) (sandbox.Command, error) {
	args, err := OwnView{Config: o.Config.Main, Prefix: o.prefix(), Foreground: o.Config.Foreground}.args(args)
	env := os.Environ()
	for _, name := range slices.Sorted(maps.Keys(o.environment())) {
		env = append(env, name+"="+o.environment()[name])
	}
	// The permissions of files decide who may connect to a socket.
	return sandbox.Command{Path: o.Sandbox.binary, Args: args, Env: env, Dir: o.prefix(), Bound: len(o.Sockets) > 0}, err
}

// withSyslog runs a command beside a log server, if the product logs to the system's: a sandbox has none.
func (o Own) withSyslog(c sandbox.Command) (sandbox.Command, error) {
	sockets, err := o.syslogSockets()
	if err != nil || len(sockets) == 0 || o.Program == "" {
		return c, err
	}
	c.Args = slices.Concat([]string{"with-syslog", strings.Join(sockets, ","), c.Path}, c.Args)
	c.Path = o.Program
	return c, nil
}

// reasonLocal tells why the gateway did not start: when its own check refuses the configuration, that is it.
func (o Own) reasonLocal(ctx context.Context, logs *LogBook, err error) error {
	var refused *ConfigError
	if errors.As(o.checkIn(ctx), &refused) {
		return refused
	}
	return o.failure(logs, err)
}

// checkLocal asks the product for its opinion, in a sandbox made for that.
func (o Own) checkLocal(ctx context.Context) (err error) {
	if o.Sandbox, err = OpenSandbox(ctx, o); err != nil {
		return err
	}
	return errors.Join(o.checkIn(ctx), o.Sandbox.Close(ctx))
}

// checkIn asks the product for its opinion in the sandbox that is there.
func (o Own) checkIn(ctx context.Context) error {
	command, err := o.command(o.Definition.Own.Check)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	logs := NewLogBook(Regexp{})
	child, err := o.Sandbox.run(ctx, command, logs)
	if err != nil {
		return err
	}
	select {
	case <-child.exited:
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("%s does not end its check of the configuration: %w", o.Definition.Title, ctx.Err()), child.stop(ctx))
	}
	if child.program.Exit() == (sandbox.Exit{}) {
		return nil
	}
	return o.refused(logs)
}

// rootOnly tells of what only root can do in the configuration, unless this is root.
func (o Own) rootOnly() error {
	if os.Geteuid() == 0 {
		return nil
	}
	at, found, err := o.find(o.Definition.Own.RootOnly)
	if err != nil || found == nil {
		return err
	}
	return fmt.Errorf("%s: %q takes root here: run gatefault as root, or where a Docker engine answers", at, strings.TrimSpace(found[0]))
}
