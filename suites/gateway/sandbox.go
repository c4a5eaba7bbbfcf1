package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gatefault/gatefault/suites/sandbox"
)

// Sandbox is the machine that a gateway with its user's own configuration runs on in place [PlaceLocal]. It is made of this
// one: the user's files are at their places, nothing of this machine's can be written to, and it has a network of its own, with
// another machine in it for the upstream. Close it.
type Sandbox struct {
	inside *sandbox.Sandbox
	folder string   // of this machine, where its files are mounted
	binary string   // the gateway's
	stands []string // see Running.Stands
}

// OpenSandbox makes the machine for a gateway and its upstreams. The error wraps [ErrNoBinary], or [sandbox.ErrForbidden] where the
// system does not let us.
func OpenSandbox(ctx context.Context, own Own) (*Sandbox, error) {
	if err := own.validate(); err != nil {
		return nil, err
	}
	binary, err := localBinary(Spec{Definition: own.Definition, Binary: own.Binary})
	if errors.Is(err, ErrNoBinary) && own.Binary == "" {
		return nil, fmt.Errorf("%w: install it, name its program with --binary, or let a Docker engine answer", err)
	}
	if err != nil {
		return nil, err
	}
	files, err := own.files(thisMachine{})
	if err != nil {
		return nil, err
	}
	folder, err := scratchFolder()
	if err != nil {
		return nil, err
	}
	s := &Sandbox{folder: folder, binary: binary, stands: files.stands}
	if err := s.open(ctx, own, files.tree); err != nil {
		return nil, errors.Join(forbidden(own.Definition, err), os.RemoveAll(folder))
	}
	if err := s.answerNames(ctx, own); err != nil {
		return nil, errors.Join(err, s.Close(ctx))
	}
	return s, nil
}

// answerNames runs a name server where the configuration says that one is asked while the product runs.
func (s *Sandbox) answerNames(ctx context.Context, own Own) error {
	servers := own.nameServers()
	if len(servers) == 0 || own.Program == "" {
		return nil
	}
	var listen []string
	for _, at := range servers {
		if err := s.inside.AddAddress(ctx, at.Addr()); err != nil {
			return fmt.Errorf("be the name server %s: %w", at, err)
		}
		listen = append(listen, at.String())
	}
	args := []string{"answer-names", strings.Join(listen, ",")}
	names := own.names()
	for _, name := range slices.Sorted(maps.Keys(names)) {
		args = append(args, name+"="+names[name].String())
	}
	logs := NewLogBook(Regexp{})
	child, err := s.run(ctx, sandbox.Command{Path: own.Program, Args: args, Env: os.Environ()}, logs)
	if err != nil {
		return err
	}
	if err := awaitEach(ctx, s.look, servers, child.exited); err != nil {
		return startError("the name server", logs, err)
	}
	return nil
}

// nameServers are where the product asks for its servers' names while it runs.
func (o Own) nameServers() (all []netip.AddrPort) {
	for _, group := range o.Config.Groups {
		for _, text := range group.Resolvers {
			at, err := netip.ParseAddrPort(text)
			if addr, bare := netip.ParseAddr(strings.Trim(text, "[]")); bare == nil {
				at, err = netip.AddrPortFrom(addr, namePort), nil
			}
			if err == nil && !slices.Contains(all, at) {
				all = append(all, at)
			}
		}
	}
	return all
}

// namePort is where name servers listen unless told otherwise.
const namePort = 53

func (s *Sandbox) open(ctx context.Context, own Own, files tree) (err error) {
	reader, writer := io.Pipe()
	defer reader.Close()
	go func() { writer.CloseWithError(files.write(writer, account{os.Geteuid(), os.Getegid()})) }() // ends when all is read, or the reader is closed
	shown := []string{s.binary, own.Program}
	for _, name := range shown {
		if real, err := filepath.EvalSymlinks(name); err == nil {
			shown = append(shown, real)
		}
	}
	s.inside, err = sandbox.Open(ctx, sandbox.Spec{Root: s.folder, Files: reader, Show: shown, Addresses: own.addresses(), Far: true})
	return err
}

// forbidden says what to do where the system lets nobody make a sandbox.
func forbidden(d *Definition, err error) error {
	if !errors.Is(err, sandbox.ErrForbidden) {
		return err
	}
	return fmt.Errorf("%s cannot run here with its user's configuration (%w): run gatefault where a Docker engine answers, or as root, or allow user namespaces (kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0)", d.Title, err)
}

// addresses are those of other machines that the gateway listens on: here it has them.
func (o Own) addresses() (out []netip.Addr) {
	for _, entry := range o.Config.Entries {
		if addr, err := netip.ParseAddr(entry.Host); err == nil && !addr.IsUnspecified() && !addr.IsLoopback() {
			out = append(out, addr)
		}
	}
	return out
}

// Dial makes a connection on the machine that the gateway runs on.
func (s *Sandbox) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	return s.inside.Dial(ctx, network, addr)
}

// Close ends all that runs on it. Closing twice is harmless.
func (s *Sandbox) Close(context.Context) error {
	return errors.Join(s.inside.Close(), os.RemoveAll(s.folder))
}

// thisMachine is what a sandbox has besides the user's files.
type thisMachine struct{}

func (thisMachine) has(at string) bool {
	_, err := os.Stat(at)
	return err == nil
}

func (thisMachine) read(at string) []byte {
	text, _ := os.ReadFile(at) // what cannot be read is not there for the gateway either
	return text
}

func (thisMachine) problem() error { return nil }

// sandboxed is a program that runs in a sandbox.
type sandboxed struct {
	program *sandbox.Program
	exited  chan struct{} // closed when it has ended and its output is read to the end
}

// run starts a program whose output is read into a log book.
func (s *Sandbox) run(ctx context.Context, c sandbox.Command, logs *LogBook) (*sandboxed, error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	program, err := s.inside.Start(ctx, c, writer)
	writer.Close()
	if err != nil {
		reader.Close()
		return nil, fmt.Errorf("start %s: %w", c.Path, err)
	}
	child := &sandboxed{program, make(chan struct{})}
	go func() {
		defer close(child.exited)
		logs.read(reader)
		reader.Close()
		logs.end()
		<-program.Ended()
	}()
	return child, nil
}

// stop ends the program: politely, then by force.
func (c *sandboxed) stop(ctx context.Context) error {
	if err := c.program.Signal(ctx, syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-c.exited:
		return nil
	case <-time.After(termGrace):
	case <-ctx.Done():
	}
	if err := c.program.Signal(context.WithoutCancel(ctx), syscall.SIGKILL); err != nil {
		return err
	}
	select {
	case <-c.exited:
		return nil
	case <-time.After(stopTimeout):
		return errors.New("a program in a sandbox does not end")
	}
}
