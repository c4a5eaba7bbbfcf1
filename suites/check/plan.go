package check

import (
	"errors"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/config"
	"github.com/gatefault/gatefault/suites/run"
)

// Plan is what a check is to run.
type Plan struct {
	Project *Project
	// Config is what the gateway's configuration says; nil where it is not known, behind a target.
	Config *config.Config
	Routes []*PlannedRoute
	// Upstreams is all that the configuration names, whether a route leads there or not: the gateway may not start unless
	// every name is found.
	Upstreams []config.Server
	// Notes tell what the user might not expect, one sentence each.
	Notes []string
	// Reproduce gives the command that runs one scenario alone, on a route if it has to be named; nil: one without any of
	// the user's own flags.
	Reproduce func(route, scenario string) string
	// Today decides what has expired.
	Today time.Time

	known map[string]definition // findings by id
	mends map[string]mend       // in the product's configuration
}

// PlannedRoute is a way through the gateway and what is to run on it.
type PlannedRoute struct {
	run.Route
	// Group and At are what it leads to and where the configuration says so; nil and zero where that is not known.
	Group *config.Group
	At    config.Position
	// Patience is how long the client waits in cells that last as long as the gateway's timeouts let them. Whole says that
	// this covers all that the timeouts imply.
	Patience time.Duration
	Whole    bool
	// Longest is the longest time that a cell takes by the timeouts.
	Longest time.Duration
	// LeftOut are the scenarios that do not run, and why.
	LeftOut []LeftOut

	traits traits
}

// LeftOut are scenarios that a route does not run, for one reason.
type LeftOut struct {
	Why       string
	Scenarios []string
}

// Resolve finds out what to run: the routes of the configuration, or of the project where it names some, and the scenarios
// that say something of each, adapted to its timeouts. cfg may be nil with a target. Every error is the user's mistake.
func Resolve(p *Project, cfg *config.Config, catalogue *scenarios.Catalogue, today time.Time) (*Plan, error) {
	known, err := definitions()
	if err != nil {
		return nil, err
	}
	mends, err := mendsOf(p.Gateway)
	if err != nil {
		return nil, err
	}
	chosen, err := p.filter.Select(catalogue)
	if err != nil {
		return nil, err
	}
	r := &resolver{Project: p, cfg: cfg}
	if err := r.declare(); err != nil {
		return nil, err
	}
	routes, err := r.routes()
	if err != nil {
		return nil, err
	}
	if err := p.addressed(routes, catalogue); err != nil {
		return nil, err
	}
	if routes, err = p.chosen(routes); err != nil {
		return nil, err
	}
	plan := &Plan{Project: p, Config: cfg, Routes: routes, Upstreams: r.named(), Notes: r.notes, Today: today, known: known, mends: mends}
	return plan, plan.assign(chosen)
}

// Bar is the time that the check may take, images at hand: what its longest cell may, by the timeouts of the configuration,
// and [Slack].
func (p *Plan) Bar() time.Duration { return p.Longest() + Slack }

// Longest is the longest time that a cell takes by the timeouts of the configuration, as far as it is waited for.
func (p *Plan) Longest() (longest time.Duration) {
	for _, r := range p.Routes {
		longest = max(longest, r.Longest)
	}
	return longest
}

// Cells counts what is to run.
func (p *Plan) Cells() (n int) {
	for _, r := range p.Routes {
		n += len(r.Scenarios)
	}
	return n
}

// Ways are the routes as a run takes them.
func (p *Plan) Ways() (out []run.Route) {
	for _, r := range p.Routes {
		out = append(out, r.Route)
	}
	return out
}

// route finds a route by its name; nil when there is none.
func (p *Plan) route(name string) *PlannedRoute {
	for _, r := range p.Routes {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// ErrNothing says that each scenario is left out of each route, for reasons that the plan tells.
var ErrNothing = errors.New("no scenario is left to run on any route; gatefault check --list tells why")
