package diagnose

import (
	"maps"
	"slices"
	"time"
)

// maxBuckets bounds the pieces that the time of all logs is cut into.
const maxBuckets = 64

// widths are what pieces of time may be long, in seconds. Each is a multiple of the one before, so that pieces can be joined.
var widths = []int64{1, 2, 10, 30, 60, 300, 900, 1800, 3600, 3 * 3600, 6 * 3600, 24 * 3600, 7 * 24 * 3600, 28 * 24 * 3600, 10 * 364 * 24 * 3600, 1000 * 3640 * 24 * 3600}

// clock is the division of time that all groups share: it becomes coarser as the logs turn out to be longer.
type clock struct {
	from, to int64 // 0: no line had a time
	width    int   // index in widths
}

// see takes in the time of a line and tells whether the division changed.
func (c *clock) see(at int64) {
	switch {
	case at == 0:
		return
	case c.from == 0:
		c.from, c.to = at, at
		return
	}
	c.from, c.to = min(c.from, at), max(c.to, at)
	for c.width < len(widths)-1 && c.piece(c.to)-c.piece(c.from) >= maxBuckets {
		c.width++
	}
}

// piece is the number of the piece that a time is in.
func (c *clock) piece(at int64) int64 { return at / widths[c.width] }

// timeline counts by piece.
type timeline struct {
	width int // that the counts are of
	count map[int64]int
}

func (t *timeline) add(c *clock, at int64) {
	if t.count == nil {
		t.count = map[int64]int{}
	}
	if t.width != c.width {
		t.coarsen(c)
	}
	t.count[c.piece(at)]++
}

// coarsen joins pieces to those of the clock.
func (t *timeline) coarsen(c *clock) {
	joined := make(map[int64]int, len(t.count))
	for piece, n := range t.count {
		joined[piece*widths[t.width]/widths[c.width]] += n
	}
	t.width, t.count = c.width, joined
}

// buckets gives the counts from the first piece to the last one.
func (t *timeline) buckets(c *clock) []Bucket {
	t.coarsen(c)
	if len(t.count) == 0 {
		return nil
	}
	pieces := slices.Sorted(maps.Keys(t.count))
	var all []Bucket
	for piece := pieces[0]; piece <= pieces[len(pieces)-1]; piece++ {
		all = append(all, Bucket{At: inWords(piece * widths[c.width]), Count: t.count[piece]})
	}
	return all
}

// inWords writes a time as the log's clock showed it.
func inWords(at int64) string {
	if at == 0 {
		return ""
	}
	return time.Unix(at, 0).UTC().Format("2006-01-02 15:04:05")
}

// join adds the counts of another timeline of the same clock.
func (t *timeline) join(o *timeline) {
	if t.count == nil {
		t.count = map[int64]int{}
	}
	t.width = o.width
	for piece, n := range o.count {
		t.count[piece] += n
	}
}
