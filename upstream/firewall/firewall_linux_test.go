package firewall

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// echo accepts on a free port of host and sends back what it gets.
func echo(t testing.TB, host string) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Skip(err) // no IPv6 here
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				buf := make([]byte, 512)
				for {
					n, err := conn.Read(buf)
					if err != nil {
						return
					}
					conn.Write(buf[:n])
				}
			})
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return l.Addr().(*net.TCPAddr).AddrPort()
}

func dial(t testing.TB, to netip.AddrPort, timeout time.Duration) (net.Conn, error) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", to.String(), timeout)
	if err == nil {
		t.Cleanup(func() { conn.Close() })
	}
	return conn, err
}

func arm(t testing.TB, f *Firewall, a Action, addr netip.AddrPort) *Rule {
	t.Helper()
	r, err := f.Arm(a, addr)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func hits(t testing.TB, r *Rule) Hits {
	t.Helper()
	h, err := r.Hits()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// talks checks that a line comes back over conn.
func talks(t testing.TB, conn net.Conn) {
	t.Helper()
	if err := exchange(conn, 2*time.Second); err != nil {
		t.Errorf("no echo: %v", err)
	}
}

func exchange(conn net.Conn, patience time.Duration) error {
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Write([]byte("hello")); err != nil {
		return err
	}
	_, err := conn.Read(make([]byte, 5))
	return err
}

func mustDial(t testing.TB, to netip.AddrPort) net.Conn {
	t.Helper()
	conn, err := dial(t, to, 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestDropLosesRetransmissionsAndCountsThemOnce(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			f, server := opened(t), echo(t, host)
			before := mustDial(t, server)
			r := arm(t, f, Drop, server)
			start := time.Now()
			_, err := dial(t, server, 1500*time.Millisecond)
			if e, ok := errors.AsType[net.Error](err); !ok || !e.Timeout() {
				t.Fatalf("dial = %v, want a timeout", err)
			}
			if took := time.Since(start); took < 1500*time.Millisecond {
				t.Errorf("failed after %v", took)
			}
			h := hits(t, r)
			if h.Packets < 2 || h.Bytes < 2*40 || h.Attempts != 1 || len(h.Sources) != 1 {
				t.Errorf("hits = %+v, want 1 attempt with a retransmission", h)
			}
			if h.Attempts == 1 && h.Sources[0].Addr() != server.Addr() {
				t.Errorf("source = %v, want %v", h.Sources[0], server.Addr())
			}
			talks(t, before)
		})
	}
}

func TestRejectsAnswer(t *testing.T) {
	const atOnce, afterOneSecond = 900 * time.Millisecond, 2500 * time.Millisecond
	for _, c := range []struct {
		action Action
		host   string
		want   error
		within time.Duration
	}{
		{RejectReset, "127.0.0.1", unix.ECONNREFUSED, atOnce},
		{RejectReset, "::1", unix.ECONNREFUSED, atOnce},
		{RejectHost, "127.0.0.1", unix.EHOSTUNREACH, atOnce},
		{RejectHost, "::1", unix.EHOSTUNREACH, afterOneSecond},
		{RejectAdmin, "127.0.0.1", unix.EHOSTUNREACH, atOnce},
		{RejectAdmin, "::1", unix.EACCES, afterOneSecond},
	} {
		t.Run(string(c.action)+" "+c.host, func(t *testing.T) {
			t.Parallel()
			f, server := opened(t), echo(t, c.host)
			before := mustDial(t, server)
			r := arm(t, f, c.action, server)
			if _, err := dial(t, server, c.within); !errors.Is(err, c.want) {
				t.Errorf("dial = %v, want %v within %v", err, c.want, c.within)
			}
			if h := hits(t, r); h.Packets == 0 || h.Attempts != 1 {
				t.Errorf("hits = %+v, want 1 attempt", h)
			}
			talks(t, before)
		})
	}
}

func TestCountNamesSourcesAndLetsThemPass(t *testing.T) {
	f, server := opened(t), echo(t, "127.0.0.1")
	drop := arm(t, f, RejectReset, server)
	count := arm(t, f, Count, server)
	if _, err := dial(t, server, time.Second); !errors.Is(err, unix.ECONNREFUSED) {
		t.Fatalf("Count overrules the reject: %v", err)
	}
	if err := drop.Disarm(); err != nil {
		t.Fatal(err)
	}
	var want []netip.AddrPort
	for range 3 {
		conn := mustDial(t, server)
		talks(t, conn)
		want = append(want, conn.LocalAddr().(*net.TCPAddr).AddrPort())
	}
	h := hits(t, count)
	if h.Packets != 4 || h.Attempts != 4 {
		t.Errorf("hits = %+v, want 4 packets, 4 attempts", h)
	}
	for _, source := range want {
		if !slices.Contains(h.Sources, source) {
			t.Errorf("sources %v lack %v", h.Sources, source)
		}
	}
}

func TestUnspecifiedAddressMeansEveryAddress(t *testing.T) {
	f, server := opened(t), echo(t, "::")
	r := arm(t, f, RejectReset, server)
	for _, host := range []string{"127.0.0.1", "127.0.0.2", "::1"} {
		to := netip.AddrPortFrom(netip.MustParseAddr(host), server.Port())
		if _, err := dial(t, to, time.Second); !errors.Is(err, unix.ECONNREFUSED) {
			t.Errorf("dial %v = %v, want ECONNREFUSED", to, err)
		}
	}
	if h := hits(t, r); h.Attempts != 3 {
		t.Errorf("hits = %+v, want 3 attempts", h)
	}
}

func TestOtherAddressAndPortAreUntouched(t *testing.T) {
	f, a, b := opened(t), echo(t, "127.0.0.2"), echo(t, "127.0.0.1")
	arm(t, f, Drop, netip.AddrPortFrom(b.Addr(), a.Port()))
	arm(t, f, Drop, netip.AddrPortFrom(a.Addr(), b.Port()))
	talks(t, mustDial(t, a))
	talks(t, mustDial(t, b))
}

func TestArmConnSilencesOneConnection(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			f, server := opened(t), echo(t, host)
			victim, other := mustDial(t, server), mustDial(t, server)
			talks(t, victim)
			r, err := f.ArmConn(server, victim.LocalAddr().(*net.TCPAddr).AddrPort())
			if err != nil {
				t.Fatal(err)
			}
			if err := exchange(victim, 300*time.Millisecond); err == nil {
				t.Error("an answer reached the silenced client")
			}
			talks(t, other)
			talks(t, mustDial(t, server))
			if h := hits(t, r); h.Packets == 0 || h.Bytes == 0 || h.Attempts != 0 {
				t.Errorf("hits = %+v, want packets but no attempts", h)
			}
			if err := r.Disarm(); err != nil {
				t.Fatal(err)
			}
			victim.SetDeadline(time.Now().Add(5 * time.Second))
			if _, err := victim.Read(make([]byte, 5)); err != nil {
				t.Errorf("the retransmission did not get through after Disarm: %v", err)
			}
		})
	}
}

