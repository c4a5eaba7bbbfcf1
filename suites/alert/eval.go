package alert

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"
)

// buckets are Prometheus's default ones, prometheus.DefBuckets, in seconds.
var buckets = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, math.Inf(1)}

// Answer is one that a client got.
type Answer struct {
	Status int // 0: none
	Method string
	Took   time.Duration
}

// Counters are what a gateway's exporters would have exported, scraped every now and then.
type Counters struct {
	book    *Book
	gateway string
	series  map[string]*series
	scrapes []time.Duration
}

type series struct {
	metric string
	labels map[string]string
	value  float64
	seen   []float64 // at each scrape; those before it was there are not
}

// NewCounters makes the counters of a gateway; those of its signs begin at 0.
func (b *Book) NewCounters(gateway string) *Counters {
	c := &Counters{book: b, gateway: gateway, series: map[string]*series{}}
	for _, s := range b.Signs {
		if s.Gateway == gateway {
			c.add(LineMetric, map[string]string{"gateway": gateway, "sign": s.Name}, 0)
		}
	}
	return c
}

// Answered counts an answer in every metric that a drill measures.
func (c *Counters) Answered(a Answer) {
	for _, m := range c.book.Metrics {
		if m.Gateway != c.gateway {
			continue
		}
		labels := labelsOf(m, a)
		switch m.Counts {
		case Responses:
			c.add(m.Name, labels, 1)
		case Durations:
			c.add(m.Name+"_count", labels, 1)
			for _, le := range buckets {
				with := maps.Clone(labels)
				with["le"] = bound(le)
				n := 0.0
				if a.Took.Seconds() <= le {
					n = 1
				}
				c.add(m.Name+"_bucket", with, n)
			}
		}
	}
}

// bound writes a bucket's upper bound as Prometheus does.
func bound(le float64) string {
	if math.IsInf(le, 1) {
		return "+Inf"
	}
	return number(le)
}

func labelsOf(m Metric, a Answer) map[string]string {
	out := map[string]string{}
	for name, kind := range m.Labels {
		switch kind {
		case "code":
			out[name] = strconv.Itoa(a.Status)
		case "class":
			out[name] = classOf(a.Status)
		case "method":
			out[name] = a.Method
		default: // =text
			out[name] = kind[1:]
		}
	}
	return out
}

// classOf is HAProxy's: 2xx, 5xx and, for what is no HTTP, other.
func classOf(status int) string {
	if status < 100 || status > 599 {
		return "other"
	}
	return fmt.Sprintf("%dxx", status/100)
}

// Logged counts log lines by sign.
func (c *Counters) Logged(lines ...string) {
	for name, n := range c.book.Count(c.gateway, lines) {
		c.add(LineMetric, map[string]string{"gateway": c.gateway, "sign": name}, float64(n))
	}
}

func (c *Counters) add(metric string, labels map[string]string, n float64) {
	key := metric
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		key += "\x00" + name + "\x00" + labels[name]
	}
	s := c.series[key]
	if s == nil {
		s = &series{metric: metric, labels: labels}
		for range c.scrapes {
			s.seen = append(s.seen, math.NaN())
		}
		c.series[key] = s
	}
	s.value += n
}

// Scrape notes all values at a time, which must not be before the last one.
func (c *Counters) Scrape(at time.Duration) {
	c.scrapes = append(c.scrapes, at)
	for _, s := range c.series {
		s.seen = append(s.seen, s.value)
	}
}

// Value is one series' last value.
type Value struct {
	Name  string
	Value float64
}

