package run

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/gatefault/gatefault/scenarios"
)

// sampled are scenarios that a gateway may remember, of each sort: the recovery from them is watched to its end, and tells
// whether it takes long after every failure.
var sampled = []string{"tcp.refuse", "tcp.reject-reset", "tcp.accept-close", "head.none", "head.reset", "head.partial-status", "head.garbage", "app.503"}

// Bounds of what a sample tells.
const (
	leastSample = 5               // late recoveries that make it the rule
	lateFrom    = 5 * time.Second // a recovery that is late
	glance      = time.Second     // that long recovery is looked for where it takes long as a rule
)

// watch tells how long to look for a route's recovery. Where a gateway leaves its servers out for long after every failure,
// to wait for the end of it in each cell would say the same again and again.
type watch struct {
	left  atomic.Int32 // cells of the sample that are not done
	late  atomic.Int32 // whose recovery took long, or did not come
	whole []string     // scenarios that are watched to the end whatever the sample says
}

func isSampled(s *scenarios.Scenario) bool { return slices.Contains(sampled, s.ID) }

// expect adds a cell that is to run.
func (w *watch) expect(c *cell) {
	if isSampled(c.scenario) {
		w.left.Add(1)
	}
}

// done takes in what a cell found.
func (w *watch) done(c *cell) {
	if !isSampled(c.scenario) {
		return
	}
	if r := c.result; r.Evidence != "" && (r.Recovery == nil || *r.Recovery > lateFrom) {
		w.late.Add(1)
	}
	w.left.Add(-1)
}

// enough tells whether recovery was looked for long enough. Which cells are cut short does not depend on their order, so
// that two checks of one configuration agree: the sample decides, once all of it is done.
func (w *watch) enough(c *cell, looked time.Duration) bool {
	return looked >= glance && w.left.Load() == 0 && w.late.Load() >= leastSample &&
		!isSampled(c.scenario) && isQuick(c) && !slices.Contains(w.whole, c.scenario.ID)
}
