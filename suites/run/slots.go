package run

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/gatefault/gatefault/scenarios"
)

// slots keep instances at work side by side.
type slots struct {
	check  *check
	queue  *queue
	starts chan struct{} // has room for as many as may start at once
	wg     sync.WaitGroup

	mu     sync.Mutex // guards what follows
	n      int        // slots at work
	failed error      // why an instance did not start
	left   []error    // why something of an instance was not removed
}

// slot is the place of one instance after the other: one that is worn is replaced by a fresh one.
type slot struct {
	*slots
	mu    sync.Mutex // guards again
	again []*cell    // what met a lane that was not healthy, for the next instance
}

// perform runs cells on as many instances as are of use. first is one of them, and so is second, unless that is nil, once it comes.
func (k *check) perform(ctx context.Context, first *instance, second <-chan *instance, cells []*cell) error {
	s := &slots{check: k, queue: newQueue(cells), starts: make(chan struct{}, parallelStarts)}
	n := s.useful()
	s.n = 1
	s.open(ctx, func() *instance { return first })
	if second != nil {
		s.mu.Lock()
		s.n++
		s.mu.Unlock()
		s.open(ctx, func() *instance { return <-second })
	}
	s.grow(ctx, n)
	s.wg.Wait()
	for _, c := range s.queue.rest() {
		s.giveUp(ctx, c)
	}
	return errors.Join(s.left...)
}

func (s *slots) useful() int {
	return min(s.queue.useful(s.check.firstStart), s.check.stage.opts.Lanes)
}

// grow sees to it that n slots are at work.
func (s *slots) grow(ctx context.Context, n int) {
	s.mu.Lock()
	missing := max(0, n-s.n)
	s.n += missing
	s.mu.Unlock()
	for range missing {
		s.open(ctx, func() *instance { return nil })
	}
}

// open opens a slot, with an instance that was started already or none. It closes when nothing waits.
func (s *slots) open(ctx context.Context, in func() *instance) {
	s.wg.Go(func() {
		(&slot{slots: s}).occupy(ctx, in())
		s.mu.Lock()
		defer s.mu.Unlock()
		s.n--
	})
}

func (s *slot) occupy(ctx context.Context, in *instance) {
	for in != nil || s.waits() && ctx.Err() == nil {
		if in == nil {
			if in = s.start(ctx); in == nil {
				break
			}
		}
		if s.work(ctx, in); !s.renew(ctx, in) {
			s.stop(ctx, in)
			in = nil
		}
	}
	for _, c := range s.again {
		s.giveUp(ctx, c)
	}
}

// waits tells whether there is something to do.
func (s *slot) waits() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.again) > 0 || s.queue.waits()
}

// beginStart waits for the turn of a start, and gives what ends it.
func (s *slots) beginStart(ctx context.Context) (end func()) {
	s.starts <- struct{}{}
	s.check.stage.machine.awaitStart(ctx)
	return func() { <-s.starts }
}

// start starts a fresh instance, or notes why it cannot.
func (s *slot) start(ctx context.Context) *instance {
	defer s.beginStart(ctx)()
	if !s.waits() { // any more
		return nil
	}
	in, err := s.check.start(ctx, false)
	if err != nil {
		s.slots.mu.Lock()
		defer s.slots.mu.Unlock()
		s.failed = err
	}
	return in
}

// renew replaces a worn gateway, if there is something to do for another one.
func (s *slot) renew(ctx context.Context, in *instance) bool {
	if in.sandbox == nil && slices.ContainsFunc(in.check.houses, func(h *house) bool { return h.mode == beside }) {
		return false // its upstream goes with the gateway's network namespace
	}
	defer s.beginStart(ctx)()
	return s.waits() && ctx.Err() == nil && in.renew(ctx) == nil
}

func (s *slots) stop(ctx context.Context, in *instance) {
	if err := in.stop(ctx); err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.left = append(s.left, err)
	}
}

// work runs cells until none waits or the instance is worn; strands run side by side.
func (s *slot) work(ctx context.Context, in *instance) {
	var wg sync.WaitGroup
	for _, strand := range s.check.strands {
		wg.Go(func() {
			for c := s.next(ctx, in, strand); c != nil; c = s.next(ctx, in, strand) {
				s.run(ctx, in, c)
			}
		})
	}
	wg.Wait()
}

// next gives a cell that a fresh instance was started for, or one of the queue.
func (s *slot) next(ctx context.Context, in *instance, of *strand) *cell {
	s.mu.Lock()
	i := slices.IndexFunc(s.again, func(c *cell) bool { return c.way.strand == of })
	if i < 0 || in.worn.Load() {
		s.mu.Unlock()
		return s.queue.next(ctx, in, of)
	}
	defer s.mu.Unlock()
	c := s.again[i]
	s.again = slices.Delete(s.again, i, i+1)
	return c
}

// run runs a cell, and once more on a fresh instance if it came to nothing where another one had run: that may not be its own
// doing.
func (s *slot) run(ctx context.Context, in *instance, c *cell) {
	in.run(ctx, c)
	if in.worn.Load() {
		s.queue.tell()
	}
	if c.doubtful() && c.runs+1 < maxRuns && ctx.Err() == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.again = append(s.again, c.anew())
		return
	}
	if s.check.stage.spoilt(ctx, c) {
		s.queue.repeat(c.anew())
		return
	}
	s.check.done(c)
	s.queue.done(c)
	if ctx.Err() == nil {
		s.grow(ctx, s.useful())
	}
}

// giveUp ends a cell for which there is no instance.
func (s *slots) giveUp(ctx context.Context, c *cell) {
	s.mu.Lock()
	defer s.mu.Unlock()
	why := ctx.Err()
	if why == nil {
		why = s.failed
	}
	c.fail(startVerdict(why), why)
	s.check.done(c)
	s.queue.done(c)
}

// run runs a cell on its lane of the instance and looks whether that is as good as new afterwards.
func (in *instance) run(ctx context.Context, c *cell) {
	defer in.check.stage.machine.enter(ctx, expectedOf(c.scenario))()
	c.lane = in.lanes[c.way]
	c.after = c.used
	if c.paced() {
		c.result.Pace = c.pace()
	}
	for _, w := range c.way.strand.ways {
		in.lanes[w].used = true
	}
	c.run(ctx)
	c.learn(in.check.stage.busyFor(c))
	if c.wears() || c.doubtful() {
		in.worn.Store(true)
	}
}

// performAlone runs cells one after the other, each kind on an instance of its own.
func (k *check) performAlone(ctx context.Context, cells []*cell) (err error) {
	var in *instance
	end := func() {
		if in != nil {
			err = errors.Join(err, in.stop(ctx))
		}
		in = nil
	}
	defer end()
	for _, c := range cells {
		memory := c.scenario.Endpoint == scenarios.MemoryEndpoint
		if in != nil && (in.worn.Load() || in.memory != memory) {
			end()
		}
		if in == nil {
			var failed error
			if in, failed = k.start(ctx, memory); failed != nil {
				c.fail(startVerdict(failed), failed)
				k.done(c)
				continue
			}
		}
		in.run(ctx, c)
		k.done(c)
	}
	return err
}
