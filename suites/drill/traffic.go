package drill

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/alert"
	"github.com/gatefault/gatefault/suites/probe"
)

// sample is one request of a client.
type sample struct {
	second int
	mark   string
	got    probe.Exchange
}

// stretch sends the requests of all seconds up to a time, and takes in what clients and gateways tell of them.
func (d *Drill) stretch(ctx context.Context, until time.Duration) error {
	first, n := len(d.seconds), int((until-d.now)/time.Second)
	samples := make([]sample, n*d.Exercise.Rate)
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i := range samples {
		s := &samples[i]
		s.second, s.mark = first+i/d.Exercise.Rate, d.mark()
		path := d.Exercise.Paths[d.sent%len(d.Exercise.Paths)]
		g.Go(func() error {
			s.got = d.Seat.Send(ctx, s.mark, scenarios.Request{Method: "GET", Path: path}, d.clients)
			return ctx.Err()
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	d.seconds = append(d.seconds, make([]second, n)...)
	var marks []string
	for _, s := range samples {
		marks = append(marks, s.mark)
		d.saw(s)
	}
	lines := d.journal.take(ctx, marks)
	d.count(samples, d.place(lines, samples, first, n), first)
	served, err := d.Seat.Served(ctx)
	if err != nil {
		return err
	}
	d.seconds[len(d.seconds)-1].served, d.seconds[len(d.seconds)-1].ended = served-d.served, true
	d.now = until
	return nil
}

// mark makes the next request's, as a trace's id might be.
func (d *Drill) mark() string {
	d.sent++
	return fmt.Sprintf("/gf-%08x-%d", uint32(d.Seed), d.sent)
}

var marked = regexp.MustCompile(`/gf-[0-9a-f]{8}-([0-9]+)`)

// saw notes what a client saw.
func (d *Drill) saw(s sample) {
	sec := &d.seconds[s.second]
	if sec.failed == nil {
		sec.failed = map[string]int{}
	}
	sec.slowest = max(sec.slowest, s.got.Done)
	text, failed := verdict(s.got)
	if !failed {
		sec.good++
		return
	}
	sec.failed[text]++
	if d.armed >= 0 && d.found[d.armed].failing == nil {
		at := time.Duration(s.second) * time.Second
		d.found[d.armed].failing = &at
	}
}

// verdict names what a client got, and tells whether it is a failure.
func verdict(e probe.Exchange) (string, bool) {
	o := e.Outcome()
	switch {
	case o.Kind == probe.Complete:
		return strconv.Itoa(o.Status), o.Status >= 400
	case o.Status > 0:
		return fmt.Sprintf("%d %s", o.Status, o.Kind), true
	}
	return string(o.Kind), true
}

// place gives each line its time: that of its request, or, where it names none, its share of the stretch.
func (d *Drill) place(lines []Line, samples []sample, first, n int) []Line {
	bySeq := map[string]int{}
	for _, s := range samples {
		bySeq[marked.FindStringSubmatch(s.mark)[1]] = s.second
	}
	for i := range lines {
		at := first + i*n/len(lines)
		if m := marked.FindStringSubmatch(lines[i].Text); m != nil {
			if second, ok := bySeq[m[1]]; ok {
				at = second
			}
		}
		lines[i].At = time.Duration(at) * time.Second
	}
	d.lines = append(d.lines, lines...)
	d.lines = d.lines[max(0, len(d.lines)-maxLines):]
	return lines
}

// scrapeEvery is the interval at which the drill's counters are read, in seconds.
const scrapeEvery = 5

// count has the exporters count the answers and lines of the stretch, second by second.
func (d *Drill) count(samples []sample, lines []Line, first int) {
	for i := first; i < len(d.seconds); i++ {
		for _, s := range samples {
			if s.second == i {
				d.counters.Answered(alert.Answer{Status: s.got.Status, Method: "GET", Took: s.got.Done})
			}
		}
		at := time.Duration(i) * time.Second
		for _, l := range lines {
			if l.At == at {
				d.counters.Logged(l.Text)
			}
		}
		if i%scrapeEvery == 0 {
			d.counters.Scrape(at)
		}
	}
}
