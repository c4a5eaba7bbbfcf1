package firewall

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestDropRepliesIsOneWay(t *testing.T) {
	f, server := opened(t), echo(t, "127.0.0.1")
	before := mustDial(t, server)
	r := arm(t, f, DropReplies, server)
	_, err := dial(t, server, 1200*time.Millisecond)
	if e, ok := errors.AsType[net.Error](err); !ok || !e.Timeout() {
		t.Errorf("dial = %v, want a timeout", err)
	}
	if err := exchange(before, 300*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("an answer came back: %v", err)
	}
	if h := hits(t, r); h.Packets < 3 || h.Attempts != 2 {
		t.Errorf("hits = %+v, want the answers to two peers", h)
	}
	if err := r.Disarm(); err != nil {
		t.Fatal(err)
	}
	before.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := before.Read(make([]byte, 5)); err != nil {
		t.Errorf("the answer did not come after Disarm: %v", err)
	}
}

// A gateway ends a connection that we closed a moment before the rule: our acknowledgement is dropped, and nobody was refused anything.
func TestDropRepliesCountsNoConnectionThatIsOver(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	server := netip.MustParseAddrPort(l.Addr().String())
	client := mustDial(t, server)
	accepted, err := l.Accept()
	if err == nil {
		err = accepted.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Fatalf("read = %v, want the server's FIN", err)
	}
	r := arm(t, opened(t), DropReplies, server)
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	h := hits(t, r)
	for deadline := time.Now().Add(5 * time.Second); h.Packets == 0 && time.Now().Before(deadline); h = hits(t, r) {
		time.Sleep(time.Millisecond)
	}
	if h.Packets == 0 || h.Attempts != 0 {
		t.Errorf("hits = %+v, want packets without an attempt", h)
	}
}

func TestLossIsDeterministic(t *testing.T) {
	for range 3 {
		f, server := opened(t), echo(t, "127.0.0.1")
		r, err := f.ArmLoss(netip.AddrPortFrom(netip.IPv4Unspecified(), server.Port()), 30)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		conn := mustDial(t, server)
		if took := time.Since(start); took < 900*time.Millisecond {
			t.Errorf("connected in %v, but the first SYN is lost", took)
		}
		talks(t, conn)
		if h := hits(t, r); h.Packets < 1 || h.Packets > 2 || h.Attempts != 1 {
			t.Errorf("hits = %+v, want 1 lost packet, or 2 with the acknowledgement of the answer", h)
		}
	}
}

func TestSpreadLosesEvenly(t *testing.T) {
	for percent := 1; percent <= 100; percent++ {
		if got := spread(percent); len(got) != percent || got[0] != 0 {
			t.Errorf("%d %%: %v", percent, got)
		}
	}
	if got := spread(30)[:4]; !slices.Equal(got, []uint32{0, 4, 7, 10}) {
		t.Errorf("30 %% begins with %v", got)
	}
}

// shaped is a rule that needs queues, on a kernel that has them.
func shaped(t testing.TB, r *Rule, err error) *Rule {
	t.Helper()
	if errors.Is(err, ErrUnavailable) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestDelayHoldsWhatArrivesBack(t *testing.T) {
	f, server, other := opened(t), echo(t, "127.0.0.1"), echo(t, "127.0.0.1")
	const delay = 200 * time.Millisecond
	r, err := f.ArmDelay(server, delay)
	r = shaped(t, r, err)
	start := time.Now()
	conn := mustDial(t, server)
	if took := time.Since(start); took < delay || took > 4*delay {
		t.Errorf("connected in %v, want %v", took, delay)
	}
	start = time.Now()
	talks(t, conn)
	if took := time.Since(start); took < delay || took > 4*delay {
		t.Errorf("the echo took %v, want %v", took, delay)
	}
	start = time.Now()
	talks(t, mustDial(t, other))
	if took := time.Since(start); took > delay/2 {
		t.Errorf("another address took %v", took)
	}
	if h := hits(t, r); h.Packets < 3 || h.Attempts != 1 {
		t.Errorf("hits = %+v", h)
	}
}

func TestDisarmLetsHeldPacketsGo(t *testing.T) {
	f, server := opened(t), echo(t, "127.0.0.1")
	r, err := f.ArmDelay(server, time.Minute)
	r = shaped(t, r, err)
	done := make(chan error, 1)
	go func() {
		conn, err := net.DialTimeout("tcp", server.String(), 900*time.Millisecond) // before the SYN is sent again
		if err == nil {
			conn.Close()
		}
		done <- err
	}()
	for hits(t, r).Packets == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := r.Disarm(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("the SYN was not let go: %v", err)
	}
}

func TestCloseLetsHeldPacketsGo(t *testing.T) {
	f, server := opened(t), echo(t, "127.0.0.1")
	conn := mustDial(t, server)
	r, err := f.ArmDelay(server, time.Minute)
	shaped(t, r, err)
	conn.SetDeadline(time.Now().Add(2 * time.Second))
	conn.Write([]byte("hello"))
	for hits(t, r).Packets == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, 5)); err != nil {
		t.Errorf("no echo after Close: %v", err)
	}
}

