package check

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/config"
	"github.com/gatefault/gatefault/suites/run"
)

// way is a group and the routes of the configuration that lead there.
type way struct {
	group  *config.Group
	routes []config.Route
}

// detected makes a route of each group that a client can reach; groups that do the same to the same servers are one.
func (r *resolver) detected(covered func(*config.Group) bool) (out []*PlannedRoute) {
	for _, w := range r.ways() {
		if covered(w.group) {
			continue
		}
		main := r.plan(w.group, w.routes[0])
		if main == nil {
			continue
		}
		out = append(out, main)
		i := slices.IndexFunc(w.routes, func(c config.Route) bool { return c.WebSocket })
		if i > 0 && !w.routes[0].WebSocket {
			if further := r.plan(w.group, w.routes[i]); further != nil {
				further.Name += " websocket"
				further.traits.only = []string{"ws.*"}
				out = append(out, further)
			}
		}
	}
	return out
}

// ways gathers the routes to each group that gatefault can speak to, best first.
func (r *resolver) ways() (out []*way) {
	for i := range r.cfg.Groups {
		g := &r.cfg.Groups[i]
		if g.Protocol == "" {
			r.note("%s", capital(unspeakable(g)))
			continue
		}
		routes := r.routesTo(i)
		if len(routes) == 0 {
			continue
		}
		at := slices.IndexFunc(out, func(w *way) bool { return alike(*w.group, *g) })
		if at < 0 {
			at, out = len(out), append(out, &way{group: g})
		}
		out[at].routes = append(out[at].routes, routes...)
	}
	for _, w := range out {
		slices.SortStableFunc(w.routes, func(a, b config.Route) int { return cmp.Compare(hindrance(a), hindrance(b)) })
	}
	return out
}

// hindrance tells how much stands between the upstream and the client on a route.
func hindrance(c config.Route) (n int) {
	for _, has := range []bool{c.WebSocket, c.RateLimit, c.Cache} {
		if has {
			n++
		}
	}
	return n
}

// routesTo lists the routes to a group that a client of ours can take, those at the wanted entry if there are any.
func (r *resolver) routesTo(group int) []config.Route {
	var out, there []config.Route
	for _, c := range r.cfg.Routes {
		switch {
		case c.Group != group:
		case c.Needs != "":
			r.note("%s: clients need %s here, so this way is not taken; write a route with headers in the project.", c.At, c.Needs)
		case r.cfg.Entries[c.Entry].ProxyProtocol && r.Entry.IsZero():
			r.note("%s: the entry wants the PROXY protocol, which gatefault does not speak, so this way is not taken.", r.cfg.Entries[c.Entry].At)
		default:
			out = append(out, c)
			if r.cfg.Entries[c.Entry].Port == r.Entry.Port {
				there = append(there, c)
			}
		}
	}
	if len(there) > 0 {
		return there
	}
	if len(out) == 0 {
		g := r.cfg.Groups[group]
		r.note("%s: no request is known that leads to %s; write one in the project, under routes.", g.At, g.Name)
	}
	return out
}

// plan makes a route; nil, with a note, when it cannot be entered.
func (r *resolver) plan(g *config.Group, c config.Route) *PlannedRoute {
	p := &PlannedRoute{Route: run.Route{Name: g.Name, Request: scenarios.Request{
		Method: cmp.Or(c.Method, defaultRequest.Method), Path: cmp.Or(c.Path, defaultRequest.Path), Headers: maps.Clone(c.Headers)}}}
	p.lead(g, c.At)
	p.RateLimited, p.traits.websocket = c.RateLimit, c.WebSocket
	var err error
	if p.Entry, err = r.entry(r.Entry, &c); err != nil {
		r.note("%s: %s.", c.At, err)
		return nil
	}
	return p
}

// alike tells whether two groups do the same to the same servers.
func alike(a, b config.Group) bool {
	if a.Protocol != b.Protocol || a.Wait != b.Wait || a.Verify != b.Verify || a.ServerName != b.ServerName || a.Pool != b.Pool || a.Checked != b.Checked {
		return false
	}
	return slices.EqualFunc(a.Servers, b.Servers, func(s, t config.Server) bool { return keyOf(s) == keyOf(t) && s.Backup == t.Backup })
}

// distinguish gives routes of one name the request besides, and a number where that is not enough.
func distinguish(routes []*PlannedRoute) {
	count := map[string]int{}
	for _, r := range routes {
		count[r.Name]++
	}
	seen := map[string]int{}
	for _, r := range routes {
		if count[r.Name] > 1 {
			r.Name += " " + r.Request.Path
		}
		if seen[r.Name]++; seen[r.Name] > 1 {
			r.Name += fmt.Sprintf(" #%d", seen[r.Name])
		}
	}
}

// nowhere tells why there is no route to check.
func (r *resolver) nowhere() error {
	text := "no request is known that leads through the gateway to an upstream; write one with --request, such as --request 'GET /api/health'"
	for _, note := range r.notes {
		text += "\n  " + note
	}
	return errors.New(text)
}

// unspeakable tells of a group whose protocol is none of ours.
func unspeakable(g *config.Group) string {
	return fmt.Sprintf("%s (%s) is spoken to in a protocol that gatefault does not know; it knows HTTP, HTTPS, HTTP/2 and FastCGI.", g.Name, g.At)
}
