package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Sandbox is a running sandbox. Close it.
type Sandbox struct {
	talk  *talk
	cmd   *exec.Cmd
	ended chan struct{} // closed when its first process is gone

	mu       sync.Mutex // guards what follows
	n        int        // requests so far
	waiting  map[int]chan reply
	programs map[int]*Program
	gone     error // why no more answers come
}

// reply is an answer and what came along.
type reply struct {
	answer
	file *os.File
}

// openTimeout bounds how long a sandbox may take to be made.
const openTimeout = 20 * time.Second

// Open makes a sandbox. The program must call [Serve] first of all. Where the system does not let it, the error is an
// [ErrForbidden].
func Open(ctx context.Context, spec Spec) (*Sandbox, error) {
	ours, theirs, err := pair()
	if err != nil {
		return nil, fmt.Errorf("make a sandbox: %w", err)
	}
	s := &Sandbox{talk: ours, cmd: first(spec, theirs), ended: make(chan struct{}), waiting: map[int]chan reply{}, programs: map[int]*Program{}}
	started := make(chan error)
	go s.watch(started)
	err = <-started
	theirs.Close()
	if err != nil {
		ours.conn.Close()
		return nil, forbidden(err)
	}
	go s.listen()
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	r, err := s.ask(ctx, request{Begin: &beginning{spec.Root, spec.Show, spec.Addresses, spec.Far}}, -1)
	if err == nil && r.Error != nil {
		err = forbidden(r.Error)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// forbidden marks an error that means that the system does not let us.
func forbidden(err error) error {
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EUSERS): // namespaces(7)
		return fmt.Errorf("%w: there may be no more of them (/proc/sys/user): %w", ErrForbidden, err)
	case errors.Is(err, os.ErrPermission), errors.Is(err, unix.EINVAL):
		return fmt.Errorf("%w: %w", ErrForbidden, err)
	}
	return fmt.Errorf("make a sandbox: %w", err)
}

// first prepares the sandbox's first process: this program again. When it ends the kernel ends all others of its
// namespace of processes (pid_namespaces(7)), and it ends with us.
func first(spec Spec, theirs *os.File) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), variable+"=1")
	cmd.Stdin, cmd.Stderr = spec.Files, os.Stderr
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.SysProcAttr = namespaces(os.Geteuid(), os.Getegid())
	cmd.SysProcAttr.Setpgid, cmd.SysProcAttr.Pdeathsig = true, syscall.SIGKILL
	return cmd
}

// namespaces are those of root, or of somebody who keeps user and group and may administer what is in the namespaces.
func namespaces(uid, gid int) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC}
	if uid != 0 {
		attr.Cloneflags |= unix.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}}
		attr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SYS_CHROOT, unix.CAP_NET_ADMIN, unix.CAP_NET_BIND_SERVICE}
	}
	return attr
}

// watch starts the first process and waits for it on one thread: the death signal is bound to the thread that started it
// (prctl(2), PR_SET_PDEATHSIG). It ends when the process has.
func (s *Sandbox) watch(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := s.cmd.Start()
	started <- err
	if err == nil {
		_ = s.cmd.Wait()
		close(s.ended)
	}
}

// listen hands out answers until the sandbox is gone.
func (s *Sandbox) listen() {
	for {
		var a answer
		f, err := s.talk.receive(&a)
		if err != nil {
			s.end(fmt.Errorf("the sandbox has ended: %w", err))
			return
		}
		s.deliver(reply{a, f})
	}
}

func (s *Sandbox) deliver(r reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Ended != nil {
		s.programs[r.N].end(*r.Ended)
		delete(s.programs, r.N)
		return
	}
	if waits := s.waiting[r.N]; waits != nil {
		waits <- r // it has room
		delete(s.waiting, r.N)
	} else if r.file != nil {
		r.file.Close() // nobody waits any more
	}
}

func (s *Sandbox) end(why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = why
	for _, waits := range s.waiting {
		close(waits)
	}
	for _, p := range s.programs {
		p.end(Exit{Signal: "SIGKILL"})
	}
	clear(s.waiting)
	clear(s.programs)
}

// ask sends a request and awaits the answer.
func (s *Sandbox) ask(ctx context.Context, req request, fd int) (reply, error) {
	return s.askFor(ctx, req, fd, nil)
}

// askFor is ask, for a program that is to be known before it can end.
func (s *Sandbox) askFor(ctx context.Context, req request, fd int, p *Program) (reply, error) {
	if err := ctx.Err(); err != nil {
		return reply{}, err
	}
	waits := make(chan reply, 1)
	s.mu.Lock()
	if s.gone != nil {
		s.mu.Unlock()
		return reply{}, s.gone
	}
	s.n++
	req.N = s.n
	s.waiting[req.N] = waits
	if p != nil {
		p.number, s.programs[req.N] = req.N, p
	}
	s.mu.Unlock()
	err := s.talk.send(req, fd)
	if err == nil {
		select {
		case r, ok := <-waits:
			if ok {
				return r, nil
			}
			return reply{}, s.whyGone()
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiting, req.N)
	select {
	case r := <-waits: // it came at the last moment
		if r.file != nil {
			r.file.Close()
		}
	default:
	}
	return reply{}, err
}

func (s *Sandbox) whyGone() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gone
}

// do asks for something that gives nothing back.
func (s *Sandbox) do(ctx context.Context, req request) error {
	r, err := s.ask(ctx, req, -1)
	if err == nil && r.Error != nil {
		return r.Error
	}
	return err
}

// AddAddress gives the loopback interface a further address.
func (s *Sandbox) AddAddress(ctx context.Context, addr netip.Addr) error {
	return s.do(ctx, request{Address: &address{addr, false}})
}

// AddFarAddress gives the far network a further address, which is reached from the near one.
func (s *Sandbox) AddFarAddress(ctx context.Context, addr netip.Addr) error {
	return s.do(ctx, request{Address: &address{addr, true}})
}

// Dial makes a connection inside the sandbox, in the near network. It is an ordinary one of the kernel's: what its other end sends, a FIN or a
// RST too, arrives as sent.
func (s *Sandbox) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	return s.DialFrom(ctx, network, addr, netip.AddrPort{})
}

// DialFrom is Dial from a local address; the zero one leaves the choice to the kernel.
func (s *Sandbox) DialFrom(ctx context.Context, network, addr string, from netip.AddrPort) (net.Conn, error) {
	d := &dialing{Network: network, Address: addr}
	if from.IsValid() {
		d.From = from.String()
	}
	if deadline, ok := ctx.Deadline(); ok {
		d.Timeout = max(time.Until(deadline), time.Nanosecond)
	}
	r, err := s.ask(ctx, request{Dial: d}, -1)
	switch {
	case err != nil:
		return nil, err
	case r.Error != nil:
		return nil, r.Error
	case r.file == nil:
		return nil, errors.New("the sandbox sent no connection")
	}
	defer r.file.Close()
	return net.FileConn(r.file)
}

// Close ends all that runs in the sandbox.
func (s *Sandbox) Close() error {
	err := s.cmd.Process.Kill()
	<-s.ended
	_ = s.talk.conn.Close()
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}
