package run

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/probe"
	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/fault"
)

func TestOpenLoopDoesNotWaitForAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var mu sync.Mutex
		started := map[time.Duration]time.Duration{}
		var plan []timed
		for _, at := range []time.Duration{300, 0, 100, 200} {
			at *= time.Millisecond
			plan = append(plan, timed{at, func() {
				mu.Lock()
				started[at] = time.Since(began)
				mu.Unlock()
				time.Sleep(time.Second)
			}})
		}
		openLoop(t.Context(), plan)
		for at, when := range started {
			if at != when {
				t.Errorf("what was due at %s started at %s", at, when)
			}
		}
		if took := time.Since(began); len(started) != 4 || took != 1300*time.Millisecond {
			t.Errorf("%d started, all done after %s", len(started), took)
		}
	})
}

func TestOpenLoopStopsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
		defer cancel()
		started := make(chan int, 3)
		openLoop(ctx, []timed{{0, func() { started <- 0 }}, {100 * time.Millisecond, func() { started <- 1 }}, {200 * time.Millisecond, func() { started <- 2 }}})
		if len(started) != 2 {
			t.Errorf("%d started, want 2", len(started))
		}
	})
}

func outcomeOf(t *testing.T, text string) scenarios.Outcome {
	t.Helper()
	o, err := scenarios.ParseOutcome(text)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestTrafficIsSortedByOutcomeAndTime(t *testing.T) {
	ok, bad := outcomeOf(t, "200 passed"), outcomeOf(t, "502 made")
	began := time.Now()
	var exchanges []probe.Exchange
	var outcomes []scenarios.Outcome
	for i := range 10 { // at 0, 50, ... 450 ms, each takes as many ms as its number
		exchanges = append(exchanges, probe.Exchange{Start: began.Add(time.Duration(i) * 50 * time.Millisecond), Done: time.Duration(i+1) * time.Millisecond})
		outcomes = append(outcomes, []scenarios.Outcome{ok, bad}[i/5])
	}
	tr := newTraffic(exchanges, outcomes, 500*time.Millisecond)
	if !maps.Equal(tr.Shares, map[scenarios.Outcome]float64{ok: 0.5, bad: 0.5}) || tr.Requests != 10 {
		t.Errorf("%+v", tr)
	}
	if want := (Latency{5 * time.Millisecond, 10 * time.Millisecond, 10 * time.Millisecond, 10 * time.Millisecond}); tr.Latency != want {
		t.Errorf("latency %+v, want %+v", tr.Latency, want)
	}
	var series []string
	for _, b := range tr.Series {
		series = append(series, fmt.Sprintf("%d+%d", b.Outcomes[ok], b.Outcomes[bad]))
	}
	if got := strings.Join(series, " "); got != "2+0 2+0 1+1 0+2 0+2" || tr.Series[1].Latency.P50 != 3*time.Millisecond {
		t.Errorf("%s, %+v", got, tr.Series)
	}
	if failed, share := tr.Failed(); !slices.Equal(failed, []scenarios.Outcome{bad}) || share != 0.5 {
		t.Errorf("%v %g failed", failed, share)
	}
	if long := newTraffic(exchanges, outcomes, time.Minute); long.Bucket != 1200*time.Millisecond || len(long.Series) != 1 {
		t.Errorf("a minute in parts of %s", long.Bucket)
	}
}

func TestSharesAreJudged(t *testing.T) {
	ok, bad, late := outcomeOf(t, "200 passed"), outcomeOf(t, "502 made"), outcomeOf(t, "504 made")
	s := &scenarios.Scenario{
		Standard: []scenarios.Expectation{{Shares: scenarios.Shares{ok: {Min: 0.2, Max: 0.8}, late: {Min: 0.2, Max: 0.8}}, Why: "as asked"}},
		Pins:     []scenarios.Pin{{Gateway: "nginx", Versions: "*", Shares: scenarios.Shares{ok: {Min: 0.2, Max: 0.8}, bad: {Min: 0.2, Max: 0.8}}, Why: "as known"}},
	}
	for _, c := range []struct {
		shares  map[scenarios.Outcome]float64
		verdict Verdict
		reason  string
	}{
		{map[scenarios.Outcome]float64{ok: 0.5, late: 0.5}, Standard, "as asked"},
		{map[scenarios.Outcome]float64{ok: 0.5, bad: 0.5}, Deviates, "as known"},
		{map[scenarios.Outcome]float64{ok: 0.5, bad: 0.25, late: 0.25}, Drifted,
			"observed 200 passed in 50 % and 502 made in 25 % and 504 made in 25 % of 4 requests; the standards ask for 200 passed in 20 to 80 % and 504 made in 20 to 80 % of the requests; known of this version is 200 passed in 20 to 80 % and 502 made in 20 to 80 % of the requests"},
		{map[scenarios.Outcome]float64{ok: 0.9, late: 0.1}, Drifted, "observed 200 passed in 90 %"},
		{map[scenarios.Outcome]float64{ok: 1}, Drifted, "observed 200 passed in 100 %"},
	} {
		r := &Result{Scenario: s, Standard: s.Standard, Gateway: Gateway{Name: "nginx", Version: "1"}, Traffic: &Traffic{Requests: 4, Shares: c.shares}}
		judge(r)
		if r.Verdict != c.verdict || !strings.HasPrefix(r.Reason, c.reason) {
			t.Errorf("%v: %s, %s", c.shares, r.Verdict, r.Reason)
		}
	}
}

func TestTrafficProvesWhatTheFaultNeeds(t *testing.T) {
	f := &fault.Fault{Name: "load.shed", Level: fault.Request, Evidence: fault.Event}
	events := []upstream.Event{
		{Seq: 1, Kind: upstream.Fired, Fault: "load.shed", Target: "/gf/fault-2/"},
		{Seq: 2, Kind: upstream.Fired, Fault: "load.shed", Target: "/gf/fault-2/"}, // the same request again
		{Seq: 3, Kind: upstream.Fired, Fault: "load.shed", Target: "/other/fault-3/"},
	}
	c := &cell{id: "gf", scenario: &scenarios.Scenario{}, fault: f}
	if text, err := c.newProof(events, 1, "").evidence(); err != nil || !strings.HasPrefix(text, "journal 1: ") {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := c.newProof(events, 2, "").evidence(); err == nil {
		t.Error("one request passes for two")
	}
}
