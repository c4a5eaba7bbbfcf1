package run

import (
	"context"
	"testing"
	"time"

	"github.com/gatefault/gatefault/scenarios"
)

// waiting is a cell that lasts as long as the gateway's timeouts let it, of a client with that patience.
func waiting(w *way, patience time.Duration) *cell {
	s := &scenarios.Scenario{Patience: patience, Standard: []scenarios.Expectation{{Outcome: scenarios.Outcome{Kind: scenarios.Made, Status: 504}}}}
	return &cell{way: w, scenario: s, result: &Result{}}
}

func quick(w *way) *cell {
	return &cell{way: w, scenario: &scenarios.Scenario{Patience: time.Minute}, result: &Result{}}
}

func TestTheLongestCellsComeFirstAndTrafficLast(t *testing.T) {
	s := &strand{}
	w := &way{strand: s}
	load := quick(w)
	load.scenario.Traffic = &scenarios.Traffic{For: 3 * time.Second}
	short, long, fast := waiting(w, 10*time.Second), waiting(w, time.Minute), quick(w)
	q, in := newQueue([]*cell{load, fast, short, long}), &instance{}
	for i, want := range []*cell{long, short, fast} {
		if got := q.next(t.Context(), in, s); got != want {
			t.Fatalf("cell %d is not the one expected", i)
		}
	}
	got := make(chan *cell)
	go func() { got <- q.next(t.Context(), in, s) }()
	select {
	case <-got:
		t.Fatal("traffic began while a quick cell was running")
	case <-time.After(20 * time.Millisecond):
	}
	q.done(fast)
	if <-got != load {
		t.Error("traffic did not come when the quick cells were done")
	}
	if q.waits() || q.next(t.Context(), in, s) != nil {
		t.Error("more cells came than there are")
	}
}

func TestNothingIsGivenToAWornInstanceOrAfterTheEnd(t *testing.T) {
	s := &strand{}
	load := quick(&way{strand: s})
	load.scenario.Traffic = &scenarios.Traffic{}
	q := newQueue([]*cell{load, quick(load.way)})
	busy, worn := &instance{}, &instance{}
	fast := q.next(t.Context(), busy, s)
	got := make(chan *cell)
	go func() { got <- q.next(t.Context(), worn, s) }()
	worn.worn.Store(true)
	q.tell()
	ctx, cancel := context.WithCancel(t.Context())
	if c := <-got; c != nil {
		t.Error("a worn instance got a cell")
	}
	go func() { got <- q.next(ctx, busy, s) }()
	cancel()
	if c := <-got; c != nil {
		t.Error("a cell was given after the end")
	}
	if rest := q.rest(); len(rest) != 1 || rest[0] != load || fast == load || q.waits() {
		t.Errorf("%d cells are left", len(rest))
	}
}

func TestAsManyInstancesAsAreOfUse(t *testing.T) {
	defer func(n int) { parallelStarts = n }(parallelStarts)
	parallelStarts = 2
	many := func(n int, of func(*way) *cell, w *way) (out []*cell) {
		for range n {
			out = append(out, of(w))
		}
		return out
	}
	minute := func(w *way) *cell { return waiting(w, time.Minute) }
	a, b := &way{strand: &strand{}}, &way{strand: &strand{}}
	for name, c := range map[string]struct {
		cells []*cell
		start time.Duration
		want  int
	}{
		"one cell":                     {many(1, quick, a), time.Second, 1},
		"few":                          {many(5, quick, a), time.Second, 2},
		"many quick ones":              {many(80, quick, a), time.Second, 9},
		"whose starts take long":       {many(80, quick, a), 10 * time.Second, 3},
		"long ones":                    {many(12, minute, a), time.Second, 12},
		"long ones and time to fill":   {append(many(12, minute, a), many(80, quick, a)...), time.Second, 14},
		"strands go side by side":      {append(many(12, minute, a), many(9, minute, b)...), time.Second, 12},
		"quick ones beside a long one": {append(many(1, minute, a), many(40, quick, b)...), time.Second, 5},
	} {
		if got := newQueue(c.cells).useful(c.start); got != c.want {
			t.Errorf("%s: %d instances, want %d", name, got, c.want)
		}
	}
	q := newQueue(many(30, quick, a))
	before := q.useful(time.Second)
	blocked := quick(a)
	blocked.result.Took = 4 * time.Second
	if q.done(blocked); q.useful(time.Second) <= before {
		t.Error("cells that last longer than guessed are worth no more instances")
	}
}
