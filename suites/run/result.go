// Package run plans cells, runs each on a lane of a real gateway and judges what was observed.
package run

import (
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/suites/probe"
	"github.com/gatefault/gatefault/upstream"
)

// Verdict is the observation against the expectation.
type Verdict string

// The verdicts.
const (
	Standard    Verdict = "standard"     // as the standards ask
	Deviates    Verdict = "deviates"     // not as they ask, but known of this product and version
	Drifted     Verdict = "drifted"      // neither: a change nobody knew of, or a pin that is wrong
	NotInjected Verdict = "not-injected" // nothing proves that the fault fired
	Unsupported Verdict = "unsupported"  // cannot be done here, for a reason
	Error       Verdict = "error"        // the harness failed; says nothing about the gateway
	Observed    Verdict = "observed"     // nothing was expected: see scenarios.Setting
)

// RecoveryTimeout is how long a cell looks for recovery.
const RecoveryTimeout = recoveryTimeout

// Verdicts lists the alphabet, best first.
func Verdicts() []Verdict {
	return []Verdict{Standard, Deviates, Drifted, Observed, NotInjected, Unsupported, Error}
}

// Gateway identifies what was judged.
type Gateway struct {
	Name    string        `json:"name"`
	Title   string        `json:"title"`
	Version string        `json:"version,omitempty"` // as the product itself prints it
	Image   string        `json:"image,omitempty"`   // image or program
	Profile string        `json:"profile"`
	Place   gateway.Place `json:"place"`
}

// Result is one cell: what was expected, what was observed and what that is worth.
type Result struct {
	Cell     string              `json:"cell"`
	Scenario *scenarios.Scenario `json:"-"`
	ID       string              `json:"scenario"`
	Cause    scenarios.Cause     `json:"cause"`
	Route    string              `json:"route,omitempty"` // of a user's gateway; see [Route]
	Gateway  Gateway             `json:"gateway"`
	Method   string              `json:"method,omitempty"` // of the request
	Verdict  Verdict             `json:"verdict"`
	Reason   string              `json:"reason"`            // why this verdict, one sentence
	Lacking  bool                `json:"lacking,omitempty"` // unsupported because the product, or this version of it, cannot have the profile

	Observed scenarios.Outcome       `json:"observed,omitzero"`
	Standard []scenarios.Expectation `json:"standard,omitempty"`
	Known    *scenarios.Pin          `json:"known,omitempty"`
	Attempts int                     `json:"attempts"` // how often the gateway went to the upstream for the request
	// Uncounted says that Attempts, then 0, cannot be told, since health checks of a user's gateway connect to the upstream, too.
	Uncounted bool              `json:"uncounted,omitempty"`
	Received  int               `json:"received,omitempty"` // how often the request, or a copy of it, arrived at the upstream
	Evidence  string            `json:"evidence,omitempty"`
	Traffic   *Traffic          `json:"traffic,omitempty"` // with traffic: all of it; Observed is then the most frequent failure
	Again     scenarios.Outcome `json:"again,omitzero"`    // outcome of the same request after the fault
	By        scenarios.By      `json:"by,omitempty"`      // who made the answer

	Healthy   time.Duration  `json:"healthy,omitempty"`   // what the fastest healthy request of the cell took
	Pace      time.Duration  `json:"pace,omitempty"`      // between healthy requests, where the gateway lets no more through
	FirstByte time.Duration  `json:"firstByte,omitempty"` // nanoseconds from the dial, as all times here
	Total     time.Duration  `json:"total,omitempty"`
	Recovery  *time.Duration `json:"recovery,omitempty"` // from the end of the fault to the first of ten good answers; absent: not recovered
	Lasting   bool           `json:"lasting,omitempty"`  // the configuration is the fault: there is no recovery to watch
	Standing  bool           `json:"standing,omitempty"` // the fault stays in force, so recovery is not looked for
	Watched   time.Duration  `json:"watched,omitempty"`  // that long recovery was looked for in vain and no longer, since it takes long after nearly every failure of the route
	Took      time.Duration  `json:"took"`               // the whole cell
	Runs      int            `json:"runs,omitempty"`     // how often it ran: again where what ran before it, or a busy machine, may have spoilt it
	Exclusive bool           `json:"exclusive,omitempty"`

	// Exchange is the request that Client answers, as its sender knows it.
	Exchange *Exchange        `json:"exchange,omitempty"`
	Client   []Chunk          `json:"client,omitempty"`  // what the client received
	Journal  []upstream.Event `json:"journal,omitempty"` // what the upstream saw
	Tap      []upstream.Event `json:"tap,omitempty"`     // in a chain: what passed between the two gateways
	Log      []string         `json:"log,omitempty"`     // what the gateway logged of this cell
	// SharedLog are lines of the cell's time that name no request: this cell's or another's.
	SharedLog []string `json:"sharedLog,omitempty"`
	Signs     []Sign   `json:"signs,omitempty"`
}

