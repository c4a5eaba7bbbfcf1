package run

import (
	"slices"
	"testing"
	"time"

	"github.com/gatefault/gatefault/scenarios"
)

// recovered is a cell that ran, and recovered after a while or not at all.
func recovered(w *way, id string, after ...time.Duration) *cell {
	c := &cell{way: w, scenario: &scenarios.Scenario{ID: id}, result: &Result{Evidence: "yes"}}
	if len(after) > 0 {
		c.result.Recovery = &after[0]
	}
	return c
}

func TestRecoveryIsNotWatchedAgainAndAgain(t *testing.T) {
	start := func(late int) *way {
		w := &way{watch: watch{whole: []string{"head.slow"}}}
		for i, id := range sampled {
			c := recovered(w, id, time.Millisecond)
			if i < late {
				c = recovered(w, id)
			}
			w.watch.expect(c)
			defer w.watch.done(c)
		}
		if w.watch.enough(recovered(w, "app.500"), time.Minute) {
			t.Error("it was enough before the sample was done")
		}
		return w
	}
	w := start(leastSample)
	for id, want := range map[string]bool{"app.500": true, "tcp.refuse": false, "head.slow": false} {
		if got := w.watch.enough(recovered(w, id), glance); got != want {
			t.Errorf("%s: enough is %v", id, got)
		}
	}
	if w.watch.enough(recovered(w, "app.500"), glance/2) {
		t.Error("a glance is shorter than it should be")
	}
	if waits := waiting(w, time.Minute); w.watch.enough(waits, time.Minute) {
		t.Error("a cell that waits for a timeout is cut short")
	}
	if w := start(leastSample - 1); w.watch.enough(recovered(w, "app.500"), time.Minute) {
		t.Error("late recoveries are no rule")
	}
}

// What stands for the others has to exist, and to be one of what most routes run.
func TestTheSampleIsOfTheCatalogue(t *testing.T) {
	all, err := scenarios.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range sampled {
		i := slices.IndexFunc(all.All(), func(s *scenarios.Scenario) bool { return s.ID == id })
		if i < 0 || all.All()[i].Profile != "plain" || !isQuick(&cell{scenario: all.All()[i]}) {
			t.Errorf("%s is no quick scenario of the profile plain", id)
		}
	}
}
