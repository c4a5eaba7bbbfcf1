package check

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/config"
	"github.com/gatefault/gatefault/suites/run"
	"github.com/gatefault/gatefault/upstream"
)

// routes gives the ways to check: those of the project, or those of the configuration.
func (r *resolver) routes() ([]*PlannedRoute, error) {
	if len(r.Routes) > 0 {
		return r.explicit()
	}
	asked, err := r.asked()
	if err != nil {
		return nil, err
	}
	if r.cfg == nil {
		return asked, nil
	}
	detected := r.detected(func(g *config.Group) bool {
		return slices.ContainsFunc(asked, func(a *PlannedRoute) bool { return alike(*a.Group, *g) })
	})
	all := append(asked, detected...)
	if len(all) == 0 {
		return nil, r.nowhere()
	}
	distinguish(all)
	return all, nil
}

// asked makes a route of each request on the command line; without a configuration there is at least one.
func (r *resolver) asked() (out []*PlannedRoute, err error) {
	routes := slices.Clone(r.Project.asked)
	for _, req := range r.requests {
		routes = append(routes, Route{Request: req, Headers: r.headers})
	}
	if r.cfg == nil && len(routes) == 0 {
		routes = []Route{{}}
	}
	for _, route := range routes {
		planned, err := r.explicitRoute("", route)
		if err != nil {
			return nil, err
		}
		if planned.Group != nil && route.Name == "" {
			planned.Name = planned.Group.Name
		}
		out = append(out, planned)
	}
	return out, nil
}

