package upstream_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/gatefault/gatefault/upstream"
)

// benchEndpoint is an endpoint with a plan of these rules.
func benchEndpoint(tb testing.TB, rules ...upstream.Rule) *upstream.Endpoint {
	tb.Helper()
	up, err := upstream.New(upstream.Options{JournalSize: 1024})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = up.Close() })
	ep, err := up.Listen(upstream.EndpointConfig{Address: "127.0.0.1:0"})
	if err == nil {
		err = ep.SetPlan(context.Background(), upstream.Plan{Rules: rules}, upstream.Keep)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return ep
}

var asked = []byte("GET /some/path?with=query HTTP/1.1\r\nHost: bench.example\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n")

// client asks on one connection, and leaves no garbage that would be counted as the upstream's.
type client struct {
	conn   net.Conn
	answer []byte
}

func newClient(tb testing.TB, ep *upstream.Endpoint) *client {
	tb.Helper()
	c, err := net.Dial("tcp", ep.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	return &client{c, make([]byte, 4096)}
}

func (c *client) ask(tb testing.TB) {
	if _, err := c.conn.Write(asked); err != nil {
		tb.Fatal(err)
	}
	if n, err := c.conn.Read(c.answer); err != nil || string(c.answer[:12]) != "HTTP/1.1 200" {
		tb.Fatalf("%q, %v", c.answer[:n], err)
	}
}

// A healthy answer makes no garbage, journal included: neither the plan's rules that do not fit nor the request's text.
func TestHealthyAnswersDoNotAllocate(t *testing.T) {
	for name, rules := range map[string][]upstream.Rule{
		"no plan": nil,
		"rules":   {{Fault: "head.garbage", Match: upstream.Match{Method: "POST"}}, {Fault: "head.garbage", Match: upstream.Match{Path: "/other/*"}}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t, benchEndpoint(t, rules...))
			for range 2000 { // every slot of the journal has room for the target then
				c.ask(t)
			}
			if n := testing.AllocsPerRun(500, func() { c.ask(t) }); n > 0 {
				t.Errorf("%.0f allocations for each answer", n)
			}
		})
	}
}

func BenchmarkHealthy(b *testing.B) {
	for _, rules := range []int{0, 10} {
		b.Run(fmt.Sprintf("rules=%d", rules), func(b *testing.B) {
			all := make([]upstream.Rule, rules)
			for i := range all {
				all[i] = upstream.Rule{Fault: "head.garbage", Match: upstream.Match{Path: fmt.Sprintf("/other/%d/*", i)}}
			}
			c := newClient(b, benchEndpoint(b, all...))
			b.ReportAllocs()
			for b.Loop() {
				c.ask(b)
			}
		})
	}
}

func BenchmarkFault(b *testing.B) {
	c := newClient(b, benchEndpoint(b, upstream.Rule{Script: "read-request\nrespond 200 \"ok\""}))
	b.ReportAllocs()
	for b.Loop() {
		c.ask(b)
	}
}

func BenchmarkAccept(b *testing.B) {
	for _, name := range []string{"tcp.accept-close", "tcp.accept-reset"} {
		b.Run(name, func(b *testing.B) {
			addr := benchEndpoint(b, upstream.Rule{Fault: name}).Addr().String()
			b.ReportAllocs()
			for b.Loop() {
				c, err := net.Dial("tcp", addr)
				if err != nil {
					b.Fatal(err)
				}
				_ = c.(*net.TCPConn).SetLinger(0)
				_, _ = c.Write(asked)
				_, _ = io.ReadAll(c)
				_ = c.Close()
			}
		})
	}
}

func BenchmarkJournal(b *testing.B) {
	up, err := upstream.New(upstream.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer up.Close()
	e := upstream.Event{Kind: upstream.Requested, Endpoint: "app", Conn: 7, Request: 3, Method: http.MethodGet, Target: "/some/path", Status: 200}
	b.ReportAllocs()
	for b.Loop() {
		up.Journal().Add(e)
	}
}

// BenchmarkStalled tells what connections cost that wait in a fault: bytes of the heap and of stacks.
func BenchmarkStalled(b *testing.B) {
	ep := benchEndpoint(b, upstream.Rule{Fault: "head.slow", Params: map[string]string{"delay": "1h"}})
	var before, after runtime.MemStats
	for b.Loop() {
		const n = 2000
		runtime.GC()
		runtime.ReadMemStats(&before)
		conns := make([]net.Conn, n)
		for i := range conns {
			c, err := net.Dial("tcp", ep.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			_ = c.(*net.TCPConn).SetLinger(0)
			_, _ = c.Write(asked)
			conns[i] = c
		}
		for _, requests := ep.Counts(); requests%n != 0; _, requests = ep.Counts() {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(100 * time.Millisecond)
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "heap-B/conn")
		b.ReportMetric(float64(after.StackInuse-before.StackInuse)/n, "stack-B/conn")
		for _, c := range conns {
			_ = c.Close()
		}
		for open, _ := ep.Counts(); open > 0; open, _ = ep.Counts() {
			time.Sleep(time.Millisecond)
		}
	}
}

// BenchmarkDelay has 1,000 connections wait at once, each time a millisecond; its time is that of all of them.
func BenchmarkDelay(b *testing.B) {
	ep := benchEndpoint(b, upstream.Rule{Fault: "head.slow", Params: map[string]string{"delay": "1ms"}})
	clients := make([]*client, 1000)
	for i := range clients {
		clients[i] = newClient(b, ep)
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, c := range clients {
			if _, err := c.conn.Write(asked); err != nil {
				b.Fatal(err)
			}
		}
		for _, c := range clients {
			if _, err := c.conn.Read(c.answer); err != nil {
				b.Fatal(err)
			}
		}
	}
}