func TestDisarmRestoresAndKeepsTheReading(t *testing.T) {
	f, server := opened(t), echo(t, "127.0.0.1")
	r := arm(t, f, RejectReset, server)
	dial(t, server, time.Second)
	for range 2 {
		if err := r.Disarm(); err != nil {
			t.Fatal(err)
		}
	}
	talks(t, mustDial(t, server))
	if h := hits(t, r); h.Attempts != 1 {
		t.Errorf("hits after Disarm = %+v, want the last reading", h)
	}
}

func TestCloseDisarmsEverything(t *testing.T) {
	f, server := opened(t), echo(t, "127.0.0.1")
	r := arm(t, f, RejectReset, server)
	dial(t, server, time.Second)
	for range 2 {
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	talks(t, mustDial(t, server))
	if err := r.Disarm(); err != nil {
		t.Errorf("Disarm after Close: %v", err)
	}
	if h := hits(t, r); h.Attempts != 1 {
		t.Errorf("hits after Close = %+v, want the last reading", h)
	}
	if _, err := f.Arm(Drop, server); !errors.Is(err, errClosed) {
		t.Errorf("Arm after Close = %v", err)
	}
}

func TestManyAtOnce(t *testing.T) {
	f := opened(t)
	var all sync.WaitGroup
	for range 20 {
		server := echo(t, "127.0.0.1")
		all.Go(func() {
			r, err := f.Arm(RejectReset, server)
			if err != nil {
				t.Error(err)
				return
			}
			for range 5 {
				if _, err := dial(t, server, 900*time.Millisecond); !errors.Is(err, unix.ECONNREFUSED) {
					t.Errorf("dial = %v, want ECONNREFUSED", err)
				}
			}
			if h, err := r.Hits(); err != nil || h.Attempts != 5 {
				t.Errorf("hits = %+v, %v, want 5 attempts", h, err)
			}
			if err := r.Disarm(); err != nil {
				t.Error(err)
			}
			talks(t, mustDial(t, server))
		})
	}
	all.Wait()
}

func TestMistakesAreExplained(t *testing.T) {
	f := opened(t)
	addr := netip.MustParseAddrPort("127.0.0.1:80")
	for name, c := range map[string]struct {
		arm  func() (*Rule, error)
		want string
	}{
		"action": {func() (*Rule, error) { return f.Arm("explode", addr) }, "choose one of [drop"},
		"port":   {func() (*Rule, error) { return f.Arm(Drop, netip.MustParseAddrPort("127.0.0.1:0")) }, "not an address with a port"},
		"family": {func() (*Rule, error) { return f.ArmConn(addr, netip.MustParseAddrPort("[::1]:80")) }, "two ends of one connection"},
	} {
		if _, err := c.arm(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestRelaxICMP(t *testing.T) {
	if err := RelaxICMP(); errors.Is(err, unix.EROFS) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
}

func BenchmarkArm(b *testing.B) {
	f, server := opened(b), netip.MustParseAddrPort("127.0.0.1:9")
	var slowest, total time.Duration
	for b.Loop() {
		start := time.Now()
		r := arm(b, f, Drop, server)
		took := time.Since(start)
		slowest, total = max(slowest, took), total+took
		if err := r.Disarm(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(total.Microseconds())/1000/float64(b.N), "ms/arm")
	b.ReportMetric(float64(slowest.Microseconds())/1000, "ms-slowest/arm")
}
