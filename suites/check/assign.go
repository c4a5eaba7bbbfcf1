package check

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/config"
	"github.com/gatefault/gatefault/suites/run"
)

// assign gives each route its scenarios, those first that wait for the gateway's timeouts.
func (p *Plan) assign(chosen []*scenarios.Scenario) error {
	data, err := loadRules()
	if err != nil {
		return err
	}
	for _, r := range p.Routes {
		r.characterize()
		p.timing(r)
		for _, s := range chosen {
			why := data.leftOut(s, r.traits)
			if why == "" {
				var copied *scenarios.Scenario
				if copied, why = p.adapted(data, s, r); why == "" {
					r.Scenarios = append(r.Scenarios, copied)
					continue
				}
			}
			r.leave(s.ID, why)
		}
		slices.SortStableFunc(r.Scenarios, func(a, b *scenarios.Scenario) int { return cmp.Compare(data.order(a.ID), data.order(b.ID)) })
	}
	for _, group := range sharing(p.Routes) {
		p.bound(data, group)
	}
	for _, r := range p.Routes {
		r.Longest = r.longest(data)
		for _, s := range r.Scenarios {
			if e := p.Project.expects(r.Name, s.Cause, s.ID); e != nil && e.Recovery > 0 {
				r.Watch = append(r.Watch, s.ID)
			}
		}
		p.explainPatience(r)
	}
	p.Routes = slices.DeleteFunc(p.Routes, func(r *PlannedRoute) bool { return r.traits.only != nil && len(r.Scenarios) == 0 })
	if p.Cells() == 0 {
		return ErrNothing
	}
	return nil
}

// characterize fills in what the rules ask of a route.
func (r *PlannedRoute) characterize() {
	r.traits.protocol = string(r.Protocol)
	socket := func(s config.Server) bool { return s.Socket != "" }
	r.traits.sockets = !slices.ContainsFunc(r.Servers, func(s config.Server) bool { return !socket(s) })
	r.traits.network = !slices.ContainsFunc(r.Servers, socket)
	r.traits.far = !slices.ContainsFunc(r.Servers, func(s config.Server) bool { return s.Kind() == config.Loopback || s.Kind() == config.Socket })
	r.traits.names = slices.ContainsFunc(r.Servers, func(s config.Server) bool { return s.Kind() == config.Name })
	r.traits.several = len(r.Servers) > 1
	for name := range r.Request.Headers {
		r.traits.upgrade = r.traits.upgrade || strings.EqualFold(name, "Upgrade")
	}
}

func (r *PlannedRoute) leave(id, why string) {
	for i := range r.LeftOut {
		if r.LeftOut[i].Why == why {
			r.LeftOut[i].Scenarios = append(r.LeftOut[i].Scenarios, id)
			return
		}
	}
	r.LeftOut = append(r.LeftOut, LeftOut{why, []string{id}})
}

// order is a scenario's place among those that wait; the others come after them.
func (r *rules) order(id string) int {
	if i := slices.IndexFunc(r.Waits, func(w wait) bool { return w.Scenario == id }); i >= 0 {
		return i
	}
	return len(r.Waits)
}

// sharing groups routes that have a server in common: their cells run one after the other.
func sharing(routes []*PlannedRoute) (groups [][]*PlannedRoute) {
	for _, r := range routes {
		joined := []*PlannedRoute{r}
		groups = slices.DeleteFunc(groups, func(g []*PlannedRoute) bool {
			if !slices.ContainsFunc(g, func(o *PlannedRoute) bool { return share(o.Servers, r.Servers) }) {
				return false
			}
			joined = append(slices.Clone(g), joined...)
			return true
		})
		groups = append(groups, joined)
	}
	return groups
}

func share(a, b []config.Server) bool {
	return slices.ContainsFunc(a, func(s config.Server) bool { return slices.ContainsFunc(b, sameServer(here(s))) }) ||
		slices.ContainsFunc(b, func(s config.Server) bool { return slices.ContainsFunc(a, sameServer(here(s))) })
}

