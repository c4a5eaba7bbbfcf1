package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// maxWalks bounds the requests that are tried, so that a configuration of thousands of servers is read in seconds.
const maxWalks = 50_000

// nginxRoutes finds ways to upstreams by following requests that may lead there.
type nginxRoutes struct {
	*nginxHTTP
	groups  []Group
	byKey   map[string]int
	found   map[nginxRouteKey]*nginxRoute
	order   []nginxRouteKey
	passed  map[Position]bool // pass directives that a request came to
	walks   int
	varying []nginxVariation
	helped  map[*nginxServer][]nginxVariation // that led to a route
}

type nginxRouteKey struct {
	server *nginxServer
	entry  int
	pass   Position
	group  int
}

type nginxRoute struct {
	Route
	rank   int      // less is better
	wanted []string // files that have to be there
}

func (h *nginxHTTP) routes() *nginxRoutes {
	rs := &nginxRoutes{
		nginxHTTP: h, byKey: map[string]int{}, found: map[nginxRouteKey]*nginxRoute{}, passed: map[Position]bool{},
		helped: map[*nginxServer][]nginxVariation{}, varying: h.variations(),
	}
	for _, tries := range []func(*nginxServer, nginxRequest){rs.plain, rs.varied, rs.combined} {
		for _, s := range h.servers {
			for _, entry := range h.worth(s) {
				if host, ok := rs.host(s, entry); ok {
					tries(s, nginxRequest{entry: entry, host: host, method: "GET", path: "/"})
				}
			}
		}
	}
	rs.unreached()
	return rs
}

// worth are the entries of a server that are worth a request: one for IPv6 alone is not if IPv4 has the same port.
func (h *nginxHTTP) worth(s *nginxServer) []int {
	ports := map[uint16]bool{}
	for _, i := range s.entries {
		ports[h.entries[i].Port] = ports[h.entries[i].Port] || h.entries[i].Host == ""
	}
	var worth []int
	for _, i := range s.entries {
		if e := h.entries[i]; e.Host == "" || !ports[e.Port] {
			worth = append(worth, i)
		}
	}
	return worth
}

// host is the best Host field that leads to the server on an entry.
func (rs *nginxRoutes) host(s *nginxServer, entry int) (string, bool) {
	if rs.entries[entry].TLS && s.scope.on("ssl_reject_handshake") {
		return "", false
	}
	for _, host := range s.hosts() {
		if rs.server(entry, host) == s {
			return host, true
		}
	}
	return "", false
}

// plain tries a GET of a path for each location.
func (rs *nginxRoutes) plain(s *nginxServer, r nginxRequest) {
	s.each(func(l *nginxLocation) { rs.location(l, r) })
	rs.try(r, nil)
}

// location tries the paths of a location until one leads through it.
func (rs *nginxRoutes) location(l *nginxLocation, r nginxRequest, variations ...nginxVariation) {
	for _, path := range append(l.paths(), "/") {
		varied, ok := r, true
		varied.path = path
		for _, v := range variations {
			if varied, ok = v.apply(varied); !ok {
				return
			}
		}
		if rs.server(r.entry, varied.host) == rs.server(r.entry, r.host) && rs.try(varied, l) {
			return
		}
	}
}

// varied tries what maps and conditions tell apart.
func (rs *nginxRoutes) varied(s *nginxServer, r nginxRequest) {
	for _, v := range rs.varying {
		before := len(rs.order)
		s.each(func(l *nginxLocation) { rs.location(l, r, v) })
		if len(rs.order) > before {
			rs.helped[s] = append(rs.helped[s], v)
		}
	}
}

// combined tries what helped together with all else, for locations that were not reached: behind a condition that every request
// has to meet, such as a field that a load balancer adds, there may be others.
func (rs *nginxRoutes) combined(s *nginxServer, r nginxRequest) {
	for _, helped := range rs.helped[s] {
		for _, v := range rs.varying {
			s.each(func(l *nginxLocation) {
				if v.variable != helped.variable && rs.open(l.scope) {
					rs.location(l, r, helped, v)
				}
			})
		}
	}
}

// open says that a location has a pass directive that no request came to.
func (rs *nginxRoutes) open(scope *nginxScope) bool {
	for i, d := range scope.list {
		if d.name == "if" && rs.open(scope.child(i)) {
			return true
		}
	}
	pass, passes := scope.pass()
	return passes && !rs.passed[pass.at]
}

