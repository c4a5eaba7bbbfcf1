package upstream_test

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatefault/gatefault/upstream"
)

// Once a plan that arms the endpoint is in force, nobody gets through, whatever was connecting meanwhile.
func TestArmingIsAtomic(t *testing.T) {
	_, ep := start(t, upstream.EndpointConfig{})
	var armed atomic.Bool
	var late atomic.Int64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				c, err := net.Dial("tcp", ep.Addr().String())
				if err != nil {
					continue
				}
				was := armed.Load()
				_, _ = io.WriteString(c, get)
				b, _ := io.ReadAll(c)
				if was && armed.Load() && strings.HasPrefix(string(b), "HTTP/1.1 200") {
					late.Add(1)
				}
				_ = c.Close()
			}
		})
	}
	for range 30 {
		setPlan(t, ep, upstream.Rule{Fault: "tcp.refuse"})
		armed.Store(true)
		time.Sleep(2 * time.Millisecond) // a while in which nobody may get through
		armed.Store(false)
		if err := ep.Clear(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	wg.Wait()
	if n := late.Load(); n > 0 {
		t.Errorf("%d requests were answered by an endpoint that refuses", n)
	}
}

func TestConnectionsAreCountedPerEndpoint(t *testing.T) {
	up, ep := start(t, upstream.EndpointConfig{})
	other, err := up.Listen(upstream.EndpointConfig{ID: "other", Address: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	setPlan(t, ep, upstream.Rule{Fault: "app.503", Match: upstream.Match{Connection: "1"}})
	got, _ := talk(t, other, get)
	wantPrefix(t, got, "HTTP/1.1 200 ")
	got, _ = talk(t, ep, get)
	wantPrefix(t, got, "HTTP/1.1 503 ")
	got, _ = talk(t, ep, get)
	wantPrefix(t, got, "HTTP/1.1 200 ")
}

func TestHangNoticesThatTheClientLeft(t *testing.T) {
	for name, size := range map[string]int{"small request": 0, "more than is read ahead": 20 << 10} {
		t.Run(name, func(t *testing.T) {
			up, ep := start(t, upstream.EndpointConfig{})
			setPlan(t, ep, upstream.Rule{Fault: "tcp.accept-hang"})
			c := dial(t, ep)
			_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nX: "+strings.Repeat("x", size))
			await(t, up, "the hang", kind(upstream.Fired))
			_ = c.Close()
			if e := await(t, up, "the end", kind(upstream.Closed)); e.By != "peer" {
				t.Errorf("ended by %s, want the peer", e.By)
			}
		})
	}
}

func TestJournalKeepsLittleOfLongRequests(t *testing.T) {
	up, ep := start(t, upstream.EndpointConfig{})
	before := heap()
	for i := range 300 {
		long := strings.Repeat("y", 60000)
		_, _ = talk(t, ep, fmt.Sprintf("GET /%d%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", i, long))
		_, _ = talk(t, ep, long+" / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		_, _ = talk(t, ep, "GET / HTTP/1.1\r\n"+long+"\r\n\r\n")
	}
	if grown := heap() - before; grown > 8<<20 {
		t.Errorf("the journal of 900 long requests holds %d MiB", grown>>20)
	}
	runtime.KeepAlive(up)
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestScriptsHeedTheEndOfTheirConnection(t *testing.T) {
	_, ep := start(t, upstream.EndpointConfig{})
	setPlan(t, ep, upstream.Rule{Script: "repeat 100000\nrepeat 100000\nread-request\nend\nend\nclose"})
	c := dial(t, ep)
	_, _ = io.WriteString(c, get)
	if err := ep.Clear(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestUnreadBodiesAreNoRequests(t *testing.T) {
	up, ep := start(t, upstream.EndpointConfig{InBand: true})
	setPlan(t, ep, upstream.Rule{Script: "respond 200", Match: upstream.Match{Path: "/post"}})
	smuggled := "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
	for _, head := range []string{"POST /post HTTP/1.1\r\n", "POST / HTTP/1.1\r\nGatefault: app.999\r\n"} {
		request := fmt.Sprintf("%sHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", head, len(smuggled), smuggled)
		_, _ = talk(t, ep, strings.Replace(request, "Connection: close\r\n", "", 1)+get)
	}
	for _, e := range up.Journal().After(0, upstream.Filter{}, 1000).Events {
		if e.Target == "/smuggled" {
			t.Errorf("a body was taken for a request: %+v", e)
		}
	}
}

func TestOnlyKnownNamesAreReplaced(t *testing.T) {
	_, ep := start(t, upstream.EndpointConfig{})
	setPlan(t, ep, upstream.Rule{Script: "read-request\nsend \"${nope} $5 $$ $x ${endpoint}\"\nclose"})
	if got, _ := talk(t, ep, get); got != "${nope} $5 $$ $x app" {
		t.Errorf("got %q", got)
	}
}

func TestScriptsNeedWhatTheirVerbsNeed(t *testing.T) {
	_, ep := start(t, upstream.EndpointConfig{})
	for _, verb := range []string{"kill", "eat-memory", "drop-connection"} {
		err := ep.SetPlan(t.Context(), upstream.Plan{Rules: []upstream.Rule{{Script: "read-request\n" + verb}}}, upstream.Keep)
		if err == nil || !strings.Contains(err.Error(), "not supported here") {
			t.Errorf("%s: %v", verb, err)
		}
	}
}
