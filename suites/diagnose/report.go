package diagnose

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/gatefault/gatefault/scenarios"
)

// FormatVersion is the version of the JSON form. It changes when a reader of the old form could misread the new one.
const FormatVersion = 1

// Report is what logs tell. Times are as the logs write them, without a zone.
type Report struct {
	Format    int      `json:"format" jsonschema:"version of this form"`
	Kind      string   `json:"kind" jsonschema:"diagnosis"`
	Gatefault string   `json:"gatefault,omitempty" jsonschema:"version of the program"`
	Gateway   string   `json:"gateway" jsonschema:"product that wrote the logs"`
	Version   string   `json:"version,omitempty" jsonschema:"version of the product, where it was told"`
	Sources   []Source `json:"sources"`
	From      string   `json:"from,omitempty" jsonschema:"earliest time in the logs, as they write it"`
	To        string   `json:"to,omitempty" jsonschema:"latest time"`
	Width     int64    `json:"width,omitempty" jsonschema:"seconds that a bucket of time is long"`

	Lines    int     `json:"lines"`
	Requests int     `json:"requests" jsonschema:"access lines"`
	Ordinary int     `json:"ordinary" jsonschema:"lines that tell of no failure"`
	Complete bool    `json:"complete" jsonschema:"lines of an error log were there, or the product needs none"`
	Groups   []Group `json:"groups" jsonschema:"failures that have the same causes, the most frequent first"`
	Further  int     `json:"further,omitempty" jsonschema:"incidents of further groups, beyond the bound"`
	Unknown  Unknown `json:"unknown" jsonschema:"lines that nothing is known of"`
	Harmless []Kind  `json:"harmless,omitempty" jsonschema:"lines that fit a sign, but that healthy traffic has, too"`
	Causes   []Cause `json:"causes,omitempty" jsonschema:"of all groups together, the most probable first"`
}

// Source is a file that was read.
type Source struct {
	Name     string `json:"name"`
	Bytes    int64  `json:"bytes"`
	Lines    int    `json:"lines"`
	Cut      int    `json:"cut,omitempty" jsonschema:"lines that were longer than 64 KiB, and of which the rest was left out"`
	Readable int    `json:"readable" jsonschema:"lines in a form of the product"`
	Error    string `json:"error,omitempty" jsonschema:"why its end was not read"`
}

// Group is a sort of failure and what may have made it.
type Group struct {
	Incidents int      `json:"incidents" jsonschema:"failed requests, or lines where they name no request"`
	Status    int      `json:"status,omitempty" jsonschema:"that clients got; absent: not known"`
	Sign      string   `json:"sign" jsonschema:"what tells it: a pattern, or the status"`
	First     string   `json:"first,omitempty"`
	Last      string   `json:"last,omitempty"`
	Over      []Bucket `json:"over,omitempty" jsonschema:"incidents over time"`
	Causes    []Cause  `json:"causes" jsonschema:"that fit, the most probable first"`
	Evidence  []string `json:"evidence" jsonschema:"some of the lines"`
}

// Bucket is a piece of time that has incidents.
type Bucket struct {
	At    string `json:"at"`
	Count int    `json:"count"`
}

// Cause is a candidate.
type Cause struct {
	Cause     scenarios.Cause `json:"cause"`
	Share     float64         `json:"share" jsonschema:"an estimate of how probable it is among the candidates"`
	Scenarios []Candidate     `json:"scenarios,omitempty" jsonschema:"that have this cause and fit, the most probable first, at most 5"`
	More      int             `json:"more,omitempty" jsonschema:"further scenarios"`
}

// Candidate is a scenario that fits.
type Candidate struct {
	ID        string             `json:"scenario"`
	Title     string             `json:"title"`
	Next      string             `json:"next" jsonschema:"the check that tells it from the other candidates"`
	Operator  scenarios.Operator `json:"operator"`
	Reproduce string             `json:"reproduce" jsonschema:"the command that makes the same failure"`
}

// Kind is a sort of lines that are no sign.
type Kind struct {
	Lines  int      `json:"lines"`
	Why    string   `json:"why"`
	Sample []string `json:"sample"`
}

// Unknown are lines that no rule fits.
type Unknown struct {
	Lines   int    `json:"lines" jsonschema:"of errors that are not known"`
	Foreign int    `json:"foreign" jsonschema:"that are in no form of the product"`
	Kinds   []Kind `json:"kinds,omitempty"`
}

const (
	mostScenarios = 5
	mostEvidence  = 6
)

// Report tells what was found so far.
func (d *Diagnosis) Report() *Report {
	r := &Report{
		Format: FormatVersion, Kind: "diagnosis", Gateway: d.rules.Gateway, Sources: []Source{}, From: inWords(d.clock.from), To: inWords(d.clock.to),
		Lines: d.lines, Requests: d.requests, Ordinary: d.idle, Complete: d.complete(), Groups: []Group{}, Further: d.further, Unknown: d.unknowns(),
	}
	if d.clock.from != 0 {
		r.Width = widths[d.clock.width]
	}
	r.Groups, r.Causes = d.told()
	for _, n := range slices.Sorted(maps.Keys(d.idleOf)) {
		s := d.idleOf[n]
		r.Harmless = append(r.Harmless, Kind{Lines: s.seen, Why: d.rules.idleWhy[n], Sample: s.lines()})
	}
	return r
}