// here gives localhost the address that it most often has.
func here(s config.Server) config.Server {
	if strings.EqualFold(s.Host, "localhost") {
		s.Host = "127.0.0.1"
	}
	return s
}

// bound leaves out the least telling of the long cells of routes that share servers, so that the others can all wait at the
// same time: each route in turn has its most telling one.
func (p *Plan) bound(data *rules, routes []*PlannedRoute) {
	left := maxLong
	for _, w := range data.Waits {
		for _, r := range routes {
			i := slices.IndexFunc(r.Scenarios, func(s *scenarios.Scenario) bool { return s.ID == w.Scenario })
			if i < 0 || r.lasts(w.For) <= long {
				continue
			}
			if left--; left < 0 {
				r.Scenarios = slices.Delete(r.Scenarios, i, i+1)
				r.leave(w.Scenario, fmt.Sprintf("it takes as long as the timeouts let it, %s, and %d such cells can wait side by side; those that run tell more", r.lasts(w.For), maxLong))
			}
		}
	}
}

// longest is how long the route's slowest cell takes by the timeouts.
func (r *PlannedRoute) longest(data *rules) (d time.Duration) {
	for _, s := range r.Scenarios {
		if i := data.order(s.ID); i < len(data.Waits) {
			d = max(d, r.lasts(data.Waits[i].For))
		}
	}
	return d
}

// explainPatience notes where the timeouts are not waited for in full.
func (p *Plan) explainPatience(r *PlannedRoute) {
	if r.Whole || r.Group == nil || r.Longest == 0 {
		return
	}
	if chain, ok := r.Group.Wait.Longest(); ok {
		p.Notes = append(p.Notes, fmt.Sprintf("%s: its timeouts let a request take %s, of which %s are waited for; a longer budget waits for all.", r.Name, chain, r.Patience))
		return
	}
	p.Notes = append(p.Notes, fmt.Sprintf("%s: no timeout limits the wait for an answer, so the client waits %s.", r.Name, r.Patience))
}

// chosen applies the names of routes on the command line.
func (p *Project) chosen(routes []*PlannedRoute) ([]*PlannedRoute, error) {
	if len(p.only) == 0 {
		return routes, nil
	}
	for _, name := range p.only {
		if err := routeExists(name, routes); err != nil {
			return nil, fmt.Errorf("--route: %w", err)
		}
	}
	return slices.DeleteFunc(routes, func(r *PlannedRoute) bool { return !slices.Contains(p.only, r.Name) }), nil
}

func routeExists(name string, routes []*PlannedRoute) error {
	var names []string
	for _, r := range routes {
		if r.Name == name {
			return nil
		}
		names = append(names, r.Name)
	}
	return fmt.Errorf("no route is called %q; there are %s", name, strings.Join(names, ", "))
}

// addressed tells of routes and scenarios that the policy names and that do not exist.
func (p *Project) addressed(routes []*PlannedRoute, catalogue *scenarios.Catalogue) error {
	check := func(at, route, scenario string) error {
		if route != "" {
			if err := routeExists(route, routes); err != nil {
				return p.errorf(at, "%w", err)
			}
		}
		if scenario == "" {
			return nil
		}
		if _, err := (run.Filter{Scenarios: []string{scenario}}).Select(catalogue); err != nil {
			return p.errorf(at, "%w", err)
		}
		return nil
	}
	for i, r := range p.Routes {
		for _, pattern := range r.Scenarios {
			if err := check(fmt.Sprintf("routes.%d.scenarios", i), "", pattern); err != nil {
				return err
			}
		}
	}
	for i, e := range p.Policy.Expect {
		if err := check(fmt.Sprintf("policy.expect.%d", i), e.Route, e.Scenario); err != nil {
			return err
		}
	}
	for i, e := range p.Policy.Ignore {
		if err := check(fmt.Sprintf("policy.ignore.%d", i), e.Route, e.Scenario); err != nil {
			return err
		}
	}
	return nil
}
