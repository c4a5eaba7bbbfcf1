package check

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/run"
	"github.com/gatefault/gatefault/upstream"
)

// expectation gives the first of the policy's that is about a cell.
func (p *Project) expectation(c *judged) *Expect { return p.expects(c.Route, c.Cause, c.ID) }

func (p *Project) expects(route string, cause scenarios.Cause, scenario string) *Expect {
	for i, e := range p.Policy.Expect {
		if (e.Route == "" || e.Route == route) && (e.Cause == "" || e.Cause == cause) && (e.Scenario == "" || fits([]string{e.Scenario}, scenario)) {
			return &p.Policy.Expect[i]
		}
	}
	return nil
}

// unmet lists what a cell lacks of an expectation, in words.
func (e *Expect) unmet(c *judged) (out []string) {
	fail := func(is bool, format string, args ...any) {
		if is {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	fail(!e.Status.IsZero() && !e.Status.Met(c.Observed), "the client gets %s instead of %s", c.words(), e.Status)
	fail(e.Within > 0 && c.Total > e.Within, "it takes %s instead of at most %s", seconds(c.Total), e.Within)
	fail(e.Recovery > 0 && !c.Lasting && c.Recovery == nil, "requests still fail %s afterwards, instead of at most %s", c.looked(), e.Recovery)
	fail(e.Recovery > 0 && c.Recovery != nil && *c.Recovery > e.Recovery, "requests fail for %s afterwards instead of at most %s", recovery(c.Recovery), e.Recovery)
	fail(e.Attempts > 0 && !c.Uncounted && c.Attempts != e.Attempts, "the gateway goes to the upstream %s instead of %d", times(c.Attempts), e.Attempts)
	fail(e.MaxAttempts > 0 && c.Attempts > e.MaxAttempts, "the gateway goes to the upstream %s instead of at most %d", times(c.Attempts), e.MaxAttempts)
	fail(e.Truncation == Detectable && c.Observed.Kind == scenarios.Silent, "an answer that is cut looks complete")
	return out
}

// counts tells whether attempts are expected.
func (e *Expect) counts() bool { return e.Attempts > 0 || e.MaxAttempts > 0 }

func times(n int) string { return count(n, "time") }

// String says in words what is expected.
func (e Expect) String() string {
	var out []string
	add := func(is bool, text string) {
		if is {
			out = append(out, text)
		}
	}
	add(!e.Status.IsZero(), e.Status.String())
	add(e.Within > 0, fmt.Sprintf("within %s", e.Within))
	add(e.Attempts > 0, "after "+count(e.Attempts, "attempt"))
	add(e.MaxAttempts > 0, "after at most "+count(e.MaxAttempts, "attempt"))
	add(e.Recovery > 0, fmt.Sprintf("well again within %s", e.Recovery))
	add(e.Truncation != "", "a cut that can be told")
	return strings.Join(out, ", ")
}

// facet is what a finding is about; an expectation that speaks of it, and is met, takes its place.
type facet string

// Facets.
const (
	byOutcome  facet = "outcome"
	byTime     facet = "time"
	byRecovery facet = "recovery"
	byAttempts facet = "attempts"
	byContent  facet = "content" // no expectation speaks of it
)

// wanted tells whether the policy wants just what was observed in one facet.
func (c *judged) wanted(f facet) bool {
	e := c.expect
	if e == nil || len(c.unmet) > 0 {
		return false
	}
	switch f {
	case byOutcome:
		return !e.Status.IsZero()
	case byTime:
		return e.Within > 0
	case byRecovery:
		return e.Recovery > 0
	case byAttempts:
		return e.counts() && !c.Uncounted
	}
	return false
}

// accepted tells whether the outcome is one that the policy's default takes.
func (c *judged) accepted() bool {
	switch {
	case c.Verdict == run.Standard:
		return true
	case c.stance() == AcceptStandard:
		return false
	}
	return c.Verdict == run.Deviates || c.tolerable()
}

// tolerable tells whether an outcome tells the client the same as one that the standards permit. A user's own settings, such
// as health checks, retries or error pages, decide which of the gateway's errors it is; and whether a client sees nothing
// or a part of an answer that breaks off, it knows that it has not got it.
func (c *judged) tolerable() bool {
	cut := []scenarios.Kind{scenarios.Truncated, scenarios.Closed, scenarios.Reset}
	return slices.ContainsFunc(c.Scenario.Standard, func(e scenarios.Expectation) bool {
		if e.Outcome == (scenarios.Outcome{Kind: scenarios.Passed, Status: c.Observed.Status}) && c.bearsOurName() {
			return true // what the fault does to the answer's mark makes it look like the gateway's
		}
		return gatewayError(e.Outcome) && gatewayError(c.Observed) || e.Outcome.Kind == scenarios.Truncated && slices.Contains(cut, c.Observed.Kind)
	})
}

// bearsOurName tells whether an answer says which of our endpoints made it, though nothing shows to which request.
func (c *judged) bearsOurName() bool {
	return c.Observed.Kind == scenarios.Made && c.answer != nil && c.answer.header.Get(upstream.EndpointField) != ""
}

// gatewayError tells whether the gateway says that it got no good answer in time (RFC 9110 §15.6.3 to §15.6.5). An error page
// without a length ends with the connection, which may stay open while the gateway waits for the rest of the request; the
// client has its answer all the same.
func gatewayError(o scenarios.Outcome) bool {
	return (o.Kind == scenarios.Made || o.Kind == scenarios.Hang) && o.Status >= 502 && o.Status <= 504
}

const notCounted = "cannot be told where the gateway's health checks connect, too"

// uncounted tells of attempts that the policy expects and that cannot be told.
func (j *judging) uncounted() []string {
	var ids []string
	for _, c := range j.cells {
		if c.expect != nil && c.expect.counts() && c.Uncounted && !slices.Contains(ids, c.ID) {
			ids = append(ids, c.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s: the attempts that the policy expects %s.", list(ids), notCounted)}
}

// want says in words what the policy asks for.
func (c *judged) want() string {
	switch {
	case c.expect != nil && c.expect.counts() && c.Uncounted:
		return c.expect.String() + "; the attempts " + notCounted
	case c.expect != nil:
		return c.expect.String()
	}
	text := c.standards()
	if c.stance() == AcceptKnown && c.Known != nil && !strings.Contains(text, c.Known.Outcome.String()) {
		text += ", or " + c.Known.Outcome.String() + " as is known of " + c.Gateway.Name
	}
	return text
}

// standards lists the outcomes that the standards permit.
func (c *judged) standards() string {
	var out []string
	for _, e := range c.Standard {
		out = append(out, e.Want().String())
	}
	return strings.Join(out, " or ")
}

// instead says what was expected where something else came.
func (c *judged) instead() string {
	text := "the standards ask for " + c.standards()
	if c.Known != nil {
		text += ", and known of this version is " + c.Known.Outcome.String()
	}
	return text
}

// ignores gives the policy's reason to ignore a finding in a cell, or the whole cell; nil when it counts.
func (p *Plan) ignores(id string, c *judged) *Ignore {
	for i, e := range p.Project.Policy.Ignore {
		if !e.expired(p.Today) && (e.Route == "" || e.Route == c.Route) && (e.Finding == "" || e.Finding == id) && (e.Scenario == "" || fits([]string{e.Scenario}, c.ID)) {
			return &p.Project.Policy.Ignore[i]
		}
	}
	return nil
}

// expired tells what was ignored and counts again.
func (p *Plan) expired() (out []string) {
	for _, e := range p.Project.Policy.Ignore {
		if !e.expired(p.Today) {
			continue
		}
		what := e.Finding
		if e.Scenario != "" {
			what = strings.TrimSpace(what + " in " + e.Scenario)
			what = strings.TrimPrefix(what, "in ")
		}
		out = append(out, fmt.Sprintf("%s was ignored until %s and counts again: %s", capital(what), e.Until, e.Reason))
	}
	return out
}

// reproduce is the command that runs a cell alone.
func (p *Plan) reproduce(c *judged) string {
	if p.Reproduce == nil {
		return "gatefault check -s " + c.ID
	}
	route := c.Route
	if len(p.Routes) == 1 {
		route = ""
	}
	return p.Reproduce(route, c.ID)
}
