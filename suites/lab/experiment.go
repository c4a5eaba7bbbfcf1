package lab

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/picture"
	"github.com/gatefault/gatefault/suites/probe"
	"github.com/gatefault/gatefault/suites/run"
	"github.com/gatefault/gatefault/upstream"
)

// Experiment is one spec on its gateways.
type Experiment struct {
	ID    int
	Spec  Spec
	Title string

	scenario *scenarios.Scenario
	cells    []*cell
	cancel   context.CancelFunc
	done     chan struct{}                // closed when it is over
	left     int                          // cells that are not over; the session's mu guards it and what follows
	guesses  map[string]map[string]string // by viewer, then by gateway
}

// Done is closed when the experiment is over.
func (x *Experiment) Done() <-chan struct{} { return x.done }

// cell is an experiment on one gateway, also while it is under way.
type cell struct {
	gateway run.Gateway

	mu      sync.Mutex // guards what follows
	rev     int        // grows with every change
	step    run.Step
	addr    string // where the lane is
	asked   time.Time
	mark    string // of the request
	wrote   []byte
	clock   time.Time // when the journal of the lane's endpoints began
	events  []upstream.Event
	answers map[string]int // of a stream, by status or how it ended
	sent    int
	answer  *probe.Exchange // of a single request
	result  *run.Result
	why     string // there is no result
	over    bool
}

// maxEvents bounds what is drawn while a request is under way.
const maxEvents = 300

func newExperiment(id int, spec Spec, sc *scenarios.Scenario, gateways []run.Stand) *Experiment {
	x := &Experiment{ID: id, Spec: spec, Title: spec.Title(), scenario: sc, done: make(chan struct{}), guesses: map[string]map[string]string{}}
	if spec.Scenario != "" {
		x.Title = sc.Title + " (" + sc.ID + ")"
	}
	for _, st := range gateways {
		x.cells = append(x.cells, &cell{gateway: st.Gateway, answers: map[string]int{}})
	}
	x.left = len(x.cells)
	return x
}

// perform runs the experiment on all its gateways at once.
func (s *Session) perform(ctx context.Context, x *Experiment) {
	if x.Spec.Scenario != "" { // runs on lanes of its own, and what is in force elsewhere would only puzzle
		if err := s.disarm(ctx); err != nil {
			s.log.Warn("undo what was in force", "err", err)
		}
	} else {
		s.mu.Lock()
		if s.force = &x.Spec; sameAsHealthy(x.Spec) {
			s.force = nil
		}
		s.mu.Unlock()
	}
	var wg sync.WaitGroup
	for _, c := range x.cells {
		wg.Go(func() {
			r, err := s.cell(ctx, x, c)
			s.end(x, c, r, err)
		})
	}
	wg.Wait()
}

// end ends a cell, and with the last one the experiment: no state shows the one without the other.
func (s *Session) end(x *Experiment, c *cell, r *run.Result, err error) {
	s.mu.Lock()
	c.end(r, err)
	if x.left--; x.left == 0 {
		s.running = nil
		close(x.done)
	}
	s.mu.Unlock()
	s.change()
}

func sameAsHealthy(spec Spec) bool {
	return spec.Script == "" && (spec.Fault == "" || spec.Fault == healthy)
}

// cell runs one cell; without a request the result is nil.
func (s *Session) cell(ctx context.Context, x *Experiment, c *cell) (*run.Result, error) {
	if x.Spec.Scenario != "" {
		return s.judged(ctx, x, c)
	}
	d, err := s.desk(ctx, c.gateway.Name, x.Spec, x.scenario)
	if err != nil {
		return nil, err
	}
	c.sits(d.Seat)
	if x.Spec.Request == nil {
		return nil, nil
	}
	stop := s.watch(ctx, d.Seat, c, x.Spec.Stream == nil)
	defer stop()
	return d.Ask(ctx, x.Spec.Request.scenario(), x.Spec.Stream.traffic(), 0, c.told(s))
}

// judged runs a whole scenario on a lane of its own.
func (s *Session) judged(ctx context.Context, x *Experiment, c *cell) (*run.Result, error) {
	seat, err := s.bench.Take(ctx, c.gateway.Name, x.scenario)
	if err != nil {
		return nil, err
	}
	d := &desk{Seat: seat}
	d.leave, d.gone = s.follow(seat)
	c.sits(seat)
	stop := s.watch(ctx, seat, c, x.scenario.Traffic == nil)
	r, err := seat.Run(ctx, x.scenario, c.told(s))
	stop()
	left, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	return r, errors.Join(err, d.close(left))
}

