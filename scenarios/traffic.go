package scenarios

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Bounds of traffic.
const (
	maxRequests    = 1000
	maxTrafficRate = 1000
)

// Traffic is open-loop load: requests start at fixed times, whatever the answers do.
type Traffic struct {
	Rate float64       `yaml:"rate" json:"rate" jsonschema:"requests a second, evenly spread, at most 1000"`
	For  time.Duration `yaml:"for" json:"for" jsonschema:"from the first request on, at most 60s and 1000 requests"`
	// Spike replaces the rate for a while.
	Spike *Spike `yaml:"spike" json:"spike,omitempty" jsonschema:"another rate for a while"`
	// Inject puts the fault in force while the traffic flows, so that there is a before and perhaps an after; without it
	// the fault is in force from the first request to the last answer.
	Inject *Inject `yaml:"inject" json:"inject,omitempty" jsonschema:"when the fault begins and ends within the traffic; default: before its start and after its end"`
}

// Spike is a stretch of traffic with a rate of its own.
type Spike struct {
	At   time.Duration `yaml:"at" json:"at" jsonschema:"since the first request"`
	For  time.Duration `yaml:"for" json:"for"`
	Rate float64       `yaml:"rate" json:"rate" jsonschema:"requests a second, at most 1000"`
}

// Inject says when the fault is in force.
type Inject struct {
	At time.Duration `yaml:"at" json:"at" jsonschema:"since the first request"`
	// Clear ends the fault; requests under way end as it decided. 0: after the last answer.
	Clear time.Duration `yaml:"clear" json:"clear,omitempty" jsonschema:"since the first request; default: after the last answer"`
}

// String tells it in words, such as: 20 requests a second for 2s, the fault from 500ms on.
func (t *Traffic) String() string {
	text := fmt.Sprintf("%g requests a second for %s", t.Rate, t.For)
	if s := t.Spike; s != nil {
		text += fmt.Sprintf(", from %s to %s %g a second", s.At, s.At+s.For, s.Rate)
	}
	switch in := t.Inject; {
	case in == nil:
	case in.Clear == 0:
		text += fmt.Sprintf(", the fault from %s on", in.At)
	default:
		text += fmt.Sprintf(", the fault from %s to %s", in.At, in.Clear)
	}
	return text
}

// Starts gives the times, since the first, at which the requests start.
func (t *Traffic) Starts() []time.Duration {
	if t.Spike == nil {
		return even(nil, 0, t.For, t.Rate)
	}
	end := t.Spike.At + t.Spike.For
	starts := even(nil, 0, t.Spike.At, t.Rate)
	starts = even(starts, t.Spike.At, end, t.Spike.Rate)
	return even(starts, end, t.For, t.Rate)
}

// even appends times from one to, but not at, another.
func even(starts []time.Duration, from, to time.Duration, rate float64) []time.Duration {
	for i := 0; len(starts) <= maxRequests; i++ {
		at := from + time.Duration(float64(i)/rate*float64(time.Second))
		if at >= to {
			break
		}
		starts = append(starts, at)
	}
	return starts
}

func (c *checker) traffic(t *Traffic) {
	if t == nil {
		return
	}
	c.duration("traffic.for", t.For)
	c.rate("traffic.rate", t.Rate)
	if s := t.Spike; s != nil {
		c.rate("traffic.spike.rate", s.Rate)
		if s.At < 0 || s.For <= 0 || s.At+s.For > t.For {
			c.fail("traffic.spike", "the spike goes from %s to %s; it must lie within the %s of the traffic", s.At, s.At+s.For, t.For)
		}
	}
	if in := t.Inject; in != nil && (in.At < 0 || in.At >= t.For || in.Clear != 0 && in.Clear <= in.At || in.Clear > t.For) {
		c.fail("traffic.inject", "the fault goes from %s to %s; it must begin, and end if it does, within the %s of the traffic", in.At, in.Clear, t.For)
	}
	if len(c.errs) > 0 {
		return
	}
	if n := len(t.Starts()); n < 2 || n > maxRequests {
		c.fail("traffic", "traffic makes %d requests; it takes 2 to %d", n, maxRequests)
	}
}

func (c *checker) rate(path string, rate float64) {
	if !(rate > 0 && rate <= maxTrafficRate) {
		c.fail(path, "%s is %g; it must be more than 0 and at most %d a second", path, rate, maxTrafficRate)
	}
}

// Share bounds a part of the traffic's requests.
type Share struct {
	Min float64 `yaml:"min" json:"min" jsonschema:"0 to 1; default 0"`
	Max float64 `yaml:"max" json:"max" jsonschema:"0 to 1"`
}

// Shares say which part of the requests may have which outcome; an outcome that is not named may not occur.
type Shares map[Outcome]Share

// Outcomes lists the outcomes in the order of their text.
func (s Shares) Outcomes() []Outcome {
	return slices.SortedFunc(maps.Keys(s), func(a, b Outcome) int { return strings.Compare(a.String(), b.String()) })
}

// Admit tells whether observed shares are named and within their bounds.
func (s Shares) Admit(observed map[Outcome]float64) bool {
	for o := range observed {
		if _, named := s[o]; !named {
			return false
		}
	}
	for o, bounds := range s {
		if observed[o] < bounds.Min || observed[o] > bounds.Max {
			return false
		}
	}
	return true
}

func (s Shares) String() string {
	var parts []string
	for _, o := range s.Outcomes() {
		parts = append(parts, fmt.Sprintf("%s in %.0f to %.0f %%", o, s[o].Min*100, s[o].Max*100))
	}
	return strings.Join(parts, " and ") + " of the requests"
}

// check says what is wrong with the shares themselves.
func (s Shares) check() error {
	least, most := 0.0, 0.0
	for _, o := range s.Outcomes() {
		b := s[o]
		if b.Min < 0 || b.Max > 1 || b.Min > b.Max {
			return fmt.Errorf("%s must have 0 <= min <= max <= 1", o)
		}
		least, most = least+b.Min, most+b.Max
	}
	if least > 1 || most < 1 {
		return fmt.Errorf("the bounds add up to %.2f at least and %.2f at most; 1 must lie between", least, most)
	}
	return nil
}

// Want is what an expectation and a pin have in common: what is to be observed.
type Want struct {
	Outcome  Outcome
	Attempts int
	Shares   Shares
	Again    Outcome
	By       By
}

// Want gives what the standards permit.
func (e Expectation) Want() Want { return Want{e.Outcome, e.Attempts, e.Shares, e.Again, e.By} }

// Want gives what the product is known to do.
func (p Pin) Want() Want { return Want{p.Outcome, p.Attempts, p.Shares, p.Again, p.By} }

// String tells it in words, such as: 502 made after 2 attempts.
func (w Want) String() string {
	text := w.Outcome.String()
	if w.Shares != nil {
		text = w.Shares.String()
	}
	if w.Attempts == 1 {
		text += " after 1 attempt"
	} else if w.Attempts > 1 {
		text += fmt.Sprintf(" after %d attempts", w.Attempts)
	}
	if !w.Again.IsZero() {
		text += ", then " + w.Again.String()
	}
	if w.By != "" {
		text += ", " + w.By.Words()
	}
	return text
}
