package run_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gatefault/gatefault/docker"
	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/suites/run"
	"github.com/gatefault/gatefault/upstream"
)

// options choose cells of the built-in catalogue.
func options(t *testing.T, f run.Filter) run.Options {
	t.Helper()
	catalogue, err := scenarios.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	definitions, err := gateway.Load(docker.Files)
	if err != nil {
		t.Fatal(err)
	}
	chosen, err := f.Select(catalogue)
	if err != nil {
		t.Fatal(err)
	}
	gateways, err := f.SelectGateways(definitions)
	if err != nil {
		t.Fatal(err)
	}
	return run.Options{Scenarios: chosen, Gateways: gateways}
}

// inContainers makes the options run in containers, or skips.
func inContainers(t *testing.T, o run.Options) run.Options {
	t.Helper()
	e, err := gateway.Connect(t.Context(), nil)
	if err != nil {
		if slices.Contains(strings.Split(os.Getenv("GATEFAULT_REQUIRE"), ","), "containers") {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	_ = e.Close()
	o.Program = program(t)
	return o
}

// program is gatefault itself.
func program(t *testing.T) string {
	t.Helper()
	if built := os.Getenv("GATEFAULT_BINARY"); built != "" {
		return built
	}
	out := filepath.Join(t.TempDir(), "gatefault")
	build := exec.Command("go", "build", "-o", out, "../cmd/gatefault")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build gatefault: %v\n%s", err, out)
	}
	return out
}

// locally makes the options run without containers.
func locally(o run.Options) run.Options {
	o.Local = true
	return o
}

func perform(t *testing.T, o run.Options) *run.Report {
	t.Helper()
	r, err := run.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Results) == 0 {
		t.Fatal("no cell ran")
	}
	return r
}

// ignoring is an upstream that ignores its plans: every plan that is set becomes an empty one.
type ignoring struct{ http.RoundTripper }

func (i ignoring) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodPut && strings.Contains(req.URL.Path, "/plan") {
		body := []byte(`{"rules":[]}`)
		req = req.Clone(req.Context())
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		req.GetBody = nil
	}
	return i.RoundTripper.RoundTrip(req)
}

func TestNoCellIsGreenWhenTheUpstreamIgnoresItsPlan(t *testing.T) {
	o := inContainers(t, options(t, run.Filter{}))
	o.Scenarios = slices.DeleteFunc(o.Scenarios, func(s *scenarios.Scenario) bool { return notPlanned(t, s) })
	o.Transport = ignoring{&http.Transport{MaxConnsPerHost: 64}}
	r := perform(t, o)
	if n := r.Count(run.NotInjected); n < len(r.Results)*9/10 {
		t.Errorf("%d of %d cells are not-injected, want nearly all", n, len(r.Results))
	}
	for _, res := range r.Results {
		want := run.NotInjected
		switch {
		case res.ID == "healthy":
			want = run.Standard
		case res.Lacking:
			want = run.Unsupported // the product cannot take part
		case res.ID == "egress.denied" && res.Gateway.Place == gateway.PlaceEmbedded:
			want = run.Unsupported // it has no network of its own
		}
		if res.Verdict != want {
			t.Errorf("%s on %s: %s (%s), want %s", res.ID, res.Gateway.Name, res.Verdict, res.Reason, want)
		}
	}
}