// Chunk is a run of bytes and when it came.
type Chunk struct {
	At   time.Duration `json:"at"`
	Data []byte        `json:"data"`
}

// Exchange is one request and how it ended. Times count from when its dialing began.
type Exchange struct {
	Mark    string        `json:"mark"`  // stands in the request's target, and so in the journal
	Wrote   []byte        `json:"wrote"` // the first bytes of the request, at most 1 KiB
	Dialed  time.Duration `json:"dialed,omitempty"`
	Secured time.Duration `json:"secured,omitempty"` // the TLS handshake was over
	Sent    time.Duration `json:"sent,omitempty"`    // the whole request was handed to the kernel
	Size    int64         `json:"size,omitempty"`    // bytes received, of which Client has the first
	End     probe.End     `json:"end,omitempty"`     // how it ended on the wire, at Result.Total
	// Began is when it began on the clock of each endpoint's journal.
	Began map[string]time.Duration `json:"began,omitempty"`
}

// Sign is a pattern of the scenario and the log line that it matched, if any.
type Sign struct {
	Pattern string `json:"pattern"`
	Line    string `json:"line,omitempty"`
	Shared  bool   `json:"shared,omitempty"` // the line names no request, so it may be another cell's
}

// Compared tells whether the cell was observed to be compared with those of other profiles; see [scenarios.Setting].
func (r *Result) Compared() bool { return len(r.Standard) == 0 && r.Method != "" }

// Report is a whole run.
type Report struct {
	Started  time.Time `json:"started"`
	Results  []*Result `json:"results"`
	Gateways []Gateway `json:"gateways"`
	Timing   Timing    `json:"timing"`
	// Shard says which part of a run this is; nil: all of it.
	Shard *Shard `json:"shard,omitempty"`
	// Idle names gateways that were asked for and ran no cell, and why.
	Idle map[string]string `json:"idle,omitempty"`
	// Stands tells what stood in for files that a user's configuration names and that were not brought; see [Check].
	Stands []string `json:"stands,omitempty"`
}

// Timing is where a run's time went, all in nanoseconds.
type Timing struct {
	Total        time.Duration `json:"total"`
	LongestCell  time.Duration `json:"longestCell"`    // of the cells that run in parallel
	SlowestStart time.Duration `json:"slowestStart"`   // of a gateway or the upstream, image at hand
	Traffic      time.Duration `json:"traffic"`        // the cells with traffic, side by side after the others
	Exclusive    time.Duration `json:"exclusive"`      // sum of the cells that run alone
	Images       time.Duration `json:"images"`         // getting images, before anything could start
	Busy         time.Duration `json:"busy,omitempty"` // in which no processor of the machine was idle: a faster one would have saved most of it
}

// WithinBar tells whether the run, images at hand, took no longer than its bar.
func (t Timing) WithinBar() bool { return t.Total-t.Images <= t.Bar() }

// Bar is the time a run may take: 1.25 x (longest parallel cell + slowest start) + the own time of the cells that the
// others would falsify: those with traffic, side by side, and the exclusive ones, one after the other.
func (t Timing) Bar() time.Duration {
	return (t.LongestCell+t.SlowestStart)*5/4 + t.Traffic + t.Exclusive
}

// Count counts the results of a verdict.
func (r *Report) Count(v Verdict) int {
	n := 0
	for _, res := range r.Results {
		if res.Verdict == v {
			n++
		}
	}
	return n
}
