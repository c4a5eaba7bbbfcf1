package upstream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// listener serves an endpoint in this process.
type listener struct {
	ep   *Endpoint
	l    *net.TCPListener
	done chan struct{} // closed when the accept loop is over

	acceptor
	conns openConns  // guarded by mu, as the rest
	fills []net.Conn // our own connections in the accept queue
	door  *door      // its unix socket, if it has one
}

func startListener(ep *Endpoint) (server, error) {
	l, err := ep.given, error(nil)
	if l == nil {
		l, err = listenTCP(net.TCPAddrFromAddrPort(ep.addr))
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("address %s is in use: choose another port or stop what listens there (%w)", ep.addr, err)
	}
	if err != nil {
		return nil, err
	}
	s := &listener{ep: ep, l: l, conns: openConns{}, done: make(chan struct{})}
	bound := l.Addr().(*net.TCPAddr).AddrPort()
	ep.settle(netip.AddrPortFrom(bound.Addr().Unmap(), bound.Port()))
	if ep.socket != "" {
		if s.door, err = openDoor(ep, s.take); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	go s.accept()
	return s, nil
}

// listenTCP binds to an explicit port even when any will do: the kernel keeps only such a port reserved for a socket that
// stops listening (SOCK_BINDPORT_LOCK, set by inet_bind).
func listenTCP(addr *net.TCPAddr) (*net.TCPListener, error) {
	if addr.Port != 0 {
		return listenAt(addr)
	}
	var err error
	for range 10 {
		var free, l *net.TCPListener
		if free, err = listenAt(addr); err != nil {
			return nil, err
		}
		explicit := *free.Addr().(*net.TCPAddr)
		_ = free.Close()
		if l, err = listenAt(&explicit); err == nil {
			return l, nil
		}
	}
	return nil, err
}

func listenAt(addr *net.TCPAddr) (*net.TCPListener, error) {
	l, err := listening.Listen(context.Background(), "tcp", addr.String())
	if err != nil {
		return nil, err
	}
	return l.(*net.TCPListener), nil
}

// listenConfig is net's own, but for plain TCP: what a fault does to a connection must not depend on MPTCP.
func listenConfig(keepAlive time.Duration, control func(network, address string, c syscall.RawConn) error) *net.ListenConfig {
	c := &net.ListenConfig{KeepAlive: keepAlive, Control: control}
	c.SetMultipathTCP(false)
	return c
}

// accept ends when close is called.
func (s *listener) accept() {
	defer close(s.done)
	for {
		c, err := s.l.AcceptTCP()
		if err == nil {
			s.take(c)
			continue
		}
		s.noFiles(err)
		if s.ep.draining.Load() || !s.awaitListening(s.ep, err) {
			return
		}
	}
}

func (s *listener) take(c socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.conns) >= s.ep.up.opts.MaxConns {
		_ = c.Close()
		s.ep.up.journal.Add(Event{Kind: Failed, Endpoint: s.ep.id, Remote: c.RemoteAddr().String(),
			Detail: fmt.Sprintf("closed at once: %d connections are open, the limit", len(s.conns))})
		return
	}
	cn := newConn(s.ep, c)
	s.conns.run(s.ep, &s.mu, &cn.lifetime, cn.serve)
}

func (s *listener) apply(ctx context.Context, _ *compiled, existing Existing) error {
	if existing == CloseExisting {
		return s.closeConns(ctx)
	}
	return nil
}

// closeConns ends every open connection and awaits their end.
func (s *listener) closeConns(ctx context.Context) error { return s.conns.end(ctx, s.ep, &s.mu, every) }

// refuse takes the socket out of the listening state and keeps it bound: the kernel then answers SYN with RST (Linux:
// tcp_disconnect on SHUT_RD of a listener leaves the bind). Without SO_REUSEADDR nobody else can take the port.
func (s *listener) refuse() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shut != nil {
		return nil
	}
	s.pause() // before the accept loop can see the socket fail
	err := s.control(func(fd int) error {
		return errors.Join(syscall.Shutdown(fd, syscall.SHUT_RD), reuseAddr(fd, 0))
	})
	if err != nil {
		s.resumeAccept()
	}
	return err
}

func (s *listener) listen() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shut == nil {
		return nil
	}
	err := s.control(func(fd int) error {
		return errors.Join(reuseAddr(fd, 1), syscall.Listen(fd, syscall.SOMAXCONN))
	})
	s.resumeAccept()
	return err
}

func reuseAddr(fd, on int) error {
	return syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, on)
}

func (s *listener) control(f func(fd int) error) error {
	return control(s.l, f)
}

func control(l syscall.Conn, f func(fd int) error) error {
	raw, err := l.SyscallConn()
	if err != nil {
		return err
	}
	var ferr error
	if err := raw.Control(func(fd uintptr) { ferr = f(int(fd)) }); err != nil {
		return err
	}
	return ferr
}

var errNoProcess = errors.New("the endpoint is not served by a process of its own (kind: process)")

func (s *listener) stop(string) error { return errNoProcess }
func (s *listener) resume() error     { return errNoProcess }

func (s *listener) close() {
	if s.door != nil {
		s.door.close()
	}
	s.end()
	_ = s.l.Close()
	<-s.done
	_ = s.closeConns(context.Background())
}