// explicit makes the routes that the project names. A request on the command line takes the place of the only one's.
func (r *resolver) explicit() ([]*PlannedRoute, error) {
	if len(r.requests) > 1 || len(r.requests) == 1 && len(r.Routes) > 1 {
		return nil, fmt.Errorf("--request takes the place of the only route's, and the project has %s; leave it out, or name a route with --route", count(len(r.Routes), "route"))
	}
	var out []*PlannedRoute
	var errs []error
	for i, route := range r.Routes {
		if len(r.requests) == 1 {
			route.Name, route.Request = route.name(), r.requests[0]
			route.Headers = merged(route.Headers, r.headers)
		}
		planned, err := r.explicitRoute(fmt.Sprintf("routes.%d", i), route)
		out, errs = append(out, planned), append(errs, err)
	}
	for _, route := range r.Project.asked {
		planned, err := r.explicitRoute("", route)
		out, errs = append(out, planned), append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	distinguish(out)
	return out, nil
}

// explicitRoute makes a route of what a user says, which stands at a key of the file, or on the command line.
func (r *resolver) explicitRoute(at string, route Route) (*PlannedRoute, error) {
	if route.Request.IsZero() {
		route.Request = defaultRequest
	}
	route = route.hosted()
	out := &PlannedRoute{Route: run.Route{Name: route.name(), Protocol: upstream.HTTP1, Request: scenarios.Request{
		Method: route.Request.Method, Path: route.Request.Path, Headers: route.Headers}}}
	var way *config.Route
	if r.cfg != nil {
		var err error
		if way, err = r.find(at, route); err != nil {
			return nil, err
		}
		group := &r.cfg.Groups[way.Group]
		if group.Protocol == "" {
			return nil, r.errorf(at, "%s", unspeakable(group))
		}
		out.lead(group, way.At)
		out.RateLimited, out.traits.websocket = way.RateLimit, way.WebSocket
	} else if out.Servers = servers(route.Upstreams); len(out.Servers) == 0 {
		out.Servers = servers(r.Upstreams)
	}
	entry := route.Entry
	if entry.IsZero() {
		entry = r.Entry
	}
	var err error
	if out.Entry, err = r.entry(entry, way); err != nil {
		return nil, r.errorf(at, "%w", err)
	}
	out.Entry.Host, out.traits.only = cmp.Or(route.Host, out.Entry.Host), route.Scenarios
	return out, nil
}

// hosted takes a field Host for the route's host.
func (r Route) hosted() Route {
	r.Headers = maps.Clone(r.Headers)
	for name, value := range r.Headers {
		if strings.EqualFold(name, "Host") {
			r.Host = cmp.Or(r.Host, value)
			delete(r.Headers, name)
		}
	}
	return r
}

func servers(all []Upstream) (out []config.Server) {
	for _, u := range all {
		out = append(out, u.Server)
	}
	return out
}

// find tells which way of the configuration a route of the user's means: one to its upstreams and at its host, that with the
// longest path that its request begins with, and of several the one that has most in common with it.
func (r *resolver) find(at string, route Route) (*config.Route, error) {
	wanted := servers(route.Upstreams)
	var best *config.Route
	most := -1
	for i := range r.cfg.Routes {
		way := &r.cfg.Routes[i]
		if !r.leadsToAll(way.Group, wanted) {
			continue
		}
		if n := r.common(route, way); n > most {
			best, most = way, n
		}
	}
	if best != nil {
		return best, nil
	}
	for i := range r.cfg.Groups { // a way that could not be read
		if r.leadsToAll(i, wanted) && (len(wanted) > 0 || len(r.cfg.Groups) == 1) {
			return &config.Route{Entry: -1, Group: i, At: r.cfg.Groups[i].At}, nil
		}
	}
	return nil, r.errorf(at, "nothing tells which upstream %s leads to; write it in the project as a route with upstreams, of %s", route.Request, places(r.used()))
}

// common tells how much a route of the user's and a way of the configuration have in common; -1 when it is another one.
func (r *resolver) common(route Route, way *config.Route) int {
	path, _, _ := strings.Cut(route.Request.Path, "?")
	prefix, _, _ := strings.Cut(way.Path, "?")
	host := hostOf(way.Host)
	if !strings.HasPrefix(path, prefix) || route.Host != "" && host != "" && !strings.EqualFold(route.Host, host) {
		return -1
	}
	n := 8 * len(prefix)
	entry := cmp.Or(route.Entry.Port, r.Entry.Port)
	for weight, same := range []bool{route.Request.Method == cmp.Or(way.Method, defaultRequest.Method), strings.EqualFold(route.Host, host), entry == r.cfg.Entries[way.Entry].Port} {
		if same {
			n += 1 << weight
		}
	}
	return n
}

func (r *resolver) leadsToAll(group int, wanted []config.Server) bool {
	return !slices.ContainsFunc(wanted, func(s config.Server) bool { return !slices.ContainsFunc(r.cfg.Groups[group].Servers, sameServer(s)) })
}

// lead has the route lead to a group.
func (p *PlannedRoute) lead(g *config.Group, at config.Position) {
	p.Group, p.At, p.Servers = g, at, g.Servers
	p.Protocol = upstream.Protocol(g.Protocol)
	p.Names = certificateNames(g)
	p.Checked = g.Checked
	p.traits.pool, p.traits.verify = g.Pool, g.Verify
}

// certificateNames are what a gateway may look for in the upstream's certificate.
func certificateNames(g *config.Group) (out []string) {
	names := []string{g.ServerName}
	for _, s := range g.Servers {
		names = append(names, s.Host)
	}
	for _, name := range append(names, g.Name) {
		_, _, err := net.SplitHostPort(name)
		if name != "" && err != nil && !strings.ContainsAny(name, " /_$:") && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// entry says where clients come in: where the user says, else where the way of the configuration begins, or its first entry.
func (r *resolver) entry(given Entry, way *config.Route) (run.Entry, error) {
	if r.Target != "" {
		return targetEntry(r.Target)
	}
	var out run.Entry
	entries := r.cfg.Entries
	i := 0
	if way != nil {
		i, out.Host = max(0, way.Entry), hostOf(way.Host)
	}
	if given.Port != 0 {
		i = slices.IndexFunc(entries, func(e config.Entry) bool { return e.Port == given.Port })
		out.Port, out.TLS = given.Port, given.Scheme == "https" || given.Scheme == "" && given.Port == 443
		out.Host = cmp.Or(given.Host, out.Host)
	}
	if i < 0 || i >= len(entries) {
		if given.Port == 0 {
			return out, errors.New("the configuration does not tell where clients come in; say it with --entry, such as --entry :80")
		}
		return out, nil
	}
	if entries[i].ProxyProtocol {
		return out, fmt.Errorf("the entry at port %d (%s) wants the PROXY protocol, which gatefault does not speak; name another one with --entry", entries[i].Port, entries[i].At)
	}
	out.Port = entries[i].Port
	if given.Scheme == "" {
		out.TLS = entries[i].TLS
	}
	return out, nil
}

// hostOf is a name that a pattern of names stands for; empty where there is none to be told.
func hostOf(pattern string) string {
	if rest, ok := strings.CutPrefix(pattern, "*."); ok {
		pattern = "www." + rest
	}
	if strings.ContainsAny(pattern, "*~^$\\ /") || strings.HasPrefix(pattern, ".") {
		return ""
	}
	return pattern
}

// targetEntry takes apart the URL of a gateway that runs already.
func targetEntry(target string) (run.Entry, error) {
	u, err := url.Parse(target)
	if err != nil {
		return run.Entry{}, fmt.Errorf("target %q is no URL: %w", target, err)
	}
	port := standardPort(u.Scheme)
	if u.Port() != "" {
		n, err := strconv.ParseUint(u.Port(), 10, 16)
		if err != nil {
			return run.Entry{}, fmt.Errorf("target %q has no port: %w", target, err)
		}
		port = uint16(n)
	}
	return run.Entry{Port: port, TLS: u.Scheme == "https", Host: u.Host}, nil
}
