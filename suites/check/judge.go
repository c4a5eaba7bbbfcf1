package check

import (
	"slices"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/run"
)

// Judge holds what a run observed against what its plan's policy asks for, and finds what harms the gateway's users and
// operators.
func Judge(p *Plan, r *run.Report) *Report {
	j := &judging{plan: p, busy: map[string]time.Duration{}}
	for _, res := range r.Results {
		if res.Recovery != nil && res.Observed.Kind == scenarios.Passed && res.Observed.Status < 400 {
			j.busy[res.Route] = max(j.busy[res.Route], *res.Recovery)
		}
	}
	for _, res := range r.Results {
		if route := p.route(res.Route); route != nil {
			j.cells = append(j.cells, j.judge(res, route))
		}
	}
	j.sameAnswers()
	j.apologies()
	out := &Report{Started: r.Started, Subject: p.subject(r), Timing: r.Timing, Longest: p.Longest(), Run: r, Notes: slices.Concat(p.Notes, p.expired(), j.uncounted())}
	for _, c := range j.cells {
		out.Cells = append(out.Cells, c.conclude())
	}
	out.Findings, out.Product = j.findings()
	return out
}

// subject says what was checked.
func (p *Plan) subject(r *run.Report) Subject {
	s := Subject{Config: p.Project.Config, Target: p.Project.Target, Stands: r.Stands}
	for _, g := range r.Gateways {
		s.Gateway = g
	}
	for _, route := range p.Routes {
		s.Routes = append(s.Routes, route.Name)
	}
	return s
}

// judging is the state of a judgement.
type judging struct {
	plan  *Plan
	cells []*judged
	// busy is how long, at most, healthy requests of a route failed after one that had not failed: what a machine does that is
	// too busy.
	busy map[string]time.Duration
}

// judged is one cell under the policy.
type judged struct {
	*run.Result
	plan   *Plan
	route  *PlannedRoute
	answer *answer // what the client got, taken apart; nil where it is no HTTP
	expect *Expect // of the policy, if any is about the cell
	unmet  []string
	seen   []sighting
	busy   time.Duration // see judging
}

// sighting is a finding in one cell.
type sighting struct {
	id   string
	seen string // one sentence
	// weight orders the sightings of one finding: it is told where it shows best.
	weight  float64
	ignored *Ignore
	product bool // this version of the product does it in every configuration
}

// hasVerdict tells whether something was observed that says something of the gateway.
func (c *judged) hasVerdict() bool {
	return c.Verdict == run.Standard || c.Verdict == run.Deviates || c.Verdict == run.Drifted
}

// judge looks at one cell.
func (j *judging) judge(res *run.Result, route *PlannedRoute) *judged {
	c := &judged{Result: res, plan: j.plan, route: route, busy: j.busy[res.Route]}
	c.expect = c.plan.Project.expectation(c)
	if !c.hasVerdict() {
		return c
	}
	c.answer = parseAnswer(res)
	if c.expect != nil {
		c.unmet = c.expect.unmet(c)
	}
	for _, d := range detectors {
		if seen, weight := d.see(c); seen != "" && !c.wanted(d.facet) {
			c.add(d.id, seen, weight)
		}
	}
	c.policy()
	return c
}

// add notes a sighting, and whether the policy ignores it.
func (c *judged) add(id, seen string, weight float64) {
	s := sighting{id: id, seen: seen, weight: weight, ignored: c.plan.ignores(id, c)}
	s.product = c.plan.known[id].Product && c.stance() == AcceptKnown && c.Verdict == run.Deviates
	c.seen = append(c.seen, s)
}

func (c *judged) stance() Stance { return c.plan.Project.Policy.Default }

// policy finds what the policy does not accept and nothing else tells of.
func (c *judged) policy() {
	if len(c.unmet) > 0 {
		c.add(NotAsExpected, capital(list(c.unmet))+".", 1)
		return
	}
	told := slices.ContainsFunc(c.seen, func(s sighting) bool {
		return ofOutcome(s.id) || s.id == PostRepeated && c.Observed.Kind == scenarios.Passed
	})
	if c.expect != nil && !c.expect.Status.IsZero() || c.accepted() || told {
		return
	}
	if c.stance() == AcceptStandard && (c.Verdict == run.Deviates || c.tolerable()) {
		c.add(NotStandard, "The client gets "+c.words()+"; the standards ask for "+c.standards()+".", 1)
		return
	}
	c.add(UnexpectedAnswer, "The client gets "+c.words()+"; "+c.instead()+".", 1)
}

// conclude gives the cell its status.
func (c *judged) conclude() Cell {
	out := Cell{Result: c.Result, Status: OK, Want: c.want(), Why: c.Reason, Reproduce: c.plan.reproduce(c)}
	if !c.hasVerdict() {
		out.Status = Skipped
		return out
	}
	failed, ignored := false, (*Ignore)(nil)
	for _, s := range c.seen {
		if s.product {
			continue
		}
		out.Findings = append(out.Findings, s.id)
		switch {
		case s.ignored != nil:
			ignored = s.ignored
		case c.plan.known[s.id].Severity != Note:
			failed = true
		}
	}
	switch {
	case failed:
		out.Status, out.Why = Failed, c.worst().seen
	case ignored != nil:
		out.Status, out.Why = Ignored, "Ignored until "+ignored.Until+": "+ignored.Reason
	case c.expect != nil:
		out.Why = "As the policy expects."
	case c.Verdict == run.Drifted:
		out.Why = "It is neither what the standards ask for nor what is known of this version, but tells the client as much."
	}
	return out
}

// worst is the most severe of the sightings that count.
func (c *judged) worst() sighting {
	var worst sighting
	for _, s := range c.seen {
		if s.ignored == nil && !s.product && (worst.id == "" || rank(c.plan.known[s.id].Severity) < rank(c.plan.known[worst.id].Severity)) {
			worst = s
		}
	}
	return worst
}
