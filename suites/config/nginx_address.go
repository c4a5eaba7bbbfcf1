package config

import (
	"net"
	"strconv"
	"strings"
)

// nginxPass says what a directive speaks that hands requests to an upstream. The prefix of the directives that go with it is
// its name up to _pass.
var nginxPasses = map[string]struct {
	schemes map[string]string // scheme -> protocol; empty: none is given
	port    uint16            // where the address has none; 0: it has to have one
}{
	"proxy_pass":     {map[string]string{"http": "http", "https": "tls"}, 80},
	"grpc_pass":      {map[string]string{"": "h2", "grpc": "h2", "grpcs": ""}, 80},
	"fastcgi_pass":   {map[string]string{"": "fcgi"}, 0},
	"uwsgi_pass":     {map[string]string{"": "", "uwsgi": "", "suwsgi": ""}, 0},
	"scgi_pass":      {map[string]string{"": ""}, 0},
	"memcached_pass": {map[string]string{"": ""}, 0},
}

// pass is the directive of the block alone that hands requests to an upstream. The last one counts, as it does in nginx.
func (s *nginxScope) pass() (directive, bool) {
	for i := len(s.list) - 1; i >= 0; i-- {
		if _, passes := nginxPasses[s.list[i].name]; passes && len(s.list[i].args) > 0 {
			return s.list[i], true
		}
	}
	return directive{}, false
}

// nginxTarget is where a pass directive leads.
type nginxTarget struct {
	scheme   string
	protocol string
	name     string // host, and port if one is given; or the name of an upstream block
	server   Server
}

// nginxURL takes apart what a pass directive says: http://app:8080/path, http://unix:/run/app.sock:/path, app:9000, group.
func nginxURL(pass, url string) (t nginxTarget, ok bool) {
	kind := nginxPasses[pass]
	rest := url
	if scheme, after, found := strings.Cut(url, "://"); found {
		t.scheme, rest = strings.ToLower(scheme), after
	}
	if t.protocol, ok = kind.schemes[t.scheme]; !ok {
		return t, false
	}
	if socket, unix := strings.CutPrefix(rest, "unix:"); unix {
		t.server.Socket, _, _ = strings.Cut(socket, ":")
		t.name = "unix:" + t.server.Socket
		return t, strings.HasPrefix(t.server.Socket, "/")
	}
	t.name = rest
	if end := strings.IndexAny(rest, "/?"); end >= 0 {
		t.name = rest[:end]
	}
	port := kind.port
	if t.scheme == "https" || t.scheme == "grpcs" {
		port = 443
	}
	t.server.Host, t.server.Port, ok = nginxHostPort(t.name, port)
	return t, ok
}

// nginxHostPort splits an address that may have no port.
func nginxHostPort(address string, otherwise uint16) (host string, port uint16, ok bool) {
	host, digits, err := net.SplitHostPort(address)
	if err != nil {
		host = strings.Trim(address, "[]")
		return host, otherwise, host != "" && (!strings.Contains(host, ":") || strings.HasPrefix(address, "["))
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	return host, uint16(n), err == nil && n > 0 && host != ""
}
