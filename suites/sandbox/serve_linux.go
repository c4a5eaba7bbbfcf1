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

	"github.com/gatefault/gatefault/upstream/firewall/netns"
	"github.com/gatefault/gatefault/upstream/process"
)

// Serve must be the first call of main, or of TestMain, of every program that opens sandboxes: it is started again to be
// the first process of each. In such a process it never returns.
func Serve() {
	if os.Getenv(variable) == "" {
		return
	}
	_ = os.Unsetenv(variable)
	if err := serve(os.NewFile(talkFD, "sandbox")); err != nil {
		fmt.Fprintln(os.Stderr, "sandbox:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// server is the first process of a sandbox.
type server struct {
	talk *talk
	far  *netns.Far // nil: there is none
	mu   sync.Mutex // guards programs
	// programs are the process groups that run, by the request that started them.
	programs map[int]int
}

// serve does what is asked for until the parent is gone.
func serve(f *os.File) error {
	unix.CloseOnExec(int(f.Fd()))
	t, err := newTalk(f)
	if err != nil {
		return err
	}
	s := &server{talk: t, programs: map[int]int{}}
	for {
		var r request
		f, err := t.receive(&r)
		if err != nil {
			return nil // the parent has closed, or is gone
		}
		if r.Begin != nil { // before all others
			s.answer(r, s.begin(*r.Begin), nil)
			continue
		}
		go s.obey(r, f)
	}
}

// obey does one thing; f, if not nil, came along.
func (s *server) obey(r request, f *os.File) {
	switch {
	case r.Dial != nil:
		c, err := r.Dial.dial()
		s.answer(r, err, c)
	case r.Start != nil:
		s.run(r, f)
	case r.Signal != nil:
		s.answer(r, s.signal(*r.Signal), nil)
	case r.Address != nil:
		s.answer(r, s.addAddress(*r.Address), nil)
	}
}

// answer answers a request, with a connection if there is one.
func (s *server) answer(r request, err error, c net.Conn) {
	a := answer{N: r.N, Error: failureOf(err)}
	if c == nil {
		s.tell(a, -1)
		return
	}
	raw, err := c.(syscall.Conn).SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { s.tell(a, int(fd)) })
	}
	if err != nil {
		s.tell(answer{N: r.N, Error: failureOf(err)}, -1)
	}
	_ = c.Close() // the parent has its own
}

func (s *server) tell(a answer, fd int) {
	if err := s.talk.send(a, fd); err != nil {
		os.Exit(1) // the parent is gone
	}
}

func (d *dialing) dial() (net.Conn, error) {
	dialer := net.Dialer{Timeout: d.Timeout, KeepAlive: -1}
	if d.From != "" {
		from, err := netip.ParseAddrPort(d.From)
		if err != nil {
			return nil, err
		}
		dialer.LocalAddr = net.TCPAddrFromAddrPort(from)
	}
	return dialer.DialContext(context.Background(), d.Network, d.Address)
}

// begin makes the sandbox.
func (s *server) begin(b beginning) error {
	syscall.Umask(0)
	if err := enter(b.Root, os.Stdin, b.Show); err != nil {
		return err
	}
	if err := netns.LoopbackUp(); err != nil {
		return err
	}
	for _, file := range nonlocalBind {
		_ = os.WriteFile(file, []byte("1"), 0o644) // else those who listen elsewhere are told
	}
	for _, addr := range b.Addresses {
		if err := s.addAddress(address{Addr: addr}); err != nil {
			return err
		}
	}
	if !b.Far {
		return nil
	}
	return s.openFar()
}

// Names of the ends of the cable.
const (
	nearEnd = "near"
	farEnd  = "far"
)

func (s *server) openFar() (err error) {
	if s.far, err = netns.OpenFar(nearEnd, farEnd); err != nil {
		return err
	}
	if err := s.join(NearAddr, FarAddr); err != nil {
		return err
	}
	_ = s.join(nearIPv6, farIPv6) // where the system has no IPv6, those who need it are told when they add an address
	return nil
}

// join gives both ends of the cable an address by which they reach each other.
func (s *server) join(near, far netip.Addr) error {
	if err := addTo(nearEnd, near); err != nil {
		return err
	}
	if err := s.addAddress(address{far, true}); err != nil {
		return err
	}
	return s.far.Do(func() error { return netns.AddRoute(farEnd, alone(near)) })
}

// alone is an address as a subnet of its own.
func alone(addr netip.Addr) netip.Prefix { return netip.PrefixFrom(addr, addr.BitLen()) }

// nonlocalBind lets programs listen on addresses that are not the sandbox's (ip(7)).
var nonlocalBind = []string{"/proc/sys/net/ipv4/ip_nonlocal_bind", "/proc/sys/net/ipv6/ip_nonlocal_bind"}

func (s *server) addAddress(a address) error {
	switch {
	case !a.Far:
		return addTo("lo", a.Addr)
	case s.far == nil:
		return errors.New("the sandbox has no far network")
	}
	if err := s.far.Do(func() error { return addTo(farEnd, a.Addr) }); err != nil {
		return err
	}
	return netns.AddRoute(nearEnd, alone(a.Addr))
}

// addTo gives an interface an address, which it may have already, and returns when it can be used.
func addTo(name string, addr netip.Addr) error {
	_, err := netns.AddAddress(name, alone(addr))
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return err
	}
	for deadline := time.Now().Add(addressTime); addr.Is6(); time.Sleep(time.Millisecond) {
		if err = reach(addr); err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("add address %s: %w", addr, err)
		}
	}
	return nil
}

