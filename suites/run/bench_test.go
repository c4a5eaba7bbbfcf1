package run_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/probe"
	"github.com/gatefault/gatefault/suites/run"
	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/fault"
)

// bench opens one with the embedded gateway alone.
func bench(t *testing.T, ids ...string) *run.Bench {
	t.Helper()
	b, err := run.OpenBench(t.Context(), locally(options(t, run.Filter{Gateways: []string{"go"}, Scenarios: ids})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return b
}

func take(t *testing.T, b *run.Bench, sc *scenarios.Scenario) *run.Seat {
	t.Helper()
	seat, err := b.Take(t.Context(), "go", sc)
	if err != nil {
		t.Fatal(err)
	}
	return seat
}

func TestABenchKeepsAFaultInForceUntilItIsCleared(t *testing.T) {
	leaks := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, leaks) })
	b := bench(t, "healthy")
	if got := b.Stands(); len(got) != 1 || got[0].Why != "" || got[0].Version == "" {
		t.Fatalf("stands: %+v", got)
	}
	seat := take(t, b, run.Injection("healthy", nil, "", ""))
	ask := func(req scenarios.Request) *run.Result {
		t.Helper()
		r, err := seat.Ask(t.Context(), req, nil, 5*time.Second, run.Watch{})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := ask(scenarios.Request{}); r.Observed.String() != "200 passed" || r.Verdict != run.Observed || len(r.Log) == 0 {
		t.Errorf("healthy: %s %s %q", r.Observed, r.Verdict, r.Log)
	}
	if err := seat.Arm(t.Context(), run.Injection("head.garbage", nil, "", "")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		r := ask(scenarios.Request{Method: http.MethodPost, Path: "/cart", Body: "a=1"})
		if r.Observed.String() != "502 made" || !strings.Contains(r.Evidence, "head.garbage took effect") || r.Attempts != 1 {
			t.Errorf("armed: %s after %d attempts, %s", r.Observed, r.Attempts, r.Evidence)
		}
	}
	if err := seat.Arm(t.Context(), run.Injection("", nil, "read-request\nrespond 418 \"short and stout\"", "")); err != nil {
		t.Fatal(err)
	}
	if r := ask(scenarios.Request{}); r.Observed.String() != "418 passed" {
		t.Errorf("script: %s", r.Observed)
	}
	if err := seat.Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := ask(scenarios.Request{}); r.Observed.String() != "200 passed" {
		t.Errorf("cleared: %s", r.Observed)
	}
}

func TestTrafficOverAnArmedSeatTellsSharesAndEachAnswer(t *testing.T) {
	b := bench(t, "healthy")
	seat := take(t, b, run.Injection("healthy", nil, "", ""))
	if err := seat.Arm(t.Context(), run.Injection("head.none", nil, "", "")); err != nil {
		t.Fatal(err)
	}
	var told atomic.Int32
	r, err := seat.Ask(t.Context(), scenarios.Request{}, &scenarios.Traffic{Rate: 50, For: 200 * time.Millisecond}, time.Second,
		run.Watch{Answer: func(probe.Exchange) { told.Add(1) }})
	if err != nil {
		t.Fatal(err)
	}
	if r.Traffic == nil || r.Traffic.Requests != 10 || told.Load() != 10 || r.Observed.String() != "502 made" {
		t.Errorf("%+v, %d told, %s", r.Traffic, told.Load(), r.Observed)
	}
}

// A whole scenario on a bench is the same cell as in a run; while it runs, its steps and the upstream's events are told.
func TestABenchRunsScenariosAndTellsTheirSteps(t *testing.T) {
	o := options(t, run.Filter{Gateways: []string{"go"}, Scenarios: []string{"conn.race-post"}})
	b := bench(t, "conn.race-post")
	seat := take(t, b, o.Scenarios[0])
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	_, events, err := seat.Events(ctx)
	if err != nil {
		t.Fatal(err)
	}
	fired := make(chan bool, 1)
	go func() {
		for e, err := range events {
			if err == nil && e.Kind == upstream.Fired {
				fired <- true
				return
			}
		}
		close(fired)
	}()
	var steps []run.Step
	r, err := seat.Run(t.Context(), o.Scenarios[0], run.Watch{Step: func(s run.Step) { steps = append(steps, s) }})
	if err != nil || r.Verdict != run.Standard || r.Observed.String() != "502 made" {
		t.Errorf("%s %s (%s) %v", r.Verdict, r.Observed, r.Reason, err)
	}
	if len(steps) != 4 || steps[0] != run.StepProve || steps[3] != run.StepRecover {
		t.Errorf("steps: %q", steps)
	}
	if !<-fired {
		t.Error("the fault that fired is not among the events")
	}
}

func TestABenchSaysWhatItCannotDo(t *testing.T) {
	b := bench(t, "healthy")
	if _, err := b.Take(t.Context(), "envoy", run.Injection("healthy", nil, "", "")); err == nil || !strings.Contains(err.Error(), `no gateway "envoy"`) {
		t.Errorf("unknown gateway: %v", err)
	}
	if _, err := b.Take(t.Context(), "go", run.Injection("healthy", nil, "", "cache")); err == nil || !strings.Contains(err.Error(), "cache") {
		t.Errorf("profile that it lacks: %v", err)
	}
	seat := take(t, b, run.Injection("healthy", nil, "", "")) // of an instance that is started for it alone
	if err := seat.Arm(t.Context(), run.Injection("head.slwo", nil, "", "")); err == nil || !strings.Contains(err.Error(), "head.slow") {
		t.Errorf("unknown fault: %v", err)
	}
	if err := seat.Arm(t.Context(), run.Injection("head.slow", fault.Args{"delay": "soon"}, "", "")); err == nil || !strings.Contains(err.Error(), "soon") {
		t.Errorf("wrong parameter: %v", err)
	}
	if _, err := net.Dial("tcp", seat.Addr()); err != nil {
		t.Errorf("after the mistakes: %v", err)
	}
}

// Lanes are handed out one to a holder; the next one waits until one is given back.
func TestASeatIsHeldByOne(t *testing.T) {
	b := bench(t, "healthy")
	plain := run.Injection("healthy", nil, "", "")
	first, second := take(t, b, plain), take(t, b, plain)
	if first.Addr() == second.Addr() {
		t.Error("two holders have one lane")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Take(ctx, "go", plain); err == nil {
		t.Error("a third lane was given, of two")
	}
	if err := first.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	if third := take(t, b, plain); third.Addr() != first.Addr() {
		t.Error("the lane that was given back is not taken")
	}
}

// A sort of lane that the bench did not begin with gets an instance of its own.
func TestABenchStartsWhatIsAskedForLater(t *testing.T) {
	b := bench(t, "healthy")
	seat := take(t, b, run.Injection("conn.race", nil, "", "keepalive"))
	if got := seat.Gateway(); got.Profile != "keepalive" || got.Version == "" {
		t.Errorf("%+v", got)
	}
}
