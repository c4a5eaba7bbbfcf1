package run_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/suites/run"
	"github.com/gatefault/gatefault/suites/sandbox"
	"github.com/gatefault/gatefault/upstream"
)

// inSandboxes has a subject run on this machine, or skips where that cannot be.
func inSandboxes(t *testing.T, o run.Options, s run.Subject) (run.Options, run.Subject) {
	t.Helper()
	if _, err := gateway.FindBinary(s.Gateway); err != nil {
		t.Skip(err)
	}
	probe, err := sandbox.Open(t.Context(), sandbox.Spec{Root: t.TempDir()})
	if errors.Is(err, sandbox.ErrForbidden) && !strings.Contains(os.Getenv("GATEFAULT_REQUIRE"), "sandboxes") {
		t.Skip(err)
	}
	if err == nil {
		err = probe.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	o.Program = program(t)
	s.Own.Place, s.Own.Program = gateway.PlaceLocal, o.Program
	return o, s
}

func TestServersOfAllKindsAreOursWithoutContainers(t *testing.T) {
	o, s := serversOfAllKinds(t, options(t, allKinds))
	o, s = inSandboxes(t, o, s)
	serveAllKinds(t, o, s)
}

// Without containers, too, the upstream's network is its own, so that the kernel can break it; memory has no limit there.
func TestFaultsBelowHTTPWithoutContainers(t *testing.T) {
	o := options(t, run.Filter{Gateways: []string{"nginx"}, Scenarios: []string{"tcp.drop-syn", "tcp.reject-host", "tcp.latency", "egress.denied", "process.crash", "process.oom"}})
	app := at("app", 80) // the gateway's own port, on another machine
	s := nginx(t, o, `server { listen 80; location / { proxy_pass http://app:80; } }`, app)
	s.Routes = []run.Route{route(o, "app", "/", upstream.HTTP1, app)}
	o, s = inSandboxes(t, o, s)
	for _, r := range check(t, o, s).Results {
		want := run.Standard
		if r.ID == "process.oom" {
			want = run.Unsupported
		}
		if r.Verdict != want || r.Gateway.Place != gateway.PlaceLocal {
			t.Errorf("%s: %s %s (%s)", r.ID, r.Verdict, r.Observed, r.Reason)
		}
	}
	assertNoFolders(t)
}

// A gateway that asks a name server for each request finds one where its configuration says, as in a network of containers.
func TestNameServersWithoutContainers(t *testing.T) {
	o := options(t, run.Filter{Gateways: []string{"nginx"}, Scenarios: []string{"healthy", "head.none"}})
	app := at("app", 80)
	for _, resolver := range []string{"127.0.0.11", "10.0.0.2", "[::1]:5353"} {
		s := nginx(t, o, `server { listen 80; resolver `+resolver+`; set $to app; location / { proxy_pass http://$to:80; } }`, app)
		s.Own.Config.Groups[0].Resolvers = []string{resolver}
		s.Routes = []run.Route{route(o, "app", "/", upstream.HTTP1, app)}
		o, s := inSandboxes(t, o, s)
		for _, r := range check(t, o, s).Results {
			if r.Verdict != run.Standard {
				t.Errorf("%s, %s: %s %s (%s)", resolver, r.ID, r.Verdict, r.Observed, r.Reason)
			}
		}
	}
}

func TestNothingIsLeftOfACanceledCheckWithoutContainers(t *testing.T) {
	o := options(t, run.Filter{Gateways: []string{"nginx"}, Scenarios: []string{"tcp.drop-syn", "head.slow", "body.*"}})
	app := at("app", 8080)
	s := nginx(t, o, `server { listen 80; location / { proxy_pass http://app:8080; } }`, app)
	s.Routes = []run.Route{route(o, "app", "/", upstream.HTTP1, app)}
	o, s = inSandboxes(t, o, s)
	for _, after := range []time.Duration{50 * time.Millisecond, time.Second} {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		_, err := run.Check(ctx, o, s)
		if cancel(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after %s: %v", after, err)
		}
		assertNoFolders(t)
	}
}

// assertNoFolders makes sure that sandboxes leave no folder of this process behind.
func assertNoFolders(t *testing.T) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(os.TempDir(), fmt.Sprintf("gatefault-*-%d-*", os.Getpid())))
	if err != nil || len(left) > 0 {
		t.Errorf("folders left: %v, %v", left, err)
	}
}