func TestWrongNetworkIsNeverAVerdictOnTheGateway(t *testing.T) {
	o := inContainers(t, options(t, run.Filter{Gateways: []string{"nginx", "caddy"}, Scenarios: []string{"tcp.drop-syn", "head.none", "healthy"}}))
	e, err := gateway.Connect(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if o.Network, err = e.Network(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := o.Network.Remove(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	for _, res := range perform(t, o).Results {
		if res.Verdict != run.NotInjected || !strings.Contains(res.Reason, "not healthy before the injection") {
			t.Errorf("%s on %s: %s (%s), want not-injected", res.ID, res.Gateway.Name, res.Verdict, res.Reason)
		}
	}
}

func TestUnknownDeviationDrifts(t *testing.T) {
	o := locally(options(t, run.Filter{Gateways: []string{"go"}, Scenarios: []string{"head.slow"}}))
	unknown := *o.Scenarios[0]
	unknown.Pins = nil
	o.Scenarios = []*scenarios.Scenario{&unknown}
	res := perform(t, o).Results[0]
	if res.Verdict != run.Drifted || !strings.Contains(res.Reason, "observed 502 made after 1 attempt; the standards ask for 504 made") {
		t.Errorf("%s: %s", res.Verdict, res.Reason)
	}
}

func TestLocalRunOfTheEmbeddedGateway(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	o := locally(options(t, run.Filter{Gateways: []string{"go"}, Scenarios: []string{"healthy", "tcp.refuse", "app.503", "conn.race", "process.crash", "tcp.drop-syn", "process.oom",
		"load.shed", "load.slow-dependency", "process.restart-drain"}}))
	want := map[string]string{
		"healthy": "standard 200 passed", "tcp.refuse": "unsupported ", "app.503": "standard 503 passed",
		"conn.race": "standard 200 passed", "process.crash": "standard 502 made",
		"tcp.drop-syn": "unsupported ", "process.oom": "unsupported ",
		"load.shed": "standard 503 passed", "load.slow-dependency": "deviates 502 made", "process.restart-drain": "standard 200 passed",
	}
	for _, res := range perform(t, o).Results {
		if got := fmt.Sprintf("%s %s", res.Verdict, res.Observed); !strings.HasPrefix(got, want[res.ID]) {
			t.Errorf("%s: %s (%s), want %s", res.ID, got, res.Reason, want[res.ID])
		}
		if res.Verdict == run.Standard && res.Recovery == nil {
			t.Errorf("%s: no recovery", res.ID)
		}
	}
}

// What the upstream saw can be put on the client's clock: the request arrives after it was sent and before its answer came.
func TestClientAndJournalAgreeOnTimes(t *testing.T) {
	res := perform(t, locally(options(t, run.Filter{Gateways: []string{"go"}, Scenarios: []string{"head.slow"}}))).Results[0]
	x := res.Exchange
	if x == nil || x.End != "complete" || !bytes.HasPrefix(x.Wrote, []byte("GET "+x.Mark+"/ HTTP/1.1\r\n")) {
		t.Fatalf("got %+v", x)
	}
	arrived := slices.IndexFunc(res.Journal, func(e upstream.Event) bool { return strings.Contains(e.Target, x.Mark) })
	if arrived < 0 {
		t.Fatalf("the request is not in the journal: %+v", res.Journal)
	}
	e := res.Journal[arrived]
	if at := e.At - x.Began[e.Endpoint]; at < 0 || at > res.Total {
		t.Errorf("the request arrived %s after it was sent, its answer came after %s", at, res.Total)
	}
}

func TestCancelEndsSoon(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	o := locally(options(t, run.Filter{Gateways: []string{"go"}, Scenarios: []string{"body.stall"}}))
	ctx, cancel := context.WithCancel(t.Context())
	began := time.Now()
	time.AfterFunc(500*time.Millisecond, cancel)
	_, err := run.Run(ctx, o)
	if !errors.Is(err, context.Canceled) || time.Since(began) > 4*time.Second {
		t.Errorf("%v after %s", err, time.Since(began))
	}
}

func TestFiltersNameTheNearest(t *testing.T) {
	catalogue, err := scenarios.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for want, f := range map[string]run.Filter{
		`no scenario is called "tcp.drop-sin"; did you mean tcp.drop-syn`: {Scenarios: []string{"tcp.drop-sin"}},
		`no cause is called "firewal"; did you mean firewall`:             {Causes: []string{"firewal"}},
		`no layer is called "tpc"; did you mean app, grpc, tcp`:           {Layers: []string{"tpc"}},
		"no scenario fits all of the filters":                             {Causes: []string{"dns"}, Layers: []string{"head"}},
	} {
		if _, err := f.Select(catalogue); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", f, err, want)
		}
	}
	definitions, err := gateway.Load(docker.Files)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (run.Filter{Gateways: []string{"ngnix"}}).SelectGateways(definitions); err == nil || !strings.Contains(err.Error(), "did you mean nginx") {
		t.Errorf("%v", err)
	}
}

// A scenario's own script is injected like any fault, and a cut that the client cannot see is told as silent.
func TestScenarioWithAScriptOfItsOwn(t *testing.T) {
	o := locally(options(t, run.Filter{Gateways: []string{"go"}, Scenarios: []string{"app.500"}}))
	own := *o.Scenarios[0]
	own.ID, own.Fault, own.Incomplete = "own.cut", "script", true
	own.Script = "read-request\nsend \"HTTP/1.1 200 OK\\r\\n${sentinel}Content-Length: 3\\r\\n\\r\\ncut\"\nclose"
	own.Standard, own.Pins = []scenarios.Expectation{{Outcome: scenarios.Outcome{Kind: scenarios.Silent, Status: 200}, Why: "it looks whole"}}, nil
	o.Scenarios = []*scenarios.Scenario{&own}
	if res := perform(t, o).Results[0]; res.Verdict != run.Standard {
		t.Errorf("%s: %s", res.Verdict, res.Reason)
	}
}