// watch follows what happens at the lane's upstream and has it drawn, until it is stopped. With events it takes in the
// journal; otherwise it only tells of the answers.
func (s *Session) watch(ctx context.Context, seat *run.Seat, c *cell, events bool) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	if origin, seen, err := seat.Events(ctx); events && err == nil {
		c.update(func() { c.clock = origin })
		wg.Go(func() {
			for e, err := range seen {
				if err != nil {
					s.log.Debug("follow the journal", "gateway", c.gateway.Name, "err", err)
					return
				}
				c.saw(e)
				s.change()
			}
		})
	}
	wg.Go(func() { // time passes, also when nothing happens
		t := time.NewTicker(beat)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				if c.passes() {
					s.change()
				}
			case <-ctx.Done():
				return
			}
		}
	})
	return func() {
		cancel()
		wg.Wait()
	}
}

// beat is how often a picture grows while nothing happens.
const beat = 400 * time.Millisecond

// told are the calls by which a cell learns how far it is.
func (c *cell) told(s *Session) run.Watch {
	return run.Watch{
		Step: func(step run.Step) {
			c.update(func() { c.step = step })
			s.change()
		},
		Asked: func(mark string, req probe.Request) {
			c.update(func() {
				c.sent++
				if c.asked.IsZero() {
					c.asked, c.mark, c.wrote = time.Now(), mark, fmt.Appendf(nil, "%s %s HTTP/1.1\r\n", cmp.Or(req.Method, "GET"), req.Target)
				}
			})
			s.change()
		},
		Answer: func(ex probe.Exchange) {
			c.update(func() {
				c.answers[shortly(ex)]++
				if c.answer == nil {
					c.answer = &ex
				}
			})
			s.change()
		},
	}
}

// shortly names what a client saw in one word.
func shortly(ex probe.Exchange) string {
	o := ex.Outcome()
	switch {
	case o.Kind == probe.Complete:
		return strconv.Itoa(o.Status)
	case o.Status > 0:
		return fmt.Sprintf("%d %s", o.Status, o.Kind)
	}
	return string(o.Kind)
}

func (c *cell) update(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
	c.rev++
}

func (c *cell) sits(seat *run.Seat) {
	c.update(func() { c.gateway, c.addr = seat.Gateway(), seat.Addr() })
}

func (c *cell) saw(e upstream.Event) {
	c.update(func() {
		if len(c.events) < maxEvents {
			c.events = append(c.events, e)
		}
	})
}

// passes tells whether a request is under way, so that the picture has grown.
func (c *cell) passes() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asked.IsZero() || c.answer != nil {
		return false
	}
	c.rev++
	return true
}

func (c *cell) end(r *run.Result, err error) {
	c.update(func() {
		c.over, c.result = true, r
		switch {
		case errors.Is(err, context.Canceled):
			c.result, c.why = nil, "undone before its end"
		case err != nil:
			c.why = err.Error()
		}
	})
}

// drawing is the picture of the cell as far as it is; nil: there is nothing to draw.
func (c *cell) drawing() *picture.Picture {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.result != nil && c.result.Exchange != nil:
		return picture.Of(c.result)
	case c.asked.IsZero() || c.over:
		return nil
	}
	seen := picture.Seen{Title: c.gateway.Title, Gateway: c.gateway.Title + " " + c.gateway.Version, Mark: c.mark,
		Wrote: c.wrote, Sent: 1, Journal: slices.Clone(c.events), Now: time.Since(c.asked), Began: map[string]time.Duration{}}
	if !c.clock.IsZero() {
		for _, e := range c.events {
			seen.Began[e.Endpoint] = c.asked.Sub(c.clock)
		}
	}
	if ex := c.answer; ex != nil {
		seen.Dialed, seen.Sent, seen.End, seen.Done = ex.Dialed, ex.Sent, ex.End, ex.Done
		for _, ch := range ex.Chunks {
			seen.Chunks = append(seen.Chunks, run.Chunk{At: ch.At, Data: bytes.Clone(ch.Data[:min(len(ch.Data), maxLine)])})
		}
	}
	return picture.Build(seen)
}
