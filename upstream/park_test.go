package upstream_test

import (
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gatefault/gatefault/upstream"
)

// waiting opens n connections whose requests meet a fault that waits, and gives them once all wait.
func waiting(t *testing.T, up *upstream.Upstream, ep *upstream.Endpoint, n int) []net.Conn {
	t.Helper()
	conns := make([]net.Conn, n)
	for i := range conns {
		conns[i] = dial(t, ep)
		_, _ = io.WriteString(conns[i], "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
	}
	for deadline := time.Now().Add(5 * time.Second); len(up.Journal().After(0, upstream.Filter{Kind: upstream.Fired}, n).Events) < n; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not all connections met the fault")
		}
	}
	return conns
}

// awaitGoroutines waits until no more than that many run.
func awaitGoroutines(t *testing.T, most int) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > most; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines run, want no more than %d", runtime.NumGoroutine(), most)
		}
	}
}

// Connections that wait hold no goroutine each, and every way on from there is still open to them.
func TestConnectionsThatWaitAreParked(t *testing.T) {
	const n = 200
	for name, c := range map[string]struct {
		script string
		wake   func(t *testing.T, ep *upstream.Endpoint, conns []net.Conn)
		begins string // of what the client gets; empty: nothing
		events map[upstream.EventKind]int
	}{
		"their time comes": {"read-request\nsleep 3s\nrespond 200 \"late\"\nclose", nil, "HTTP/1.1 200 ", map[upstream.EventKind]int{upstream.Closed: n}},
		"the rest of a block and of the script follows": {"read-request\nrepeat 2\nsleep 3s\nsend \"x\"\nend\nsend \"y\"\nclose", nil, "xxy", nil},
		"the peer closes": {"read-request\nstall", func(_ *testing.T, _ *upstream.Endpoint, conns []net.Conn) {
			for _, c := range conns {
				_ = c.(*net.TCPConn).CloseWrite()
			}
		}, "", map[upstream.EventKind]int{upstream.PeerClosed: n, upstream.Closed: n}},
		"the peer closes before their time": {"read-request\nsleep 3s\nsend \"late\"\nclose", func(_ *testing.T, _ *upstream.Endpoint, conns []net.Conn) {
			for _, c := range conns {
				_ = c.(*net.TCPConn).CloseWrite()
			}
		}, "late", map[upstream.EventKind]int{upstream.PeerClosed: n, upstream.Closed: n}},
		"the peer goes on sending": {"read-request\nsleep 3s\nrespond 200 \"late\"\nclose", func(_ *testing.T, _ *upstream.Endpoint, conns []net.Conn) {
			for _, c := range conns {
				_, _ = io.WriteString(c, "more")
			}
		}, "HTTP/1.1 200 ", nil},
		"the plan changes": {"read-request\nstall", func(t *testing.T, ep *upstream.Endpoint, _ []net.Conn) {
			if err := ep.Clear(t.Context()); err != nil {
				t.Error(err)
			}
		}, "", map[upstream.EventKind]int{upstream.Closed: n}},
	} {
		t.Run(name, func(t *testing.T) {
			up, ep := start(t, upstream.EndpointConfig{})
			setPlan(t, ep, upstream.Rule{Script: c.script})
			before := runtime.NumGoroutine()
			conns := waiting(t, up, ep, n)
			if c.wake == nil || name == "the plan changes" {
				awaitGoroutines(t, before+10)
			}
			if c.wake != nil {
				c.wake(t, ep, conns)
			}
			for _, conn := range conns {
				got, _ := io.ReadAll(conn)
				if !strings.HasPrefix(string(got), c.begins) || c.begins == "" && len(got) > 0 {
					t.Fatalf("the client got %q", got)
				}
				_ = conn.Close()
			}
			for open, _ := ep.Counts(); open > 0; open, _ = ep.Counts() {
				time.Sleep(time.Millisecond)
			}
			for kind, want := range c.events {
				if got := len(up.Journal().After(0, upstream.Filter{Kind: kind}, 10*n).Events); got != want {
					t.Errorf("%d events %s, want %d", got, kind, want)
				}
			}
		})
	}
}
