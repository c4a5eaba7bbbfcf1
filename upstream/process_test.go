package upstream_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/firewall/netns"
)

func TestCrashReallyKillsTheProcess(t *testing.T) {
	up, ep := start(t, upstream.EndpointConfig{Kind: upstream.Process})
	got, _ := talk(t, ep, get)
	wantPrefix(t, got, "HTTP/1.1 200 OK\r\n")
	setPlan(t, ep, upstream.Rule{Fault: "process.crash"})
	if got, _ := talk(t, ep, get); got != "" {
		t.Errorf("a killed process answered %q", got)
	}
	e := await(t, up, "the wait status", kind(upstream.ProcessEnd))
	if e.How != "SIGKILL" {
		t.Errorf("wait status %q, want SIGKILL", e.How)
	}
	if _, err := net.Dial("tcp", ep.Addr().String()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dial after the crash: %v, want connection refused", err)
	}
	if err := ep.Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, _ = talk(t, ep, get)
	wantPrefix(t, got, "HTTP/1.1 200 OK\r\n")
}

// Clearing while the kill is under way must neither fail nor leave a dead endpoint.
func TestClearRacesWithTheKill(t *testing.T) {
	_, ep := start(t, upstream.EndpointConfig{Kind: upstream.Process})
	for range 10 {
		setPlan(t, ep, upstream.Rule{Fault: "process.crash"})
		if got, _ := talk(t, ep, get); got != "" {
			t.Errorf("a killed process answered %q", got)
		}
		if err := ep.Clear(t.Context()); err != nil {
			t.Fatal(err)
		}
		got, _ := talk(t, ep, get)
		wantPrefix(t, got, "HTTP/1.1 200 OK\r\n")
	}
}

func TestPauseAcceptsAndNeverAnswers(t *testing.T) {
	up, ep := start(t, upstream.EndpointConfig{Kind: upstream.Process})
	setPlan(t, ep, upstream.Rule{Fault: "process.pause"})
	await(t, up, "the wait status", kind(upstream.Stopped))
	c := dial(t, ep) // the kernel accepts
	_, _ = io.WriteString(c, "GET /waits HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n")
	_ = c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	if n, err := c.Read(make([]byte, 1)); n > 0 || !errors.Is(err, syscall.EAGAIN) && !isTimeout(err) {
		t.Fatalf("a stopped process answered: %d bytes, %v", n, err)
	}
	if err := ep.Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	await(t, up, "the request that waited", func(e upstream.Event) bool { return e.Target == "/waits" })
	got, _ := talk(t, ep, get)
	wantPrefix(t, got, "HTTP/1.1 200 OK\r\n")
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

func TestKindChangesOnTheSamePort(t *testing.T) {
	_, ep := start(t, upstream.EndpointConfig{})
	for _, k := range []upstream.Kind{upstream.Process, upstream.HTTP, upstream.Process} {
		if err := ep.SetKind(t.Context(), k); err != nil {
			t.Fatal(err)
		}
		got, _ := talk(t, ep, get)
		wantPrefix(t, got, "HTTP/1.1 200 OK\r\n")
	}
}

// Starting processes side by side must not make one's port look taken by the fork of another.
func TestManyProcessEndpointsAtOnce(t *testing.T) {
	up, _ := start(t, upstream.EndpointConfig{})
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() {
			ep, err := up.Listen(upstream.EndpointConfig{Address: "127.0.0.1:0"})
			if err == nil {
				err = ep.SetKind(t.Context(), upstream.Process)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestSameNameTwice(t *testing.T) {
	up, ep := start(t, upstream.EndpointConfig{})
	for range 2 {
		if _, err := up.Listen(upstream.EndpointConfig{ID: ep.ID(), Address: "127.0.0.1:0"}); !errors.Is(err, upstream.ErrExists) {
			t.Errorf("%v, want it to exist already", err)
		}
	}
	named, err := up.Listen(upstream.EndpointConfig{ID: ep.Addr().String(), Address: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	ep.Close()
	if _, err := up.Listen(upstream.EndpointConfig{Address: ep.Addr().String()}); !errors.Is(err, upstream.ErrExists) {
		t.Errorf("%v, want the name to be taken", err)
	}
	if up.Endpoint(named.ID()) != named {
		t.Error("the endpoint that had the name is lost")
	}
}

func TestUnsupportedFaultsSayWhy(t *testing.T) {
	_, ep := start(t, upstream.EndpointConfig{})
	for _, name := range []string{"tcp.drop-syn", "process.crash", "process.oom"} {
		err := ep.SetPlan(t.Context(), upstream.Plan{Rules: []upstream.Rule{{Fault: name}}}, upstream.Keep)
		if !errors.Is(err, upstream.ErrUnsupported) {
			t.Errorf("%s: %v, want it to be unsupported", name, err)
		}
	}
}

func TestTheHostsNamespaceIsNeverOwn(t *testing.T) {
	if !netns.IsHost() {
		t.Skip("this is not the host's network namespace")
	}
	up, err := upstream.New(upstream.Options{OwnNamespace: true})
	if err != nil {
		t.Fatal(err)
	}
	defer up.Close()
	if can := up.Abilities().Firewall; !strings.Contains(can, "host's network namespace") {
		t.Errorf("firewall: %s", can)
	}
}