func TestRateIsHeld(t *testing.T) {
	f, server := opened(t), flood(t, 64<<10)
	const rate = 64 << 10
	r, err := f.ArmRate(server, rate)
	r = shaped(t, r, err)
	start := time.Now()
	conn := mustDial(t, server)
	n, err := io.Copy(io.Discard, conn)
	took := time.Since(start)
	if n != 64<<10 || err != nil {
		t.Fatalf("got %d bytes, %v", n, err)
	}
	if took < 950*time.Millisecond || took > 2*time.Second {
		t.Errorf("%d bytes at %d bytes per second took %v", n, rate, took)
	}
	if h := hits(t, r); h.Bytes < uint64(n) || h.Attempts != 1 {
		t.Errorf("hits = %+v", h)
	}
}

// flood sends size bytes to whoever connects, and closes.
func flood(t testing.TB, size int) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Write([]byte(strings.Repeat("x", size)))
			conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().(*net.TCPAddr).AddrPort()
}

func TestQueuesAreSharedByFirewalls(t *testing.T) {
	var rules []*Rule
	for range 3 {
		r, err := opened(t).ArmDelay(echo(t, "127.0.0.1"), 10*time.Millisecond)
		rules = append(rules, shaped(t, r, err))
	}
	if rules[0].shaper.number == rules[1].shaper.number || rules[1].shaper.number == rules[2].shaper.number {
		t.Error("two rules have one queue")
	}
}

func TestCanShape(t *testing.T) {
	if err := opened(t).CanShape(); err != nil && !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
}

func TestShapeMistakesAreExplained(t *testing.T) {
	f, addr := opened(t), netip.MustParseAddrPort("127.0.0.1:80")
	for name, arm := range map[string]func() (*Rule, error){
		"0 %":    func() (*Rule, error) { return f.ArmLoss(addr, 0) },
		"101 %":  func() (*Rule, error) { return f.ArmLoss(addr, 101) },
		"delay":  func() (*Rule, error) { return f.ArmDelay(addr, MaxDelay+1) },
		"rate":   func() (*Rule, error) { return f.ArmRate(addr, MinRate-1) },
		"family": func() (*Rule, error) { return f.ArmRate(netip.MustParseAddrPort("[::1]:80"), MinRate) },
	} {
		if r, err := arm(); err == nil || r != nil {
			t.Errorf("%s: %v, %v", name, r, err)
		}
	}
}

// Rules that come and go must neither cost packets, which the kernel drops when a base chain goes, nor have them held twice.
func TestNeighboursDoNotDropHeldPackets(t *testing.T) {
	f, server, other := opened(t), echo(t, "127.0.0.1"), echo(t, "127.0.0.1")
	r, err := f.ArmDelay(server, 500*time.Millisecond)
	r = shaped(t, r, err)
	neighbour := arm(t, f, Drop, other)
	start := time.Now()
	defer func() {
		if took := time.Since(start); took > 900*time.Millisecond {
			t.Errorf("connected after %v, want 500 ms", took)
		}
	}()
	done := make(chan net.Conn, 1)
	go func() {
		conn, _ := net.DialTimeout("tcp", server.String(), 900*time.Millisecond)
		done <- conn
	}()
	for hits(t, r).Packets == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := neighbour.Disarm(); err != nil {
		t.Fatal(err)
	}
	arm(t, f, Drop, other)
	second, err := f.ArmDelay(other, 500*time.Millisecond)
	shaped(t, second, err)
	conn := <-done
	if conn == nil {
		t.Fatalf("the SYN was lost, after %v", time.Since(start))
	}
	conn.Close()
	if err := errors.Join(r.Disarm(), second.Disarm()); err != nil {
		t.Fatal(err)
	}
	if len(f.idle) > 0 {
		t.Errorf("%d empty chains stay", len(f.idle))
	}
}

func TestProhibitForbidsOneAddressAndPort(t *testing.T) {
	f, server, other := opened(t), echo(t, "127.0.0.1"), echo(t, "127.0.0.1")
	for range 2 {
		undo, err := f.Prohibit(server)
		if errors.Is(err, ErrUnavailable) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := dial(t, server, time.Second); !errors.Is(err, unix.EACCES) {
			t.Errorf("dial = %v, want EACCES", err)
		}
		talks(t, mustDial(t, other))
		if err := undo(); err != nil {
			t.Fatal(err)
		}
		talks(t, mustDial(t, server))
	}
	if _, err := f.Prohibit(netip.MustParseAddrPort("0.0.0.0:80")); err == nil {
		t.Error("every address was prohibited")
	}
}