// Values are the counters that have counted anything, without the histograms' buckets.
func (c *Counters) Values() (out []Value) {
	for _, s := range c.series {
		if _, bucket := s.labels["le"]; bucket || s.value == 0 {
			continue
		}
		sel := Selector{Metric: s.metric}
		for _, name := range slices.Sorted(maps.Keys(s.labels)) {
			sel.Match = append(sel.Match, Matcher{Label: name, Value: s.labels[name]})
		}
		out = append(out, Value{sel.String(), s.value})
	}
	slices.SortFunc(out, func(a, b Value) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// rate is how fast a series grew in the window that ends with scrape i, per second. As in Prometheus it takes two samples; between
// the first and the last of them it grew as fast as in the whole window, which Prometheus extrapolates to in much the same way
// (promql/functions.go, extrapolatedRate).
func (c *Counters) rate(s *series, i int, over time.Duration) (perSecond float64, ok bool) {
	first := i
	for first > 0 && c.scrapes[i]-c.scrapes[first-1] <= over && !math.IsNaN(s.seen[first-1]) {
		first--
	}
	between := (c.scrapes[i] - c.scrapes[first]).Seconds()
	if between <= 0 || math.IsNaN(s.seen[first]) {
		return 0, false
	}
	return (s.seen[i] - s.seen[first]) / between, true
}

// sum adds up the rates of the series that a selector chooses.
func (c *Counters) sum(sel Selector, i int, over time.Duration) (total float64, any bool) {
	for _, s := range c.series {
		if !sel.fits(s.metric, s.labels) {
			continue
		}
		if r, ok := c.rate(s, i, over); ok {
			total, any = total+r, true
		}
	}
	return total, any
}

// value is that of a rule at scrape i; without a value it does not hold.
func (c *Counters) value(r *Rule, i int) (float64, bool) {
	switch {
	case r.Share != nil:
		of, some := c.sum(r.Share.Of, i, r.Share.Over)
		in, all := c.sum(r.Share.In, i, r.Share.Over)
		return of / in, some && all && in > 0
	case r.Rate != nil:
		return c.sum(r.Rate.Of, i, r.Rate.Over)
	case r.Quantile != nil:
		return c.quantile(r.Quantile, i)
	}
	return 0, false
}

// quantile is Prometheus's histogram_quantile: linear within the bucket, and the second highest bound where it falls into the
// last one.
func (c *Counters) quantile(q *Quantile, i int) (float64, bool) {
	counts := make([]float64, len(buckets))
	for b, le := range buckets {
		sel := q.Of.buckets()
		sel.Match = append(slices.Clone(sel.Match), Matcher{Label: "le", Value: bound(le)})
		counts[b], _ = c.sum(sel, i, q.Over)
	}
	total := counts[len(counts)-1]
	if total <= 0 {
		return 0, false
	}
	rank := q.Q * total
	b := slices.IndexFunc(counts, func(n float64) bool { return n >= rank })
	if b == len(buckets)-1 {
		return buckets[b-1], true
	}
	lower, below := 0.0, 0.0
	if b > 0 {
		lower, below = buckets[b-1], counts[b-1]
	}
	return lower + (buckets[b]-lower)*(rank-below)/(counts[b]-below), true
}

// Firing is a rule that fired.
type Firing struct {
	Rule *Rule
	From time.Duration // of the scrape at which it had held long enough
	Till time.Duration // the first scrape at which it held no more; 0: it still fires
}

// Fired evaluates the rules at every scrape and tells which fired, in the order in which they did.
func (c *Counters) Fired(rules []*Rule) (out []Firing) {
	for _, r := range rules {
		out = append(out, c.firings(r)...)
	}
	slices.SortStableFunc(out, func(a, b Firing) int { return cmp.Compare(a.From, b.From) })
	return out
}

func (c *Counters) firings(r *Rule) (out []Firing) {
	held := time.Duration(-1) // since when
	firing := false
	for i, now := range c.scrapes {
		v, ok := c.value(r, i)
		switch holds := ok && r.holds(v); {
		case !holds && firing:
			out[len(out)-1].Till, firing, held = now, false, -1
		case !holds:
			held = -1
		case held < 0:
			held = now
		}
		if held >= 0 && !firing && now-held >= r.For {
			out, firing = append(out, Firing{Rule: r, From: now}), true
		}
	}
	return out
}

func (r *Rule) holds(v float64) bool {
	if r.Above != nil {
		return v > *r.Above
	}
	return v < *r.Below
}