// addressTime bounds how long a new address may take until it can be used: the kernel makes the route to an IPv6 address of
// its own a moment later (net/ipv6/addrconf.c, addrconf_dad_work). selfTime is for one attempt.
const (
	addressTime = 5 * time.Second
	selfTime    = 20 * time.Millisecond
)

// reach makes a connection from an address to itself.
func reach(addr netip.Addr) error {
	l, err := net.Listen("tcp", netip.AddrPortFrom(addr, 0).String())
	if err != nil {
		return err
	}
	defer l.Close()
	c, err := net.DialTimeout("tcp", l.Addr().String(), selfTime)
	if err != nil {
		return err
	}
	return c.Close()
}

// run starts a program, answers, waits for its end and tells of it.
func (s *server) run(r request, out *os.File) {
	cmd, err := s.start(r, out)
	s.answer(r, err, nil)
	if err != nil {
		return
	}
	err = cmd.Wait()
	s.mu.Lock()
	_ = unix.Kill(-s.programs[r.N], unix.SIGKILL) // what it has left behind
	delete(s.programs, r.N)
	s.mu.Unlock()
	s.tell(answer{N: r.N, Ended: exitOf(cmd.ProcessState, err)}, -1)
}

func (s *server) start(r request, out *os.File) (*exec.Cmd, error) {
	if out == nil {
		return nil, errors.New("a program was to be started without an output")
	}
	defer out.Close()
	cmd := exec.Command(r.Start.Path, r.Start.Args...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = r.Start.Env, r.Start.Dir, out, out
	if cmd.Dir == "" {
		cmd.Dir = "/"
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.inPlace(*r.Start, cmd.Start); err != nil {
		return nil, err
	}
	s.programs[r.N] = cmd.Process.Pid
	return cmd, nil
}

// inPlace calls start on a thread of its own, from which what it starts takes over its network and its rights.
func (s *server) inPlace(c Command, start func() error) error {
	begin := start
	if c.Bound {
		begin = func() error {
			if err := process.BindChildren(); err != nil {
				return err
			}
			return start()
		}
	}
	switch {
	case c.Far && s.far == nil:
		return errors.New("the sandbox has no far network")
	case c.Far:
		return s.far.Do(begin)
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for ever: the thread ends with the goroutine
		done <- begin()
	}()
	return <-done
}

func (s *server) signal(sig signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	group := s.programs[sig.Program]
	if group == 0 {
		return nil
	}
	if err := unix.Kill(-group, sig.Signal); !errors.Is(err, unix.ESRCH) {
		return err
	}
	return nil
}

func exitOf(st *os.ProcessState, err error) *Exit {
	if st == nil {
		return &Exit{Code: -1, Signal: fmt.Sprint(err)}
	}
	if ws, ok := st.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return &Exit{Code: -1, Signal: unix.SignalName(ws.Signal())}
	}
	return &Exit{Code: st.ExitCode()}
}
