package upstream_test

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/fault"
)

// together makes n requests at once and counts their status lines; a connection closed without a byte is "".
func together(ep *upstream.Endpoint, n int) map[string]int {
	status := make(chan string, n)
	for range n {
		go func() {
			c, err := net.Dial("tcp", ep.Addr().String())
			if err != nil {
				status <- err.Error()
				return
			}
			defer c.Close()
			_, _ = io.WriteString(c, get)
			line, _ := bufio.NewReader(c).ReadString('\n')
			_, line, _ = strings.Cut(strings.TrimSpace(line), " ")
			status <- line
		}()
	}
	count := map[string]int{}
	for range n {
		count[<-status]++
	}
	return count
}

// fired counts how often a fault took effect.
func fired(up *upstream.Upstream, name string) (n int) {
	for _, e := range up.Journal().After(0, upstream.Filter{Kind: upstream.Fired}, 1000).Events {
		if e.Fault == name {
			n++
		}
	}
	return n
}

func TestLoadFaultsFireOnlyWhereTheyTakeEffect(t *testing.T) {
	for name, c := range map[string]struct {
		params fault.Args
		want   map[string]int // status of four requests at once
		fired  int
	}{
		"load.saturate": {fault.Args{"workers": "1", "queue": "1", "service": "200ms"},
			map[string]int{"200 OK": 2, "503 Service Unavailable": 2}, 3},
		"load.shed": {fault.Args{"workers": "1", "service": "200ms"},
			map[string]int{"200 OK": 1, "503 Service Unavailable": 3}, 3},
		"load.slow-dependency":  {fault.Args{"workers": "4", "every": "2", "delay": "10ms"}, map[string]int{"200 OK": 4}, 2},
		"load.connection-limit": {fault.Args{"limit": "1", "service": "200ms"}, map[string]int{"200 OK": 1, "": 3}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			up, ep := start(t, upstream.EndpointConfig{})
			setPlan(t, ep, upstream.Rule{Fault: name, Params: c.params})
			got := together(ep, 4)
			for status, n := range c.want {
				if got[status] != n {
					t.Errorf("got %v, want %v", got, c.want)
				}
			}
			if n := fired(up, name); n != c.fired {
				t.Errorf("fired %d times, want %d", n, c.fired)
			}
		})
	}
}

// The requests that need nothing of the dependency wait for the workers that do.
func TestSlowDependencyHoldsAllWorkers(t *testing.T) {
	up, ep := start(t, upstream.EndpointConfig{})
	setPlan(t, ep, upstream.Rule{Fault: "load.slow-dependency", Params: fault.Args{"workers": "1", "every": "2", "delay": "1h"}})
	got, _ := talk(t, ep, get)
	wantPrefix(t, got, "HTTP/1.1 200 OK\r\n")
	second, third := dial(t, ep), dial(t, ep)
	_, _ = io.WriteString(second, get)
	await(t, up, "the request that calls the dependency", kind(upstream.Fired))
	_, _ = io.WriteString(third, get)
	_ = third.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if n, err := third.Read(make([]byte, 1)); n > 0 || !isTimeout(err) {
		t.Fatalf("got %d bytes, %v from a server whose only worker waits", n, err)
	}
	if err := ep.Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, _ = talk(t, ep, get)
	wantPrefix(t, got, "HTTP/1.1 200 OK\r\n")
}

func TestAConnectionThatEndsMakesRoomForAnother(t *testing.T) {
	_, ep := start(t, upstream.EndpointConfig{})
	setPlan(t, ep, upstream.Rule{Fault: "load.connection-limit", Params: fault.Args{"limit": "1", "service": "1ms"}})
	for served, deadline := 0, time.Now().Add(5*time.Second); served < 3; {
		got, _ := talk(t, ep, get)
		if strings.HasPrefix(got, "HTTP/1.1 200 OK\r\n") {
			served++
		} else if time.Now().After(deadline) {
			t.Fatalf("%d served; the places of ended connections stay taken", served)
		}
	}
}