// complete tells whether a failure without an error line tells something.
func (d *Diagnosis) complete() bool { return d.events || d.rules.Gateway == "haproxy" }

// told joins the groups that the same sign tells, and weighs the causes of all.
func (d *Diagnosis) told() ([]Group, []Cause) {
	var overall []causeShare
	of, total := map[string][]*group{}, 0
	for _, g := range d.sorted() {
		sign := d.sign(g.signature)
		of[sign] = append(of[sign], g)
		total += g.count
		overall = weigh(overall, causes(d.rules.rank(g.signature, d.complete())), float64(g.count))
	}
	groups := make([]Group, 0, len(of))
	for sign, members := range of {
		groups = append(groups, d.group(sign, members))
	}
	slices.SortFunc(groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Incidents, a.Incidents), cmp.Compare(a.First, b.First), cmp.Compare(a.Sign, b.Sign))
	})
	slices.SortStableFunc(overall, func(a, b causeShare) int { return cmp.Compare(b.share, a.share) })
	for n := range overall {
		overall[n].share /= float64(max(total, 1))
	}
	return groups, d.candidates(overall, false)
}

// weigh adds the causes of a group to those of all.
func weigh(all, shares []causeShare, weight float64) []causeShare {
	for _, c := range shares {
		n := slices.IndexFunc(all, func(o causeShare) bool { return o.cause == c.cause })
		if n < 0 {
			n = len(all)
			all = append(all, causeShare{cause: c.cause})
		}
		all[n].share += weight * c.share
	}
	return all
}

// group tells of failures that have a sign in common, and of the causes of the most frequent sort of them.
func (d *Diagnosis) group(sign string, members []*group) Group {
	out := Group{Sign: sign}
	var line timeline
	var first, last int64
	for _, g := range members {
		out.Incidents += g.count
		out.Status = cmp.Or(out.Status, int(g.signature.status))
		if g.first != 0 {
			first, last = min(cmp.Or(first, g.first), g.first), max(last, g.last)
		}
		g.time.coarsen(&d.clock)
		line.join(&g.time)
		for _, c := range g.classes {
			for _, text := range c.sample.lines() {
				if len(out.Evidence) < mostEvidence {
					out.Evidence = append(out.Evidence, text)
				}
			}
		}
	}
	s := members[0].signature
	s.status = cmp.Or(s.status, int16(out.Status))
	out.Causes = d.candidates(causes(d.rules.rank(s, d.complete())), true)
	out.First, out.Last, out.Over = inWords(first), inWords(last), line.buckets(&d.clock)
	return out
}

// sign names what tells a group.
func (d *Diagnosis) sign(s signature) string {
	if title := d.rules.title(s.events); title != "" {
		return title
	}
	if title := d.rules.title(s.answer); title != "" && s.status < 500 {
		return title
	}
	if s.told {
		return fmt.Sprintf("status %d with an error line that is not known", s.status)
	}
	if d.complete() {
		return fmt.Sprintf("status %d without an error line", s.status)
	}
	return fmt.Sprintf("status %d; the error log was not given", s.status)
}

// candidates writes causes, with their scenarios where all is to be told.
func (d *Diagnosis) candidates(shares []causeShare, full bool) []Cause {
	all := []Cause{}
	for _, c := range shares {
		cause := Cause{Cause: c.cause, Share: math.Round(c.share*1000) / 1000}
		for n, x := range c.of {
			switch {
			case !full:
			case n >= mostScenarios:
				cause.More++
			default:
				cause.Scenarios = append(cause.Scenarios, Candidate{
					ID: x.ID, Title: x.Title, Next: x.Operator.Checks[0], Operator: x.Operator,
					Reproduce: fmt.Sprintf("gatefault run -g %s -s %s", d.rules.Gateway, x.ID),
				})
			}
		}
		all = append(all, cause)
	}
	return all
}

func (d *Diagnosis) unknowns() (u Unknown) {
	for _, c := range d.classes {
		if c.unknown == 0 {
			continue
		}
		if c.kind == foreign {
			u.Foreign += c.unknown
		} else {
			u.Lines += c.unknown
		}
		u.Kinds = append(u.Kinds, Kind{Lines: c.unknown, Why: unknownWhy[c.kind], Sample: c.sample.lines()})
	}
	slices.SortFunc(u.Kinds, func(a, b Kind) int {
		return cmp.Or(cmp.Compare(b.Lines, a.Lines), slices.Compare(a.Sample, b.Sample))
	})
	return u
}

var unknownWhy = map[kind]string{foreign: "in no form of the product", event: "an error that is not known"}

// Schema gives the JSON Schema (draft 2020-12) of a [Report], made from the Go types.
func Schema() ([]byte, error) {
	s, err := jsonschema.For[Report](nil)
	if err != nil {
		return nil, fmt.Errorf("make the schema of a diagnosis: %w", err)
	}
	s.Title = "gatefault diagnosis"
	return json.MarshalIndent(s, "", "  ")
}