// try follows a request, if need be with files of the document root that are not there. done says that it went through the
// location to an upstream.
func (rs *nginxRoutes) try(r nginxRequest, through *nginxLocation) (done bool) {
	for _, assume := range []bool{false, true} {
		if rs.walks++; rs.walks > maxWalks {
			return true
		}
		if w, pass, ok := rs.walk(r, assume); ok {
			rs.passed[pass.at] = true
			return rs.add(w, pass) && w.first == through
		}
	}
	return false
}

// add keeps a way to an upstream, or a better one than is known to the same.
func (rs *nginxRoutes) add(w *nginxWalk, pass directive) bool {
	request := w.request
	w, pass, ok := rs.through(w, pass)
	if !ok {
		return false
	}
	group, ok := w.group(pass)
	if !ok {
		return false
	}
	route := &nginxRoute{Route: w.route(request, pass, rs.intern(group)), wanted: w.wanted}
	route.rank = w.rank(request, route.Needs)
	key := nginxRouteKey{w.server, request.entry, pass.at, route.Group}
	if known := rs.found[key]; known == nil {
		rs.order = append(rs.order, key)
	} else if known.rank <= route.rank {
		return true
	}
	rs.found[key] = route
	return true
}

// through follows a request that nginx passes to an entry of its own.
func (rs *nginxRoutes) through(w *nginxWalk, pass directive) (*nginxWalk, directive, bool) {
	for range maxJumps {
		url, _ := w.expand(pass.arg(0))
		target, ok := nginxURL(pass.name, url)
		if !ok || rs.sockets[target.server.Socket] {
			return w, pass, false
		}
		servers := []Server{target.server}
		if up := rs.upstreams[strings.ToLower(target.name)]; up != nil && len(up.servers) > 0 {
			servers = up.servers
		}
		entry, itself := rs.itself(servers[0])
		if !itself {
			return w, pass, true
		}
		r := w.request
		r.entry, r.path, r.query = entry, w.path, w.query
		r.host = target.server.Host // $proxy_host, the default
		if host, set := w.proxied("host"); set {
			r.host = host
		}
		if w, pass, ok = rs.walk(r, w.assume); !ok {
			return w, pass, false
		}
	}
	return w, pass, false
}

// intern is the index of a group; those that are alike in all but their place are one.
func (rs *nginxRoutes) intern(g Group) int {
	key := fmt.Sprint(g.Name, g.Protocol, g.Verify, g.ServerName, g.Wait, g.Pool, g.Checked, g.Resolvers)
	for _, s := range g.Servers {
		key += fmt.Sprint(" ", s.Key(), s.Backup)
	}
	i, known := rs.byKey[key]
	if !known {
		i = len(rs.groups)
		rs.byKey[key] = i
		rs.groups = append(rs.groups, g)
	}
	return i
}

// unreached adds the groups that no request was found for: nginx looks up their names all the same.
func (rs *nginxRoutes) unreached() {
	for _, s := range rs.servers {
		s.each(func(l *nginxLocation) { rs.static(s, l, l.scope) })
	}
	for _, key := range rs.nginxHTTP.order {
		up := rs.upstreams[key]
		if slices.ContainsFunc(rs.groups, func(g Group) bool { return g.At == up.at }) || len(up.servers) == 0 {
			continue
		}
		if _, itself := rs.itself(up.servers[0]); !itself {
			rs.intern(Group{Name: up.name, Servers: up.servers, Wait: nginxWait(rs.scope, "proxy", len(up.servers)), At: up.at})
		}
	}
}

// static adds the groups of a block's pass directives that need no request to be known.
func (rs *nginxRoutes) static(s *nginxServer, l *nginxLocation, scope *nginxScope) {
	for i, d := range scope.list {
		if d.name == "if" || d.name == "limit_except" {
			rs.static(s, l, scope.child(i))
		}
	}
	pass, ok := scope.pass()
	if !ok || rs.passed[pass.at] {
		return
	}
	w := rs.at(s, l, l.match)
	w.scope = scope
	for _, d := range slices.Concat(s.scope.own("set"), l.scope.own("set"), scope.own("set")) {
		w.assign(d)
	}
	if w, pass, ok := rs.through(w, pass); ok {
		if group, ok := w.group(pass); ok {
			rs.intern(group)
		}
	}
}

// sorted are the routes, best first, and the files that have to be there.
func (rs *nginxRoutes) sorted() (all []Route, wanted []Use) {
	slices.SortStableFunc(rs.order, func(a, b nginxRouteKey) int { return cmp.Compare(rs.found[a].rank, rs.found[b].rank) })
	for _, key := range rs.order {
		route := rs.found[key]
		all = append(all, route.Route)
		for _, file := range route.wanted {
			wanted = append(wanted, Use{Path: file, Role: Data, At: route.At})
		}
	}
	return all, wanted
}
