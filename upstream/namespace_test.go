//go:build linux

package upstream_test

import (
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/firewall/netns"
)

// insideVariable tells a test that it runs in a network namespace of its own.
const insideVariable = "GATEFAULT_TEST_INSIDE"

// TestFirewallFaults runs the tests named TestInside... in a network namespace of their own: rules never touch the host's.
func TestFirewallFaults(t *testing.T) {
	if os.Getenv(insideVariable) != "" {
		t.Skip("this is the inside")
	}
	cmd := netns.Command(t.Context(), os.Args[0], "-test.run=^TestInside", "-test.v")
	cmd.Env = append(os.Environ(), insideVariable+"=1")
	out, err := cmd.CombinedOutput()
	if os.IsPermission(err) {
		t.Skipf("this system forbids network namespaces: %v", err)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: TestInside") {
		t.Fatalf("%v\n%s", err, out)
	}
}

// inside gives an upstream with a firewall, or skips outside of the namespace.
func inside(t *testing.T) (*upstream.Upstream, *upstream.Endpoint) {
	t.Helper()
	if os.Getenv(insideVariable) == "" {
		t.Skip("TestFirewallFaults runs this in a network namespace")
	}
	if err := netns.LoopbackUp(); err != nil {
		t.Fatal(err)
	}
	up, err := upstream.New(upstream.Options{OwnNamespace: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = up.Close() })
	ep, err := up.Listen(upstream.EndpointConfig{ID: "app", Address: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	return up, ep
}

func TestInsideConnectFaults(t *testing.T) {
	for name, want := range map[string]error{
		"tcp.drop-syn":     os.ErrDeadlineExceeded,
		"tcp.reject-reset": syscall.ECONNREFUSED,
		"tcp.reject-host":  syscall.EHOSTUNREACH,
		"tcp.reject-admin": syscall.EHOSTUNREACH,
		"tcp.refuse":       syscall.ECONNREFUSED,
		"tcp.drop-replies": os.ErrDeadlineExceeded,
		"load.backlog":     os.ErrDeadlineExceeded,
	} {
		t.Run(name, func(t *testing.T) {
			up, ep := inside(t)
			other, err := up.Listen(upstream.EndpointConfig{ID: "other", Address: "127.0.0.1:0"})
			if err != nil {
				t.Fatal(err)
			}
			setPlan(t, ep, upstream.Rule{Fault: name})
			_, err = net.DialTimeout("tcp", ep.Addr().String(), 1300*time.Millisecond)
			if timedOut := want == os.ErrDeadlineExceeded && isTimeout(err); !timedOut && !errors.Is(err, want) {
				t.Errorf("dial: %v, want %v", err, want)
			}
			got, _ := talk(t, other, get)
			wantPrefix(t, got, "HTTP/1.1 200 OK\r\n")
			if err := ep.Clear(t.Context()); err != nil {
				t.Fatal(err)
			}
			got, _ = talk(t, ep, get)
			wantPrefix(t, got, "HTTP/1.1 200 OK\r\n")
			e := await(t, up, "the kernel's counter", kind(upstream.KernelSaw))
			if e.Fault != name || e.Attempts != 1 || e.Packets == 0 {
				t.Errorf("the kernel counted %+v, want one attempt that met %s", e, name)
			}
		})
	}
}

func TestInsideEstablishedConnectionIsDropped(t *testing.T) {
	up, ep := inside(t)
	setPlan(t, ep, upstream.Rule{Fault: "tcp.drop-established", Match: upstream.Match{Path: "/lost"}})
	c := dial(t, ep)
	_, _ = io.WriteString(c, strings.Replace(get, "/ ", "/lost ", 1))
	_ = c.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	if n, err := c.Read(make([]byte, 1)); n > 0 || !isTimeout(err) {
		t.Errorf("got %d bytes and %v, want silence", n, err)
	}
	got, _ := talk(t, ep, get)
	wantPrefix(t, got, "HTTP/1.1 200 OK\r\n")
	if err := ep.Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	e := await(t, up, "the kernel's counter", kind(upstream.KernelSaw))
	if e.Target != "/lost" || e.Packets == 0 {
		t.Errorf("the kernel counted %+v, want packets of the request for /lost", e)
	}
}

func TestInsideOneArmedRuleEndsAlone(t *testing.T) {
	up, ep := inside(t)
	setPlan(t, ep, upstream.Rule{Fault: "tcp.drop-syn", For: upstream.Duration(100 * time.Millisecond)}, upstream.Rule{Fault: "tcp.refuse"})
	await(t, up, "the end of the first rule", func(e upstream.Event) bool { return e.Kind == upstream.KernelSaw && e.Fault == "tcp.drop-syn" })
	if _, err := net.Dial("tcp", ep.Addr().String()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dial: %v, want the second rule to refuse", err)
	}
}

func TestInsideArmedRulesEndInTime(t *testing.T) {
	up, ep := inside(t)
	setPlan(t, ep, upstream.Rule{Fault: "tcp.refuse", For: upstream.Duration(200 * time.Millisecond)})
	if _, err := net.Dial("tcp", ep.Addr().String()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dial: %v, want connection refused", err)
	}
	await(t, up, "the end of the rule", kind(upstream.KernelSaw))
	deadline := time.Now().Add(2 * time.Second)
	for {
		c, err := net.Dial("tcp", ep.Addr().String())
		if err == nil {
			_ = c.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still refused after its time: %v", err)
		}
	}
}

// Faults of a bad path: the answer comes, but late.
func TestInsideSlowPaths(t *testing.T) {
	for name, c := range map[string]struct {
		params      map[string]string
		least, most time.Duration
	}{
		"tcp.loss":      {map[string]string{"percent": "30"}, 900 * time.Millisecond, 3 * time.Second},
		"tcp.latency":   {map[string]string{"delay": "150ms"}, 300 * time.Millisecond, 900 * time.Millisecond},
		"tcp.slow-link": {map[string]string{"rate": "32768", "size": "16384"}, 500 * time.Millisecond, 900 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			up, ep := inside(t)
			if reason := up.Abilities().Shaping; reason != "yes" && name != "tcp.loss" {
				t.Skip(reason)
			}
			setPlan(t, ep, upstream.Rule{Fault: name, Params: c.params})
			began := time.Now()
			got, _ := talk(t, ep, get)
			if took := time.Since(began); took < c.least || took > c.most {
				t.Errorf("the answer took %v, want %v to %v", took, c.least, c.most)
			}
			wantPrefix(t, got, "HTTP/1.1 200 OK\r\n")
			if err := ep.Clear(t.Context()); err != nil {
				t.Fatal(err)
			}
			if e := await(t, up, "the kernel's counter", kind(upstream.KernelSaw)); e.Attempts != 1 || e.Packets == 0 {
				t.Errorf("the kernel counted %+v", e)
			}
		})
	}
}

func TestInsideBacklogIsFullForEveryAttempt(t *testing.T) {
	up, ep := inside(t)
	for range 3 { // armed and cleared again and again
		setPlan(t, ep, upstream.Rule{Fault: "load.backlog"})
		if _, err := net.DialTimeout("tcp", ep.Addr().String(), 100*time.Millisecond); !isTimeout(err) {
			t.Errorf("dial: %v, want a timeout", err)
		}
		if err := ep.Clear(t.Context()); err != nil {
			t.Fatal(err)
		}
		got, _ := talk(t, ep, get)
		wantPrefix(t, got, "HTTP/1.1 200 OK\r\n")
	}
	if page := up.Journal().After(0, upstream.Filter{Kind: upstream.Failed}, 10); len(page.Events) > 0 {
		t.Errorf("failed: %+v", page.Events)
	}
}

func TestInsideEgressIsDenied(t *testing.T) {
	up, ep := inside(t)
	out, err := up.Listen(upstream.EndpointConfig{ID: "out", Kind: upstream.Egress, Address: ep.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	setPlan(t, out, upstream.Rule{Fault: "egress.denied"})
	if _, err := net.Dial("tcp", ep.Addr().String()); !errors.Is(err, syscall.EACCES) {
		t.Errorf("dial: %v, want EACCES", err)
	}
	if err := out.Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, _ := talk(t, ep, get)
	wantPrefix(t, got, "HTTP/1.1 200 OK\r\n")
	if n := len(up.Journal().After(0, upstream.Filter{Kind: upstream.Verified}, 10).Events); n != 2 {
		t.Errorf("verified %d times, want before and after", n)
	}
	for _, name := range []string{"egress.denied", "tcp.refuse"} {
		wrong := map[string]*upstream.Endpoint{"egress.denied": ep, "tcp.refuse": out}[name]
		if err := wrong.SetPlan(t.Context(), upstream.Plan{Rules: []upstream.Rule{{Fault: name}}}, upstream.Keep); !errors.Is(err, upstream.ErrUnsupported) {
			t.Errorf("%s at an endpoint of kind %s: %v", name, wrong.Kind(), err)
		}
	}
}
