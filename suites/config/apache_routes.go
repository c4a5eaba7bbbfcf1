package config

import (
	"slices"
	"strings"
)

// routes follows requests for everything that passes some on.
func (a *apacheReader) routes() {
	var all rankedRoutes
	for _, server := range append(slices.Clip(a.hosts), a.main) {
		ways := a.ways(server)
		for i, entry := range a.config.Entries {
			if server.main == nil && len(a.at(entry, yes)) > 0 || server.main != nil && server.takes(entry) == no {
				continue
			}
			for _, goal := range ways.goals() {
				if r, doubt, ok := a.route(ways, goal, i); ok {
					all.add(r, doubt, entry)
				}
			}
		}
	}
	a.config.Routes = withoutTunnels(all.sorted(), a.config.Groups)
}

// goals are the passes that lead to a group.
func (w *apacheWays) goals() []*apachePass {
	all := slices.Concat(w.rules, w.located, w.passes, w.handlers)
	return slices.DeleteFunc(all, func(p *apachePass) bool { return p.to < 0 })
}

// hostsFor are host names that lead to a server, for want of one the empty name.
func (s *apacheServer) hostsFor() []string {
	if s.main == nil {
		return []string{""}
	}
	var hosts []string
	for _, name := range s.names {
		hosts = append(hosts, strings.NewReplacer("*", "www", "?", "a").Replace(name))
	}
	return append(hosts, "")
}

func (a *apacheReader) route(w *apacheWays, goal *apachePass, entry int) (Route, truth, bool) {
	var best Route
	bestDoubt, found := yes+1, false
	sure := yes
	if w.server.main != nil {
		sure = w.server.takes(a.config.Entries[entry])
	}
	for _, s := range goal.starts(a.config.Entries[entry], w.server.hostsFor()) {
		stop := w.follow(s, goal)
		if stop.pass != goal || a.chosen(s, sure) != w.server {
			continue
		}
		r := Route{Entry: entry, Host: s.host, Path: s.path, Headers: s.fields, Group: goal.to, At: goal.at}
		doubt, allowed := w.allows(s, &r)
		if sure == unknown {
			r.Needs, doubt = "the address "+strings.Join(w.server.addresses, " "), yes
		}
		if doubt = max(doubt, stop.doubt); !allowed || doubt >= bestDoubt {
			continue
		}
		if s.method != "GET" {
			r.Method = s.method
		}
		r.WebSocket = a.tunnels(w, goal, s)
		r.Cache = w.caches(s)
		best, bestDoubt, found = r, doubt, true
	}
	return best, bestDoubt, found
}

// tunnels tells whether a WebSocket handshake for the same goes to the same server, by a way that takes it.
func (a *apacheReader) tunnels(w *apacheWays, goal *apachePass, s sample) bool {
	stop := w.follow(s.handshake(), goal)
	if stop.pass == nil || !stop.pass.upgrade {
		return false
	}
	server, other := a.config.Groups[goal.to].Servers[0], a.config.Groups[stop.pass.to].Servers[0]
	return server.Key() == other.Key()
}

// withoutTunnels leaves out ways that only handshakes go, where other requests reach the same server.
func withoutTunnels(routes []Route, groups []Group) []Route {
	key := func(r Route) string { return groups[r.Group].Servers[0].Key() }
	return slices.DeleteFunc(slices.Clone(routes), func(r Route) bool {
		return r.Headers["upgrade"] != "" && slices.ContainsFunc(routes, func(other Route) bool {
			return other.WebSocket && other.Headers["upgrade"] == "" && other.Entry == r.Entry && other.Host == r.Host && key(other) == key(r)
		})
	})
}

// allows tells whether a request is let through by the sections for its path, of which the last one with a word on it decides
// (the manual, mod_authz_core, AuthMerging).
func (w *apacheWays) allows(s sample, r *Route) (doubt truth, ok bool) {
	at, _, _ := strings.Cut(s.path, "?")
	ok = true
	for _, server := range []*apacheServer{w.server.main, w.server} {
		if server == nil {
			continue
		}
		sections(server.list, nil, func(chain []apacheSection) {
			inner := chain[len(chain)-1]
			applies := inner.kind == "proxy" && inner.pattern == "*" || inner.kind == "location" && chainHolds(chain, at) == yes
			if applies {
				doubt, ok = inner.allows(s, r, doubt, ok)
			}
		})
	}
	return doubt, ok
}

func (section apacheSection) allows(s sample, r *Route, doubt truth, ok bool) (truth, bool) {
	for _, d := range section.list {
		first := strings.ToLower(d.arg(0))
		switch {
		case d.name == "redirect", d.name == "redirectmatch", d.name == "sslrequiressl" && !s.entry.TLS:
			ok = false
		case d.name == "require" && first == "all":
			r.Needs, doubt, ok = "", no, strings.EqualFold(d.arg(1), "granted")
		case d.name == "require" && (first == "valid-user" || first == "user" || first == "group"):
			r.Needs, doubt, ok = "a password", yes, true
		case d.name == "require", d.name == "deny":
			doubt = max(doubt, unknown)
		}
	}
	return doubt, ok
}

// caches tells whether answers are stored (the manual, mod_cache, CacheEnable).
func (w *apacheWays) caches(s sample) bool {
	found := false
	for _, server := range []*apacheServer{w.server.main, w.server} {
		if server == nil {
			continue
		}
		for _, d := range server.list {
			found = found || d.name == "cacheenable" && (len(d.args) < 2 || strings.HasPrefix(s.path, d.args[1]))
		}
		sections(server.list, nil, func(chain []apacheSection) {
			inside := slices.ContainsFunc(chain[len(chain)-1].list, func(d directive) bool { return d.name == "cacheenable" })
			found = found || inside && chainHolds(chain, s.path) == yes
		})
	}
	return found
}
