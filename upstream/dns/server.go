// Package dns is a small authoritative name server for one zone, whose names can be made to answer wrong.
//
// It speaks UDP and TCP on one port (RFC 1035 §4.2). Every answer says how long it may be kept: not at all (a TTL of 0, RFC
// 2181 §8), so whoever honours it asks again for each use.
package dns

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Bounds of a server.
const (
	// MaxMessage bounds a question in bytes, and is the size of UDP message that we say we can take (RFC 6891 §6.2.5). Our
	// answers stay below the 512 bytes that everybody takes (RFC 1035 §4.2.1), so none is ever truncated.
	MaxMessage = 1232
	// MaxConns bounds the open TCP connections; more are closed at once.
	MaxConns = 64
	// IdleTimeout ends a TCP connection on which no question comes (RFC 7766 §6.2.3).
	IdleTimeout = 5 * time.Second
)

// Options configure a Server.
type Options struct {
	// Zone is the domain it answers for, such as gatefault.test, or a dot for all. It refuses questions about others.
	Zone string
	// Address is IP:port, for UDP and TCP; port 0 takes one that is free for both.
	Address string
	// OnQuery, if set, is told of each question after its answer is decided and before it is sent. It must not block.
	OnQuery func(Query)
	Log     *slog.Logger // default: discard
}

// Query is a question that was asked, and its answer.
type Query struct {
	Name      string // in small letters, without the dot at the end
	Type      string // A, AAAA, ...
	Transport string // udp or tcp
	Client    netip.AddrPort
	Answer    string // an address, NODATA, NXDOMAIN, SERVFAIL, REFUSED ..., or nothing
	Label     string // the Answer's
}

// Server is a running name server.
type Server struct {
	opts Options
	zone string
	addr netip.AddrPort
	udp  *net.UDPConn
	tcp  *net.TCPListener
	wg   sync.WaitGroup // both loops and all connections
	shut atomic.Bool

	mu    sync.Mutex // guards what follows
	names map[string]*name
	conns map[net.Conn]struct{}
}

// name is what one name answers.
type name struct {
	answer func(n int) Answer
	asked  int // questions for an address so far
}

// Listen starts a server. Close ends it.
func Listen(o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	addr, err := netip.ParseAddrPort(o.Address)
	if err != nil {
		return nil, fmt.Errorf("address %q of the name server is not IP:port", o.Address)
	}
	s := &Server{opts: o, zone: canonical(o.Zone), names: map[string]*name{}, conns: map[net.Conn]struct{}{}}
	if err := s.bind(addr); err != nil {
		return nil, fmt.Errorf("the name server cannot listen on %s: %w", o.Address, err)
	}
	s.wg.Go(s.serveUDP)
	s.wg.Go(s.serveTCP)
	return s, nil
}

// bind takes the same port for TCP and UDP. A free one for TCP may be taken for UDP, hence the attempts.
func (s *Server) bind(addr netip.AddrPort) (err error) {
	for range 10 {
		if s.tcp, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(addr)); err != nil {
			return err
		}
		port := s.tcp.Addr().(*net.TCPAddr).AddrPort().Port()
		s.addr = netip.AddrPortFrom(addr.Addr(), port)
		if s.udp, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(s.addr)); err == nil {
			return nil
		}
		_ = s.tcp.Close()
		if addr.Port() != 0 || !errors.Is(err, syscall.EADDRINUSE) {
			return err
		}
	}
	return err
}

// Addr is where it listens.
func (s *Server) Addr() netip.AddrPort { return s.addr }

// Zone is the domain it answers for.
func (s *Server) Zone() string { return s.zone }

// Set makes a label of the zone answer in this way from now on. The n-th question for an IPv4 address since is given n, from
// 1; every other question is given 0. The function is called for one question at a time.
func (s *Server) Set(label string, answer func(n int) Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names[s.full(canonical(label))] = &name{answer: answer}
}

// Remove takes a label out of the zone.
func (s *Server) Remove(label string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.names, s.full(canonical(label)))
}

// full is the whole name of a label in the zone.
func (s *Server) full(label string) string {
	if s.zone == "" {
		return label
	}
	return label + "." + s.zone
}

// Close stops listening and awaits the end of every connection.
func (s *Server) Close() error {
	s.shut.Store(true)
	err := errors.Join(s.udp.Close(), s.tcp.Close())
	s.mu.Lock()
	for c := range s.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
	return err
}

// canonical is the form in which names are compared (RFC 4343).
func canonical(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }
