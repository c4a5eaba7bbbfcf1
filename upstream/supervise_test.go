package upstream_test

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/fault"
)

// ends lists how the serving processes ended so far.
func ends(up *upstream.Upstream) (out []string) {
	for _, e := range up.Journal().After(0, upstream.Filter{Kind: upstream.ProcessEnd}, 1000).Events {
		out = append(out, e.How+e.Detail)
	}
	return out
}

func awaitEnds(t *testing.T, up *upstream.Upstream, n int) []string {
	t.Helper()
	for {
		seq := up.Journal().Last()
		if got := ends(up); len(got) >= n {
			return got
		}
		if err := up.Journal().Wait(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
	}
}

// awaitRuns waits until so many processes were started.
func awaitRuns(t *testing.T, up *upstream.Upstream, n int) {
	t.Helper()
	for {
		seq := up.Journal().Last()
		if len(up.Journal().After(0, upstream.Filter{Kind: upstream.ProcessRun}, 1000).Events) >= n {
			return
		}
		if err := up.Journal().Wait(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
	}
}

// serves waits until a request is answered.
func serves(t *testing.T, ep *upstream.Endpoint) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", ep.Addr().String())
		if err != nil {
			continue
		}
		_, _ = io.WriteString(c, get)
		b, _ := io.ReadAll(c)
		_ = c.Close()
		if strings.HasPrefix(string(b), "HTTP/1.1 200 OK\r\n") {
			return
		}
	}
	t.Fatal("no answer for 10 s")
}

func TestCrashLoopExitsAgainAndAgain(t *testing.T) {
	up, ep := start(t, upstream.EndpointConfig{Kind: upstream.Process})
	setPlan(t, ep, upstream.Rule{Fault: "process.crash-loop", Params: fault.Args{"up": "50ms", "down": "50ms"}})
	for i, how := range awaitEnds(t, up, 3) {
		if how != "exit code 1" {
			t.Errorf("end %d: %s, want exit code 1", i+1, how)
		}
	}
	if err := ep.Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, _ := talk(t, ep, get)
	wantPrefix(t, got, "HTTP/1.1 200 OK\r\n")
	n := len(ends(up))
	if fired := up.Journal().Fired()["process.crash-loop"]; fired != uint64(n) {
		t.Errorf("the process ended %d times, the fault fired %d times", n, fired)
	}
	time.Sleep(150 * time.Millisecond) // nothing may happen, so there is no event to await
	if len(ends(up)) != n {
		t.Error("the loop goes on after it was cleared")
	}
}

func TestRestartKillsWhatIsUnderWayAndComesBack(t *testing.T) {
	up, ep := start(t, upstream.EndpointConfig{Kind: upstream.Process})
	setPlan(t, ep, upstream.Rule{Fault: "process.restart", Params: fault.Args{"at": "100ms", "down": "50ms", "service": "1s"}})
	if got, _ := talk(t, ep, get); got != "" {
		t.Errorf("a killed process answered %q", got)
	}
	if got := awaitEnds(t, up, 1); got[0] != "SIGKILL" {
		t.Errorf("%s, want SIGKILL", got[0])
	}
	serves(t, ep)
	if n := len(ends(up)); n != 1 {
		t.Errorf("the process ended %d times", n)
	}
}

func TestRestartWithDrainLosesNoRequest(t *testing.T) {
	up, ep := start(t, upstream.EndpointConfig{Kind: upstream.Process})
	setPlan(t, ep, upstream.Rule{Fault: "process.restart-drain", Params: fault.Args{"at": "100ms", "service": "150ms"}})
	idle := dial(t, ep)
	_, _ = io.WriteString(idle, "GET / HTTP/1.1\r\nHost: app\r\n\r\n")
	const requests = 100
	answers := make(chan int, requests)
	for range requests {
		go func() { answers <- together(ep, 1)["200 OK"] }()
		time.Sleep(5 * time.Millisecond)
	}
	served := 0
	for range requests {
		served += <-answers
	}
	if served != requests {
		t.Errorf("%d of %d requests were served", served, requests)
	}
	if got := awaitEnds(t, up, 1); len(got) != 1 || got[0] != "exit code 0" {
		t.Errorf("ends: %q, want one with exit code 0", got)
	}
	_ = idle.SetReadDeadline(time.Now().Add(5 * time.Second))
	b, err := io.ReadAll(idle)
	if err != nil || !strings.HasPrefix(string(b), "HTTP/1.1 200 OK\r\n") {
		t.Errorf("the idle connection got %q and %v, want an answer and then FIN", b, err)
	}
}

func TestWatchdogKillsOneWorkerAndTheOtherServesOn(t *testing.T) {
	up, ep := start(t, upstream.EndpointConfig{Kind: upstream.Process})
	setPlan(t, ep, upstream.Rule{Fault: "process.kill-script", Params: fault.Args{"every": "2", "limit": "50ms"}})
	const workers = 3
	lost := 0
	for range 12 {
		if got, _ := talk(t, ep, get); got == "" {
			lost++
			awaitRuns(t, up, workers+lost)
		} else {
			wantPrefix(t, got, "HTTP/1.1 200 OK\r\n")
		}
	}
	if n := len(awaitEnds(t, up, lost)); lost == 0 || n != lost {
		t.Errorf("%d requests were lost and %d processes ended", lost, n)
	}
	if err := ep.Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		got, _ := talk(t, ep, get)
		wantPrefix(t, got, "HTTP/1.1 200 OK\r\n")
	}
}

func TestExhaustedDescriptorsLeaveConnectionsInTheQueue(t *testing.T) {
	up, ep := start(t, upstream.EndpointConfig{Kind: upstream.Process})
	setPlan(t, ep, upstream.Rule{Fault: "process.fd-exhausted"})
	c := dial(t, ep) // the kernel accepts
	_, _ = io.WriteString(c, "GET /waits HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n")
	e := await(t, up, "the failed accept", kind(upstream.Fired))
	if !strings.Contains(e.Detail, "too many open files") {
		t.Errorf("%+v", e)
	}
	_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if n, err := c.Read(make([]byte, 1)); n > 0 || !isTimeout(err) {
		t.Fatalf("got %d bytes, %v", n, err)
	}
	if err := ep.SetPlan(t.Context(), upstream.Plan{}, upstream.Keep); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	b, _ := io.ReadAll(c)
	wantPrefix(t, string(b), "HTTP/1.1 200 OK\r\n")
}

// Whatever a life is at, changing the plan ends it and leaves an endpoint that serves.
func TestLivesEndAtAnyTime(t *testing.T) {
	for _, name := range []string{"process.crash-loop", "process.restart", "process.restart-drain", "process.kill-script", "process.fd-exhausted"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			up, ep := start(t, upstream.EndpointConfig{Kind: upstream.Process})
			params := map[string]fault.Args{
				"process.crash-loop": {"up": "5ms", "down": "5ms"}, "process.restart": {"at": "5ms", "down": "5ms"},
				"process.restart-drain": {"at": "5ms"}, "process.kill-script": {"every": "1", "limit": "5ms"},
			}
			for i := range 8 {
				setPlan(t, ep, upstream.Rule{Fault: name, Params: params[name]})
				time.Sleep(time.Duration(i) * 5 * time.Millisecond) // to meet it at different points
				if err := ep.Clear(t.Context()); err != nil {
					t.Fatal(err)
				}
				got, _ := talk(t, ep, get)
				wantPrefix(t, got, "HTTP/1.1 200 OK\r\n")
			}
			for _, e := range up.Journal().After(0, upstream.Filter{Kind: upstream.Failed}, 100).Events {
				t.Errorf("%+v", e)
			}
		})
	}
}

// A worker may be killed while it hands its listener over, and all may be dead at once.
func TestWorkersAreReplacedThoughTheyKeepDying(t *testing.T) {
	up, ep := start(t, upstream.EndpointConfig{Kind: upstream.Process})
	setPlan(t, ep, upstream.Rule{Fault: "process.kill-script", Params: fault.Args{"workers": "2", "every": "1", "limit": "1ms"}})
	for deadline := time.Now().Add(30 * time.Second); len(ends(up)) < 10; time.Sleep(5 * time.Millisecond) {
		together(ep, 2)
		if time.Now().After(deadline) {
			t.Fatalf("only %d workers were killed", len(ends(up)))
		}
	}
	if err := ep.Clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	serves(t, ep)
	for _, e := range up.Journal().After(0, upstream.Filter{Kind: upstream.Failed}, 100).Events {
		t.Errorf("%+v", e)
	}
}
