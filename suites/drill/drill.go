package drill

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/alert"
	"github.com/gatefault/gatefault/suites/run"
	"github.com/gatefault/gatefault/suites/runbook"
)

// Options say what a drill is made of.
type Options struct {
	Exercise  *Exercise
	Seat      *run.Seat
	Catalogue *scenarios.Catalogue
	Alerts    *alert.Book
	Seed      uint64
	Level     int // 0: an exercise of the user's own
}

// Drill is one under way. It has a time of its own, in whole seconds, that passes by [Drill.Advance] alone: whoever drives it
// decides how fast. It must not be used by two goroutines at once.
type Drill struct {
	Options
	way      run.Way
	book     *runbook.Book
	journal  *journal
	counters *alert.Counters
	patience time.Duration // of commands
	clients  time.Duration // how long they wait for an answer

	now     time.Duration
	armed   int // index of the fault in force; -1: none
	sent    int
	served  uint64 // requests that came to the application when the drill began
	seconds []second
	lines   []Line
	entries []Entry
	answers []Answer
	found   []found // of each fault
	over    bool
}

// second is what clients saw in one.
type second struct {
	good    int
	failed  map[string]int // by what they saw
	slowest time.Duration
	served  uint64 // requests that have come to the application since the beginning, at its end
	ended   bool   // served is known
}

func (s second) failures() (n int) {
	for _, k := range s.failed {
		n += k
	}
	return n
}

// found is what became of a fault.
type found struct {
	failing   *time.Duration // the first request that failed
	detected  *time.Duration
	diagnosed *time.Duration
	hints     int
	wrong     int
}

// Entry is a command and what it showed.
type Entry struct {
	At    time.Duration `json:"at"`
	Do    string        `json:"do"`
	Shown string        `json:"shown,omitempty"`
}

// Answer is a cause that was given.
type Answer struct {
	At    time.Duration `json:"at"`
	Cause string        `json:"cause"`
	Right bool          `json:"right"`
}

// clientPatience is how long the drill's clients wait for an answer, unless a test has less of it.
const clientPatience = 8 * time.Second

// atOnce bounds the requests that are under way.
const atOnce = 48

// New begins a drill: every fault is tried once, so that none turns out to be impossible later, and then all is well. Close it.
func New(ctx context.Context, o Options) (*Drill, error) {
	d := &Drill{Options: o, way: o.Seat.Way(), armed: -1, patience: lookPatience, clients: clientPatience, counters: o.Alerts.NewCounters(o.Seat.Gateway().Name), found: make([]found, len(o.Exercise.Faults)),
		book: &runbook.Book{Gateways: []string{o.Seat.Gateway().Name}, Scenarios: o.Catalogue.All(), Alerts: o.Alerts}}
	for i := range o.Exercise.Faults {
		if err := errors.Join(o.Seat.Arm(ctx, o.Exercise.Faults[i].injection), o.Seat.Clear(ctx)); err != nil {
			return nil, fmt.Errorf("a fault of the drill cannot be had here: %w", err)
		}
	}
	var err error
	if d.served, err = o.Seat.Served(ctx); err != nil {
		return nil, err
	}
	d.journal = follow(d.way.Tiers)
	return d, nil
}

// Close ends the drill and makes everything healthy. The seat stays the caller's.
func (d *Drill) Close(ctx context.Context) error {
	d.journal.close()
	return d.Seat.Clear(ctx)
}

// Over tells whether everything was found, given up, or its time has passed.
func (d *Drill) Over() bool { return d.over || d.now >= d.Exercise.Length }

// Advance lets time pass: faults come and go when they are to, and clients send their requests. Those of a stretch in which
// nothing changes are sent side by side, so it takes little more than the slowest of them.
func (d *Drill) Advance(ctx context.Context, by time.Duration) error {
	for until := min(d.now+by.Truncate(time.Second), d.Exercise.Length); d.now < until && !d.over; {
		if err := d.change(ctx); err != nil {
			return err
		}
		next := d.now + time.Second
		for next < until && d.due(next) == d.armed {
			next += time.Second
		}
		if err := d.stretch(ctx, next); err != nil {
			return err
		}
	}
	return nil
}

// maxStep is how far the drill's time goes at once when it follows a clock, so that whoever watches sees what happens.
const maxStep = 5 * time.Second

// CatchUp lets time pass towards that of a clock, which may be ahead when requests are slow.
func (d *Drill) CatchUp(ctx context.Context, with time.Duration) error {
	return d.Advance(ctx, min(with-d.now, maxStep))
}

// due is the fault that is in force at a time.
func (d *Drill) due(at time.Duration) int {
	for i := range d.Exercise.Faults {
		if d.Exercise.Faults[i].inForce(at, d.Exercise.Length) {
			return i
		}
	}
	return -1
}

// change arms what is due, and nothing else.
func (d *Drill) change(ctx context.Context) error {
	due := d.due(d.now)
	if due == d.armed {
		return nil
	}
	d.armed = due
	if due < 0 {
		return d.Seat.Clear(ctx)
	}
	return d.Seat.Arm(ctx, d.Exercise.Faults[due].injection)
}

// rules are the alert rules that the drill can evaluate.
func (d *Drill) rules() (can, cannot []*alert.Rule) {
	for _, r := range d.Alerts.Of(d.Seat.Gateway().Name) {
		if d.Alerts.Measured(r) {
			can = append(can, r)
		} else {
			cannot = append(cannot, r)
		}
	}
	return can, cannot
}

// current is the fault that an answer is about: the last one that has begun, or the first where none has.
func (d *Drill) current() int {
	i := 0
	for k := range d.Exercise.Faults {
		if d.Exercise.Faults[k].At <= d.now {
			i = k
		}
	}
	return i
}

// begun tells whether a fault has begun.
func (d *Drill) begun(i int) bool { return d.Exercise.Faults[i].At < d.now }

// Scene says what there is, before anything is wrong.
func (d *Drill) Scene() string {
	g := d.Seat.Gateway()
	text := fmt.Sprintf("%s %s, %d requests a second, for at most %s", g.Title, g.Version, d.Exercise.Rate, d.Exercise.Length)
	if d.Exercise.Title != "" {
		text = d.Exercise.Title + ": " + text
	}
	if n := len(d.Exercise.Faults); n > 1 {
		text += fmt.Sprintf("; %d things break", n)
	}
	return text + "."
}

// Possible gives a function that tells whether a fault can be had on a bench, by trying it.
func Possible(ctx context.Context, bench *run.Bench, gateway string, catalogue *scenarios.Catalogue) func(scenario, profile string) bool {
	return func(id, profile string) bool {
		h := Hidden{Scenario: id}
		if h.resolve(catalogue, profile) != nil {
			return false
		}
		seat, err := bench.Take(ctx, gateway, h.injection)
		if err != nil {
			return false
		}
		err = errors.Join(seat.Arm(ctx, h.injection), seat.Leave(context.WithoutCancel(ctx)))
		return err == nil
	}
}

// Seat is what a bench's seat for the exercise needs.
func (x *Exercise) Seat() *scenarios.Scenario {
	for _, h := range x.Faults {
		if h.injection.Endpoint != scenarios.HTTPEndpoint {
			return h.injection
		}
	}
	return run.Injection("healthy", nil, "", x.Profile)
}
