package config

import (
	"cmp"
	"path"
	"strings"
)

// nginxHTTP is what the http blocks of a configuration say.
type nginxHTTP struct {
	files   *Files
	src     Source
	main    *nginxScope
	scope   *nginxScope
	servers []*nginxServer
	// upstreams are the upstream blocks, in lower case; order is theirs.
	upstreams map[string]*nginxUpstream
	order     []string
	maps      map[string]*nginxMap // by the variable that they set, in lower case
	entries   []Entry
	sockets   map[string]bool // unix sockets that it listens on itself
	exprs     map[nginxExprKey]*nginxExpr
	chosen    map[nginxKey]*nginxServer
	byEntry   [][]*nginxServer
}

type nginxExprKey struct {
	expr string
	fold bool
}

// nginxKey is what a server is chosen by.
type nginxKey struct {
	entry int
	host  string
}

// nginxServer is a virtual server.
type nginxServer struct {
	*nginxLocation
	names   []string // in lower case, except for expressions
	entries []int
	standby map[int]bool // default_server on an entry
}

// newNginxHTTP reads the http blocks; a file that is meant to be included in one, such as conf.d/default.conf, counts as one.
func newNginxHTTP(files *Files, src Source, top []directive) *nginxHTTP {
	h := &nginxHTTP{
		files: files, src: src, upstreams: map[string]*nginxUpstream{}, maps: map[string]*nginxMap{}, sockets: map[string]bool{},
		exprs: map[nginxExprKey]*nginxExpr{}, chosen: map[nginxKey]*nginxServer{},
	}
	h.main = newNginxScope(nil, top)
	h.scope = h.main
	for i, d := range top {
		if d.name == "http" {
			h.block(h.main.child(i))
		}
	}
	if len(h.main.own("http")) == 0 {
		h.block(h.main)
	}
	return h
}

func (h *nginxHTTP) block(scope *nginxScope) {
	h.scope = scope
	for i, d := range scope.list {
		switch {
		case d.name == "upstream" && len(d.args) > 0:
			h.addUpstream(d, scope.child(i))
		case (d.name == "map" || d.name == "geo") && len(d.args) > 0:
			h.addMap(d)
		case d.name == "server":
			h.addServer(d, scope.child(i))
		}
	}
}

func (h *nginxHTTP) addServer(d directive, scope *nginxScope) {
	s := &nginxServer{nginxLocation: newNginxLocation(nil, scope, directive{at: d.at}), standby: map[int]bool{}}
	for _, names := range scope.own("server_name") {
		for _, name := range names.args {
			if !strings.HasPrefix(name, "~") {
				name = strings.ToLower(name)
			}
			s.names = append(s.names, name)
		}
	}
	listens := scope.own("listen")
	if len(listens) == 0 {
		// https://nginx.org/en/docs/http/ngx_http_core_module.html#listen: *:80 for the super-user, who starts nginx here.
		listens = []directive{{name: "listen", args: []string{"80"}, at: d.at}}
	}
	for _, listen := range listens {
		if socket, unix := strings.CutPrefix(listen.arg(0), "unix:"); unix {
			h.sockets[socket] = true
		}
		for _, l := range nginxListens(listen) {
			h.listen(s, l)
		}
	}
	h.servers = append(h.servers, s)
}

// listen makes a server answer on an entry. What one server says of the entry holds for all of them.
func (h *nginxHTTP) listen(s *nginxServer, l nginxListen) {
	if s.scope.on("ssl") {
		l.entry.TLS = true // up to 1.25.0
	}
	if s.scope.on("http2") {
		l.entry.HTTP2 = true // since 1.25.1
	}
	i := h.entry(l)
	e := &h.entries[i]
	e.TLS, e.HTTP2, e.ProxyProtocol = e.TLS || l.entry.TLS, e.HTTP2 || l.entry.HTTP2, e.ProxyProtocol || l.entry.ProxyProtocol
	s.entries = append(s.entries, i)
	s.standby[i] = l.standby
}

func (h *nginxHTTP) entry(l nginxListen) int {
	for i, e := range h.entries {
		if e.Host == l.host && e.Port == l.port {
			return i
		}
	}
	h.entries = append(h.entries, l.entry)
	return len(h.entries) - 1
}

