package check

import (
	"fmt"
	"slices"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/config"
)

// Times of cells that wait for the gateway's timeouts.
const (
	// margin is how much longer than its timeouts imply a gateway may take before it counts as hanging.
	margin = 5 * time.Second
	// longestChain is as long as a cell waits for timeouts unless there is a budget for more: a chain that is longer says
	// nothing new to clients who have lost their patience long before.
	longestChain = 4 * time.Minute
	// long is a cell of which only so many can wait side by side.
	long    = 10 * time.Second
	maxLong = 14
)

// until is the longest time that the timeouts let one phase take; ok is false when there is no limit.
func until(w config.Wait, p phase) (d time.Duration, ok bool) {
	tries := time.Duration(max(1, w.Tries))
	switch {
	case p == connecting:
		return w.Connect * tries, w.Connect > 0
	case w.OnlyConnect:
		return w.Read, w.Read > 0
	}
	return w.Read * tries, w.Read > 0
}

// timing decides how long the client waits on a route: for all that its timeouts imply, where there is time for it, else a
// little longer than its patience.
func (p *Plan) timing(r *PlannedRoute) {
	limit := longestChain
	if p.Project.Budget > 0 {
		limit = p.Project.Budget - Slack
	}
	r.Patience = p.Project.Policy.Patience + margin
	if r.Group == nil {
		return
	}
	if chain, ok := r.Group.Wait.Longest(); ok && chain <= limit {
		r.Patience, r.Whole = chain+margin, true
	}
}

// lasts is how long a cell that waits for a phase takes by the timeouts, as far as the client waits.
func (r *PlannedRoute) lasts(p phase) time.Duration {
	if r.Group != nil {
		if d, ok := until(r.Group.Wait, p); ok {
			return min(d, r.Patience)
		}
	}
	return r.Patience
}

// adapted gives a copy of a scenario for a route, or the reason why there can be none.
func (p *Plan) adapted(data *rules, s *scenarios.Scenario, r *PlannedRoute) (*scenarios.Scenario, string) {
	out := *s
	if why := data.tooShort(s, r.waits()); why != "" {
		return nil, why
	}
	i := slices.IndexFunc(data.Waits, func(w wait) bool { return w.Scenario == s.ID })
	switch {
	case i >= 0:
		out.Patience = r.Patience
		if b := p.Project.Budget; b > 0 && r.lasts(data.Waits[i].For)+Slack > b {
			return nil, fmt.Sprintf("it takes %s, and the budget is %s, of which starting and all that does not wait needs %s", r.lasts(data.Waits[i].For), b, Slack)
		}
	default: // a gateway that tries again answers late, too
		out.Patience = max(s.Patience, min(r.Patience, p.Project.Policy.Patience+margin))
	}
	if why := data.params(&out, r); why != "" {
		return nil, why
	}
	out.Target = scenarios.Both
	data.expectations(&out, s, r.traits)
	return &out, ""
}

// waits are the route's timeouts; without a configuration, none.
func (r *PlannedRoute) waits() config.Wait {
	if r.Group == nil {
		return config.Wait{}
	}
	return r.Group.Wait
}

// tooShort tells why a route's timeouts make another fault of a scenario.
func (r *rules) tooShort(s *scenarios.Scenario, w config.Wait) string {
	for _, n := range r.Needs {
		if n.Scenario == s.ID && (w.Connect > 0 && w.Connect < n.Connect || w.Read > 0 && w.Read < n.Read) {
			return n.Why
		}
	}
	return ""
}

// params makes the parameters of a copy of what the route's timeouts are.
func (r *rules) params(s *scenarios.Scenario, route *PlannedRoute) string {
	for _, a := range r.Adapt {
		if a.Scenario != s.ID {
			continue
		}
		value, why := a.value(route)
		if why != "" {
			return why
		}
		if before, err := time.ParseDuration(s.Params[a.Param]); err == nil && a.Most > 0 {
			value = min(value, before) // the second of two limits
		}
		params := map[string]string{a.Param: value.String()}
		for name, text := range s.Params {
			if name != a.Param {
				params[name] = text
			}
		}
		s.Params = params
	}
	f, err := s.Injects()
	if err == nil {
		_, err = f.Values(s.Params)
	}
	if err != nil {
		return fmt.Sprintf("the gateway's timeouts are too long for it: %s", err)
	}
	return ""
}

// value is what a parameter has to be on a route. One without a most is to outlast a timeout, so there has to be one that
// the client waits for.
func (a adapt) value(r *PlannedRoute) (time.Duration, string) {
	of := r.Patience
	if a.Of != patience {
		limit := map[phase]time.Duration{connecting: r.waits().Connect, reading: r.waits().Read}[a.Of]
		switch {
		case limit == 0 && a.Most > 0:
			return a.Most, ""
		case limit == 0 || a.Most == 0 && limit+margin > r.Patience:
			return 0, fmt.Sprintf("the gateway has no %s timeout that it could outlast while the client waits", a.Of)
		}
		of = limit
	}
	d := max(a.Least, time.Duration(a.Times*float64(of))+a.Plus).Round(time.Millisecond)
	if a.Most > 0 {
		d = min(d, a.Most)
	}
	return d, ""
}

// expectations takes out of the copy what depends on our own settings, how often a gateway tries and how long it leaves a
// server out, and adds what a user's configuration may do as well and what products do on routes like this one.
func (r *rules) expectations(out, s *scenarios.Scenario, t traits) {
	out.Standard, out.Pins = slices.Clone(s.Standard), slices.Clone(s.Pins)
	for i := range out.Standard {
		out.Standard[i].Attempts = 0
	}
	for i := range out.Pins {
		out.Pins[i].Attempts, out.Pins[i].Recovery = 0, nil
	}
	for _, k := range r.Known {
		if pin, ok := k.of(s, t); ok {
			out.Pins = slices.Insert(out.Pins, 0, pin)
		}
	}
	for _, a := range r.Also {
		if !fits(a.Scenarios, s.ID) {
			continue
		}
		further := scenarios.Expectation{Outcome: a.Outcome, Why: a.Why, Cite: a.Cite}
		if a.Made {
			further.Outcome = scenarios.Outcome{Kind: scenarios.Made, Status: s.Standard[0].Outcome.Status}
		}
		out.Standard = append(out.Standard, further)
	}
}
