package run

import (
	"cmp"
	"context"
	"math"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/upstream/fault"
)

// Guesses at how long cells of a check take.
const (
	quickCell = time.Second     // that waits for no timeout
	longCell  = 5 * time.Second // from here on a cell is worth an instance of its own
	leastSpan = 8 * time.Second // in which quick cells are to be done, if no long one takes longer
)

// queue gives out the cells of a check, the longest first. What cells with traffic observe is time, so they come when no
// quick cell is left; those that wait for a timeout do nothing meanwhile.
type queue struct {
	mu      sync.Mutex // guards what follows
	changed *sync.Cond
	waiting map[*strand][]*cell
	quick   int           // quick cells that are not done
	ended   int           // quick cells that are
	late    time.Duration // how much longer than guessed they took in all
}

func newQueue(cells []*cell) *queue {
	q := &queue{waiting: map[*strand][]*cell{}}
	q.changed = sync.NewCond(&q.mu)
	for _, c := range cells {
		q.waiting[c.way.strand] = append(q.waiting[c.way.strand], c)
		if isQuick(c) {
			q.quick++
		}
	}
	for _, all := range q.waiting {
		slices.SortStableFunc(all, func(a, b *cell) int { return cmp.Compare(rank(b), rank(a)) })
	}
	return q
}

// rank orders cells: what waits longest comes first, what has traffic last. The others wait for what the sample tells.
func rank(c *cell) time.Duration {
	d := expectedOf(c.scenario)
	switch {
	case c.scenario.Traffic != nil:
		return -d
	case isSampled(c.scenario):
		return d + 1
	}
	return d
}

func isQuick(c *cell) bool { return c.scenario.Traffic == nil && expectedOf(c.scenario) < longCell }

// expectedOf guesses how long a cell takes on a user's gateway: a timeout of the gateway's is waited for as long as the client
// is patient.
func expectedOf(s *scenarios.Scenario) time.Duration {
	d := quickCell + s.Notice + s.Age
	var outcomes []scenarios.Outcome
	for _, e := range s.Standard {
		outcomes = append(outcomes, e.Outcome)
	}
	for _, p := range s.Pins {
		outcomes = append(outcomes, p.Outcome)
	}
	if slices.ContainsFunc(outcomes, waits) {
		d += s.Patience
	}
	if s.Traffic != nil {
		d += s.Traffic.For
	}
	return d + ofRate(s.Params)
}

// ofRate is how long an answer takes of which so many bytes come in a second.
func ofRate(p fault.Args) time.Duration {
	size, sizeErr := strconv.ParseFloat(p["size"], 64)
	rate, rateErr := strconv.ParseFloat(p["rate"], 64)
	if sizeErr != nil || rateErr != nil || rate <= 0 {
		return 0
	}
	return time.Duration(size / rate * float64(time.Second))
}

func waits(o scenarios.Outcome) bool {
	return o.Kind == scenarios.Hang || o.Kind == scenarios.Made && o.Status == http.StatusGatewayTimeout
}

// next gives a strand's next cell, or nil when there is none, when the instance is worn or when ctx ends.
func (q *queue) next(ctx context.Context, in *instance, s *strand) *cell {
	defer context.AfterFunc(ctx, q.tell)()
	q.mu.Lock()
	defer q.mu.Unlock()
	for ctx.Err() == nil && !in.worn.Load() && len(q.waiting[s]) > 0 {
		c := q.waiting[s][0]
		if c.scenario.Traffic == nil || q.quick == 0 {
			q.waiting[s] = q.waiting[s][1:]
			return c
		}
		q.changed.Wait()
	}
	return nil
}

// repeat takes a cell back, to run when those that did not run yet have begun.
func (q *queue) repeat(c *cell) {
	q.mu.Lock()
	defer q.mu.Unlock()
	cells := q.waiting[c.way.strand]
	i := slices.IndexFunc(cells, func(c *cell) bool { return c.scenario.Traffic != nil })
	if i < 0 {
		i = len(cells)
	}
	q.waiting[c.way.strand] = slices.Insert(cells, i, c)
	q.changed.Broadcast()
}

// tell wakes those who wait for a cell.
func (q *queue) tell() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.changed.Broadcast()
}

// done notes the end of a cell and how long it took.
func (q *queue) done(c *cell) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if isQuick(c) {
		q.quick--
		q.ended++
		q.late += max(0, c.result.Took-expectedOf(c.scenario))
	}
	q.changed.Broadcast()
}

// waits tells whether a cell is to be had.
func (q *queue) waits() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, cells := range q.waiting {
		if len(cells) > 0 {
			return true
		}
	}
	return false
}

// rest takes out what nobody will run.
func (q *queue) rest() (all []*cell) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for s, cells := range q.waiting {
		all = append(all, cells...)
		delete(q.waiting, s)
	}
	return all
}

// useful tells how many instances the waiting cells have use for: as many as it takes to get through them in the time of the
// longest, unless starting them takes longer than it saves. A start wants all of two processors, while cells mostly wait: n
// instances end after n x start + work / n. Strands run side by side on each.
func (q *queue) useful(start time.Duration) (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	turn := float64(max(start, leastStart)) * 2 / float64(parallelStarts)
	late := q.late / time.Duration(max(1, q.ended))
	for _, cells := range q.waiting {
		work, span := time.Duration(0), leastSpan
		for _, c := range cells {
			d := expectedOf(c.scenario) + late
			work, span = work+d, max(span, d)
		}
		most := math.Ceil(math.Sqrt(float64(work) / turn))
		n = max(n, min(len(cells), max(2, min(int((work+span-1)/span), int(most)))))
	}
	return n
}

// leastStart is about what a start costs where nothing else runs.
const leastStart = time.Second
