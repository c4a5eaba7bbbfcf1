package config

import (
	"net/netip"
	"strings"
	"time"

	"github.com/Masterminds/semver/v3"
)

// nginxUpstream is an upstream block.
type nginxUpstream struct {
	name    string
	scope   *nginxScope
	servers []Server
	resolve bool     // names are looked up while it runs
	down    []string // names of servers that get no requests, but are looked up
	at      Position
}

// addUpstream reads an upstream block: https://nginx.org/en/docs/http/ngx_http_upstream_module.html#server.
func (h *nginxHTTP) addUpstream(d directive, scope *nginxScope) {
	up := &nginxUpstream{name: d.args[0], scope: scope, at: d.at}
	for _, line := range scope.own("server") {
		up.add(line)
	}
	if len(scope.own("balancer_by_lua_block"))+len(scope.own("balancer_by_lua_file")) > 0 {
		up.servers = nil // Lua chooses others
	}
	key := strings.ToLower(up.name)
	if h.upstreams[key] == nil {
		h.order = append(h.order, key)
	}
	h.upstreams[key] = up
}

func (up *nginxUpstream) add(line directive) {
	server, ok := nginxServerAddress(line.arg(0))
	if !ok {
		return
	}
	server.At = line.at
	down := false
	for _, parameter := range line.args[1:] {
		switch parameter {
		case "backup":
			server.Backup = true
		case "down", "drain":
			down = true
		case "resolve":
			up.resolve = true
		}
	}
	if !down {
		up.servers = append(up.servers, server)
	} else if server.Kind() == Name {
		up.down = append(up.down, server.Host)
	}
}

// nginxServerAddress is a server's address in an upstream block. Without a port it is 80, with https too.
func nginxServerAddress(address string) (s Server, ok bool) {
	if socket, unix := strings.CutPrefix(address, "unix:"); unix {
		return Server{Socket: socket}, strings.HasPrefix(socket, "/")
	}
	s.Host, s.Port, ok = nginxHostPort(address, 80)
	return s, ok
}

// group is the group of servers that a pass directive leads to for this request. ok is false where that cannot be known.
func (w *nginxWalk) group(pass directive) (g Group, ok bool) {
	url, known := w.expand(pass.arg(0))
	target, ok := nginxURL(pass.name, url)
	if !known || !ok {
		return g, false
	}
	family := strings.TrimSuffix(pass.name, "_pass")
	g = Group{Protocol: target.protocol, At: pass.at}
	up := w.h.upstreams[strings.ToLower(target.name)]
	if up != nil {
		g.Name, g.Servers, g.At = up.name, up.servers, up.at
		if up.resolve {
			g.Resolvers = nginxResolvers(up.scope)
		}
	} else {
		target.server.At = pass.at
		g.Name, g.Servers = target.server.Key(), []Server{target.server}
		if nginxVariable(pass.arg(0)) && target.server.Kind() == Name {
			g.Resolvers = nginxResolvers(w.scope)
		}
	}
	if len(g.Servers) == 0 || g.Servers[0].Socket == "" && g.Servers[0].Port == 0 {
		return g, false
	}
	w.secure(&g, family, target)
	g.Wait = nginxWait(w.scope, family, len(g.Servers))
	g.Pool = up != nil && w.pools(up.scope, family)
	g.Checked = len(w.scope.own("health_check")) > 0 // https://nginx.org/en/docs/http/ngx_http_upstream_hc_module.html
	return g, true
}

// secure says what is spoken in the end, and how the server has to prove itself:
// https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_ssl_name.
func (w *nginxWalk) secure(g *Group, family string, target nginxTarget) {
	if family == "proxy" && w.scope.text("proxy_http_version", "") == "2" {
		g.Protocol = map[string]string{"http": "h2"}[target.scheme] // HTTP/2 over TLS is not known here
	}
	if target.scheme != "https" && target.scheme != "grpcs" && target.scheme != "suwsgi" {
		return
	}
	g.Verify = w.scope.on(family + "_ssl_verify")
	name, known := w.expand(w.scope.text(family+"_ssl_name", target.name))
	if host, _, ok := nginxHostPort(name, 443); known && ok {
		g.ServerName = host
	}
}

// nginxWait are the timeouts, 60 seconds by default, and the tries: each server once, unless told otherwise.
// See https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_connect_timeout, #proxy_read_timeout,
// #proxy_next_upstream, #proxy_next_upstream_tries and #proxy_next_upstream_timeout, which are the same for the other protocols.
func nginxWait(scope *nginxScope, family string, servers int) Wait {
	const usual = 60 * time.Second
	wait := Wait{Connect: scope.wait(family+"_connect_timeout", usual), Read: scope.wait(family+"_read_timeout", usual), Tries: servers}
	if most := scope.number(family + "_next_upstream_tries"); most > 0 {
		wait.Tries = min(wait.Tries, most)
	}
	wait.Within, _ = nginxTime(scope.text(family+"_next_upstream_timeout", "0"))
	if next, ok := scope.find(family + "_next_upstream"); ok && next.arg(0) == "off" {
		wait.Tries = 1
	}
	return wait
}

// pools says that connections to an upstream block are kept. Servers that a pass directive names itself have no pool. HTTP has
// one if it is 1.1 and says nothing of closing; from 1.29.7 on that is the default, with 32 connections:
// https://nginx.org/en/docs/http/ngx_http_upstream_module.html#keepalive and ngx_http_upstream_keepalive_init_main_conf.
// A version that is not known counts as an older one, so that what is told here is certain.
func (w *nginxWalk) pools(up *nginxScope, family string) bool {
	byDefault := nginxSince(w.h.src.Version, "1.29.7")
	kept := up.own("keepalive")
	if len(kept) == 0 && !byDefault || len(kept) > 0 && kept[0].arg(0) == "0" {
		return false
	}
	switch family {
	case "proxy":
		connection, said := w.proxied("connection")
		version := w.scope.text("proxy_http_version", map[bool]string{true: "1.1", false: "1.0"}[byDefault])
		return version != "1.0" && (said || byDefault) && !strings.EqualFold(connection, "close")
	case "fastcgi":
		return w.scope.on("fastcgi_keep_conn")
	}
	return family == "grpc" || family == "memcached"
}

// proxied is the value of a field that is set in requests to the upstream.
func (w *nginxWalk) proxied(field string) (value string, set bool) {
	for _, d := range w.scope.all("proxy_set_header") {
		if strings.EqualFold(d.arg(0), field) {
			value, _ = w.expand(d.arg(1))
			set = true
		}
	}
	return value, set
}

func nginxSince(version, first string) bool {
	v, err := semver.NewVersion(version)
	return err == nil && !v.LessThan(semver.MustParse(first))
}

// nginxResolvers are the name servers in force: https://nginx.org/en/docs/http/ngx_http_core_module.html#resolver.
func nginxResolvers(scope *nginxScope) []string {
	var all []string
	for _, d := range scope.all("resolver") {
		for _, address := range d.args {
			if !strings.Contains(address, "=") {
				all = append(all, address)
			}
		}
	}
	return all
}

// itself finds the entry of nginx's own that a server is.
func (h *nginxHTTP) itself(s Server) (entry int, ok bool) {
	if s.Kind() != Loopback {
		return 0, false
	}
	for i, e := range h.entries {
		addr, err := netip.ParseAddr(e.Host)
		if e.Port == s.Port && (e.Host == "" || e.apart() || err == nil && addr.IsUnspecified()) {
			return i, true
		}
	}
	return 0, false
}
