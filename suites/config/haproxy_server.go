package config

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// haproxyServer is a server line with the default-server lines before it.
type haproxyServer struct {
	Server
	options haproxyOptions
}

// servers reads a section's servers. Those that are disabled take part in nothing.
func (h *haproxyReader) servers(s *haproxySection) []haproxyServer {
	var defaults haproxyOptions
	var all []haproxyServer
	for _, d := range s.lines {
		skip := 2
		switch d.name {
		case "default-server":
			defaults = append(defaults, parseHAProxyOptions(d.args)...)
			continue
		case "server-template":
			skip = 3
		case "server":
		default:
			continue
		}
		if len(d.args) < skip {
			continue
		}
		options := append(slices.Clone(defaults), parseHAProxyOptions(d.args[skip:])...)
		if server, ok := h.server(d.args[skip-1], options, d.at); ok {
			all = append(all, haproxyServer{Server: server, options: options})
		}
	}
	return all
}

// server reads an address. One without a port is asked at the port that the client asked for: it is 0 here.
func (h *haproxyReader) server(address string, options haproxyOptions, at Position) (Server, bool) {
	a, ok := parseHAProxyAddress(expandAddress(address, h.env))
	disabled := options.has("disabled") && !options.has("enabled")
	if !ok || disabled || a.host == "" && a.socket == "" {
		return Server{}, false
	}
	server := Server{Host: a.host, Socket: a.socket, Backup: options.has("backup"), At: at}
	if len(a.ports) > 0 {
		server.Port = a.ports[0]
	}
	return server, true
}

// group makes a group of a section's servers. The first of them tells what is spoken.
func (h *haproxyReader) group(s *haproxySection, servers []haproxyServer) Group {
	g := Group{Name: s.name, Protocol: haproxyProtocol(s, servers[0].options), Wait: haproxyWait(s), Pool: haproxyPools(s), At: s.at}
	for _, server := range servers {
		g.Servers = append(g.Servers, server.Server)
		g.Pool = g.Pool && server.value("pool-max-conn") != "0"
		g.Checked = g.Checked || server.options.has("check")
		g.Resolvers = append(g.Resolvers, h.resolvers(server.value("resolvers"))...)
		if strings.HasPrefix(server.Host, "_") {
			g.Protocol = "" // an SRV record, which says the port
		}
	}
	slices.Sort(g.Resolvers)
	g.Resolvers = slices.Compact(g.Resolvers)
	if !servers[0].options.has("ssl") {
		return g
	}
	g.Verify = !slices.ContainsFunc(servers, func(server haproxyServer) bool { return !h.verifies(server) })
	g.ServerName = servers[0].serverName()
	return g
}

// resolvers are the name servers of a resolvers section.
func (h *haproxyReader) resolvers(name string) []string {
	var all []string
	for _, s := range h.all {
		for _, d := range s.lines {
			if s.kind == "resolvers" && s.name == name && d.name == "nameserver" && len(d.args) > 1 {
				all = append(all, d.args[1])
			}
		}
	}
	return all
}

func (s haproxyServer) value(name string) string {
	value, _ := s.options.get(name)
	return value
}

// verifies: without a word it is required, unless the global section says ssl-server-verify none (configuration manual,
// section 5.2, "verify").
func (h *haproxyReader) verifies(s haproxyServer) bool {
	verify := s.value("verify")
	if verify == "" {
		verify = h.global.value("ssl-server-verify", "required")
	}
	return verify != "none"
}

var fixedName = regexp.MustCompile(`^str\(([^()]+)\)$`)

// serverName is the name that the certificate has to hold: verifyhost, or the server name sent, where it is always the same.
func (s haproxyServer) serverName() string {
	if name := s.value("verifyhost"); name != "" {
		return name
	}
	if fixed := fixedName.FindStringSubmatch(s.value("sni")); fixed != nil {
		return strings.Trim(fixed[1], `"'`)
	}
	return ""
}

// haproxyProtocol is empty for what no endpoint of ours speaks: TCP mode, HTTP/2 over TLS alone, a PROXY header.
func haproxyProtocol(s *haproxySection, o haproxyOptions) string {
	tls := o.has("ssl")
	proto, _ := o.get("proto")
	alpn, offers := o.get("alpn")
	switch {
	case s.mode() != "http", sendsProxy(o):
		return ""
	case proto == "fcgi":
		return "fcgi"
	case proto == "h2" && !tls:
		return "h2"
	case proto == "h2", tls && offers && !strings.Contains(alpn, "http/1.1"):
		return ""
	case tls:
		return "tls"
	}
	return "http"
}

func sendsProxy(o haproxyOptions) bool {
	return slices.ContainsFunc(o, func(o haproxyOption) bool { return strings.HasPrefix(o.name, "send-proxy") })
}

// mode is tcp where nothing is said (configuration manual, "mode").
func (s *haproxySection) mode() string { return s.value("mode", "tcp") }

// haproxyPools: idle connections are shared since 2.0, where http-reuse is "safe" by default, unless an option closes them
// (configuration manual, "http-reuse", "option http-server-close", "option httpclose").
func haproxyPools(s *haproxySection) bool {
	return s.value("http-reuse", "safe") != "never" && !s.closes()
}

func (s *haproxySection) closes() bool {
	return s.option("http-server-close") || s.option("httpclose") || s.option("forceclose")
}

// haproxyWait: three retries by default, of failed connects alone unless retry-on says more (configuration manual,
// "retries", "retry-on").
func haproxyWait(s *haproxySection) Wait {
	w := Wait{Connect: s.timeout("connect"), Read: s.timeout("server"), Tries: 4, OnlyConnect: true}
	if n, err := strconv.ParseUint(s.value("retries", ""), 10, 16); err == nil {
		w.Tries = 1 + int(n)
	}
	on, _ := s.last("retry-on")
	switch {
	case slices.Contains(on.args, "none"):
		w.Tries = 1
	case slices.ContainsFunc(on.args, func(event string) bool { return event != "conn-failure" }):
		w.OnlyConnect = false
	}
	return w
}
