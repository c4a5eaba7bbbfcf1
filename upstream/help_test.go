package upstream_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatefault/gatefault/upstream"
)

// start gives an upstream with one endpoint.
func start(t *testing.T, cfg upstream.EndpointConfig) (*upstream.Upstream, *upstream.Endpoint) {
	t.Helper()
	up, err := upstream.New(upstream.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = up.Close() })
	if cfg.Address == "" {
		cfg.Address = "127.0.0.1:0"
	}
	cfg.ID = "app"
	ep, err := up.Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return up, ep
}

func setPlan(t *testing.T, ep *upstream.Endpoint, rules ...upstream.Rule) {
	t.Helper()
	if err := ep.SetPlan(t.Context(), upstream.Plan{Rules: rules}, upstream.Keep); err != nil {
		t.Fatal(err)
	}
}

func dial(t *testing.T, ep *upstream.Endpoint) net.Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", ep.Addr().String(), 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	return c
}

// talk sends a request on a fresh connection and gives everything that comes back, and how it ended: fin or rst.
func talk(t *testing.T, ep *upstream.Endpoint, request string) (string, string) {
	t.Helper()
	c, err := net.DialTimeout("tcp", ep.Addr().String(), 2*time.Second)
	if isReset(err) {
		return "", "rst"
	}
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, request); err != nil && !isReset(err) {
		t.Fatal(err)
	}
	b, err := io.ReadAll(c)
	switch {
	case err == nil:
		return string(b), "fin"
	case isReset(err):
		return string(b), "rst"
	}
	t.Fatalf("after %q: %v", b, err)
	return "", ""
}

func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

const get = "GET / HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n"

// await waits until the journal has an event that fits.
func await(t *testing.T, up *upstream.Upstream, what string, fits func(upstream.Event) bool) upstream.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	var seq uint64
	for {
		page := up.Journal().After(seq, upstream.Filter{}, 1000)
		for _, e := range page.Events {
			if fits(e) {
				return e
			}
		}
		seq = page.Next
		if err := up.Journal().Wait(ctx, seq); err != nil {
			t.Fatalf("no event: %s", what)
		}
	}
}

func kind(k upstream.EventKind) func(upstream.Event) bool {
	return func(e upstream.Event) bool { return e.Kind == k }
}

func wantPrefix(t *testing.T, got, want string) {
	t.Helper()
	if !strings.HasPrefix(got, want) {
		t.Fatalf("got %q, want it to start with %q", got, want)
	}
}
