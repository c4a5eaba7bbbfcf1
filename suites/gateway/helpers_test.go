package gateway

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatefault/gatefault/docker"
	"github.com/gatefault/gatefault/upstream/pki"
)

// testTimeout is far more than anything here takes; it turns a hang into a failure.
const testTimeout = 2 * time.Minute

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	t.Cleanup(cancel)
	return ctx
}

func definitions(t testing.TB) map[string]*Definition {
	t.Helper()
	all, err := Load(docker.Files)
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]*Definition{}
	for _, d := range all {
		byName[d.Name] = d
	}
	return byName
}

// testEngine skips the test when no engine answers, unless GATEFAULT_REQUIRE names containers.
func testEngine(t *testing.T) *Engine {
	t.Helper()
	e, err := Connect(testContext(t), func(name, message string) { t.Logf("%s: %s", name, message) })
	if err != nil {
		if strings.Contains(os.Getenv("GATEFAULT_REQUIRE"), "containers") {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

func testNetwork(t *testing.T, e *Engine) *Network {
	t.Helper()
	n, err := e.Network(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Remove(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return n
}

// testTools makes a volume with the stand-in for our program.
func testTools(t *testing.T, e *Engine) *Volume {
	t.Helper()
	v, err := e.ProgramVolume(t.Context(), upstreamProgram(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopped(t, v.Remove) })
	return v
}

// upstreamProgram gives the stand-in for the chaos upstream, a static program that is built once.
func upstreamProgram(t testing.TB) string {
	t.Helper()
	program, err := standIn()
	if err != nil {
		t.Fatal(err)
	}
	return program
}

var standIn = sync.OnceValues(func() (string, error) {
	out := filepath.Join(programs, "gatefault")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, "./testdata/upstream")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, text)
	}
	return out, nil
})

func testUpstream(t *testing.T, e *Engine, n *Network) *Upstream {
	t.Helper()
	u, err := e.Upstream(testContext(t), UpstreamSpec{Binary: upstreamProgram(t), Network: n, Token: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopped(t, u.Stop) })
	return u
}

func stopped(t *testing.T, stop func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if err := stop(ctx); err != nil {
		t.Error(err)
	}
}

// loopbackUpstreams are count servers in this process that answer with their number.
func loopbackUpstreams(t *testing.T, count int) []Lane {
	t.Helper()
	var lanes []Lane
	for i := range count {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, "upstream %d", i) }))
		t.Cleanup(server.Close)
		at := netip.MustParseAddrPort(server.Listener.Addr().String())
		lanes = append(lanes, Lane{Index: i, Upstream: at, Backup: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 2}), at.Port()), Domain: "localhost", Resolver: at, Socket: "/tmp/none.sock"})
	}
	return lanes
}

// prepare gives what the profile's configuration wants to find and tells whether an upstream of plain HTTP at an address
// answers through it; the cells of package run prove the other profiles.
func prepare(t *testing.T, spec *Spec) (plain bool) {
	t.Helper()
	needs := spec.Definition.Profile(spec.Profile)
	if extra := spec.Definition.Debian.Profiles[spec.Profile]; len(extra) > 0 && spec.Place == PlaceLocal {
		t.Skip("needs packages that only our image is sure to have: ", extra)
	}
	if needs.Protocol == "tls" {
		authority, err := pki.New(time.Now())
		if err != nil {
			t.Fatal(err)
		}
		spec.Files = map[string]string{CAFile: string(authority.PEM())}
	}
	if needs.Address == AddressName {
		spec.Lanes = slices.Clone(spec.Lanes)
		for i := range spec.Lanes {
			spec.Lanes[i].Domain, spec.Lanes[i].Resolver = "upstream.test", spec.Lanes[i].Upstream
		}
	}
	return needs.Protocol == "" && !needs.Broken && needs.Backend == nil && needs.Address != AddressName && needs.Address != AddressUnix
}

// skipLacking skips a test of a profile that the installed version of the product cannot have.
func skipLacking(t *testing.T, spec Spec) {
	t.Helper()
	binary, err := FindBinary(spec.Definition)
	if err != nil {
		t.Fatal(err)
	}
	version, err := spec.Definition.askVersion(testContext(t), binary, localRunner(binary))
	if err != nil {
		t.Fatal(err)
	}
	if err := spec.lacking(version); err != nil {
		t.Skip(err)
	}
}

// countingUpstream counts the connections made to it.
func countingUpstream(t *testing.T) (netip.AddrPort, *atomic.Int32) {
	t.Helper()
	connections := new(atomic.Int32)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	return netip.MustParseAddrPort(server.Listener.Addr().String()), connections
}

func get(t *testing.T, addr netip.AddrPort, path string) (status int, body string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	answer, err := client.Get("http://" + addr.String() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// proveLanes gets an answer through every lane and finds the access line of it under the right lane.
func proveLanes(t *testing.T, r *Running, wanted func(lane int) string) {
	t.Helper()
	for i := range r.Lanes() {
		cell := fmt.Sprintf("gf-0badcafe-%d", i)
		if status, body := get(t, r.LaneAddr(i), "/"+cell+"/end"); status != http.StatusOK || body != wanted(i) {
			t.Errorf("lane %d: got %d %q, want 200 %q", i, status, body, wanted(i))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		err := r.Logs().Await(ctx, "/"+cell+"/end")
		cancel()
		if err != nil {
			t.Error(err)
			continue
		}
		lines := r.Logs().Lines(cell, "", time.Time{}, time.Now())
		if len(lines) != 1 || lines[0].Lane != LaneName(i) {
			t.Errorf("lane %d: log lines %+v, want one of %s", i, lines, LaneName(i))
		}
	}
}

func itoa(n int) string { return fmt.Sprint(n) }

// scanGroup reads the line "group N".
func scanGroup(t *testing.T, r io.Reader) (group int) {
	t.Helper()
	if _, err := fmt.Fscanf(r, "group %d\n", &group); err != nil {
		t.Fatal(err)
	}
	return group
}
