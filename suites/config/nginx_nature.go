package config

import (
	"net/netip"
	"strings"
)

// route says what is known of a request's way once it has come to its end.
func (w *nginxWalk) route(r nginxRequest, pass directive, group int) Route {
	family := strings.TrimSuffix(pass.name, "_pass")
	route := Route{
		Entry: r.entry, Host: r.host, Path: r.target(), Headers: r.fields(), Group: group, At: pass.at,
		Cache:     w.scope.text(family+"_cache", "off") != "off",
		RateLimit: len(w.scope.all("limit_req"))+len(w.scope.all("limit_conn")) > 0,
		Needs:     w.needs(),
	}
	if r.method != "GET" {
		route.Method = r.method
	}
	for _, d := range w.scope.all("proxy_set_header") {
		route.WebSocket = route.WebSocket || strings.EqualFold(d.arg(0), "upgrade") && d.arg(1) != ""
	}
	return route
}

// needs is what clients have to bring that cannot be known here.
func (w *nginxWalk) needs() string {
	switch {
	case w.server.scope.on("ssl_verify_client"):
		return "a client certificate (ssl_verify_client)"
	case w.scope.text("auth_basic", "off") != "off":
		return "a password (auth_basic)"
	case w.scope.text("auth_jwt", "off") != "off":
		return "a token (auth_jwt)"
	case nginxDenies(w.scope):
		return "an address that is allowed (allow, deny)"
	}
	return ""
}

// client stands for the addresses that our clients have, which are those of our own networks of containers. In a sandbox on this
// machine they come from elsewhere (package sandbox), and rules that name one of the two networks tell them apart: then a way is
// passed over with a note, or taken and refused, which the proof of the route tells. A route of the project goes either way.
var client = netip.MustParseAddr("10.83.0.1")

// nginxDenies says that our clients are refused by their address. Allow and deny are one list, and the first that fits counts.
// See https://nginx.org/en/docs/http/ngx_http_access_module.html.
func nginxDenies(scope *nginxScope) bool {
	for scope != nil && len(scope.own("allow"))+len(scope.own("deny")) == 0 {
		scope = scope.outer
	}
	if scope == nil {
		return false
	}
	for _, d := range scope.list {
		if (d.name == "allow" || d.name == "deny") && nginxCovers(d.arg(0), client) {
			return d.name == "deny"
		}
	}
	return false
}

// nginxCovers says that an address is among those of an access rule.
func nginxCovers(rule string, addr netip.Addr) bool {
	if prefix, err := netip.ParsePrefix(rule); err == nil {
		return prefix.Contains(addr)
	}
	return rule == "all" || rule == addr.String()
}

// rank says how good a way is to try first: less is better. What clients would have to bring weighs most, then how far the
// request is from a plain GET of a path on the first entry for everyone.
func (w *nginxWalk) rank(r nginxRequest, needs string) int {
	entry := w.h.entries[r.entry]
	rank := 0
	for _, c := range []struct {
		so     bool
		weight int
	}{
		{needs != "", 1000}, {entry.apart(), 500}, {entry.ProxyProtocol, 200}, {len(r.headers) > 0, 100}, {r.method != "GET", 50}, {r.query != "", 30},
		{w.scope.text("auth_request", "off") != "off", 20}, {entry.TLS, 10}, {!entry.everywhere(), 8}, {len(w.wanted) > 0, 4}, {w.failed, 3},
		{w.first != nil && w.first.match != "/", 2}, {w.jumps > 0, 1},
	} {
		if c.so {
			rank += c.weight
		}
	}
	return rank
}