// on lists the servers of an entry, the one for unknown hosts first.
func (h *nginxHTTP) on(entry int) []*nginxServer {
	if h.byEntry == nil {
		h.byEntry = make([][]*nginxServer, len(h.entries))
		for _, s := range h.servers {
			for i, standby := range s.standby {
				h.byEntry[i] = append(h.byEntry[i], s)
				if standby {
					h.byEntry[i] = append([]*nginxServer{s}, h.byEntry[i]...)
				}
			}
		}
	}
	return h.byEntry[entry]
}

// server is the one that takes a request for a host: an exact name, the longest wildcard before or after, the first
// expression, or the default. See https://nginx.org/en/docs/http/server_names.html.
func (h *nginxHTTP) server(entry int, host string) *nginxServer {
	key := nginxKey{entry, host}
	best, known := h.chosen[key]
	if known {
		return best
	}
	rank := -1
	for _, s := range h.on(entry) {
		if r := h.rank(s.names, host); r > rank {
			best, rank = s, r
		}
	}
	h.chosen[key] = best
	return best
}

// rank says how well the best of a server's names fits a host.
func (h *nginxHTTP) rank(names []string, host string) int {
	rank := 0
	for _, name := range names {
		rank = max(rank, nginxNameRank(name, host))
		if expr, isExpr := strings.CutPrefix(name, "~"); isExpr && rank == 0 && host != "" {
			if h.expression(expr, true).matches(host) {
				rank = 1
			}
		}
	}
	return rank
}

// expression compiles an expression once.
func (h *nginxHTTP) expression(expr string, fold bool) *nginxExpr {
	key := nginxExprKey{expr, fold}
	compiled, known := h.exprs[key]
	if !known {
		compiled = nginxExpression(expr, fold)
		h.exprs[key] = compiled
	}
	return compiled
}

// nginxNameRank says how well a name that is no expression fits a host: 0 not at all, more is better.
func nginxNameRank(name, host string) int {
	const exact, before, after = 3_000_000, 2_000_000, 1_000_000
	suffix, isBefore := strings.CutPrefix(name, "*.")
	start, isAfter := strings.CutSuffix(name, ".*")
	switch {
	case host == "":
	case name == host, strings.TrimPrefix(name, ".") == host:
		return exact
	case isBefore && strings.HasSuffix(host, "."+suffix), strings.HasPrefix(name, ".") && strings.HasSuffix(host, name):
		return before + len(name)
	case isAfter && strings.HasPrefix(host, start+"."):
		return after + len(name)
	}
	return 0
}

// hosts are values of the Host field that may lead to the server on an entry, best first; "" is any.
func (s *nginxServer) hosts() []string {
	var exact, others []string
	for _, name := range s.names {
		host, isExact := nginxHostFor(name)
		switch {
		case !validHost(host):
		case isExact:
			exact = append(exact, host)
		default:
			others = append(others, host)
		}
	}
	return append(append(exact, others...), "")
}

// nginxHostFor is a host that a server's name, or a map's key among hostnames, fits; empty if none was found.
func nginxHostFor(name string) (host string, exact bool) {
	switch {
	case strings.HasPrefix(name, "~"):
		host, _ = nginxExpression(name[1:], true).example()
		return host, false
	case strings.HasPrefix(name, "*."):
		return "www" + name[1:], false
	case strings.HasSuffix(name, ".*"):
		return name[:len(name)-1] + "example", false
	}
	return strings.TrimPrefix(name, "."), true
}

// validHost says that a name can stand in a Host field and in a certificate: _ and "" are names that none should match.
func validHost(name string) bool {
	return name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") == "" && strings.Trim(name, ".-") == name
}

// conf makes a path absolute that begins at the main file's folder, as those of certificates do; prefixed one that begins at the
// prefix (nginx -p). See ngx_conf_full_name in src/core/ngx_conf_file.c and who calls it with conf_prefix.
func (h *nginxHTTP) conf(name string) string { return absolute(path.Dir(h.files.Main()), name) }

func (h *nginxHTTP) prefixed(name string) string {
	return absolute(cmp.Or(h.src.Prefix, h.src.Home), name)
}
