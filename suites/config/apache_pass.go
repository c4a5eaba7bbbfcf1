package config

import (
	"cmp"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// apacheTarget is where requests are passed on to: a URL, or a socket with one.
type apacheTarget struct {
	scheme string
	server Server
	params map[string]string // small letters
	wild   bool              // a worker that is made for the moment: RewriteRule [P], ProxyPassMatch with $1
}

// apachePorts are the ports where a URL names none (mod_proxy's canon handlers).
var apachePorts = map[string]uint16{"http": 80, "https": 443, "ws": 80, "wss": 443, "fcgi": 8000, "h2": 443, "h2c": 80, "ajp": 8009, "scgi": 4000, "uwsgi": 3031}

// apacheProtocols are those that endpoints of ours speak.
var apacheProtocols = map[string]string{"http": "http", "ws": "http", "https": "tls", "wss": "tls", "h2c": "h2", "fcgi": "fcgi"}

// parseTarget reads http://app:8080/path and unix:/run/app.sock|http://localhost/. ok is false for what names no server.
func parseTarget(text string, at Position) (t apacheTarget, ok bool) {
	socket, rest, isSocket := strings.Cut(strings.TrimPrefix(text, "proxy:"), "|")
	if !isSocket {
		socket, rest = "", socket
	}
	scheme, authority, found := strings.Cut(rest, "://")
	t.scheme = strings.ToLower(scheme)
	if !found || apachePorts[t.scheme] == 0 {
		return t, false
	}
	t.server.At = at
	if isSocket {
		t.server.Socket = strings.TrimPrefix(socket, "unix:")
		return t, strings.HasPrefix(t.server.Socket, "/")
	}
	if end := strings.IndexAny(authority, "/?%$"); end >= 0 {
		t.wild = t.wild || strings.ContainsAny(authority[end:], "$%")
		if authority[end] == '$' || authority[end] == '%' {
			if authority = authority[:end]; authority == "" {
				return t, false // the host is a part of the request
			}
		}
		authority = authority[:min(end, len(authority))]
	}
	return t, t.authority(authority)
}

func (t *apacheTarget) authority(text string) bool {
	t.server.Host, t.server.Port = strings.Trim(text, "[]"), apachePorts[t.scheme]
	if host, port, err := net.SplitHostPort(text); err == nil {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return false
		}
		t.server.Host, t.server.Port = host, uint16(n)
	}
	_, err := url.Parse("//" + net.JoinHostPort(t.server.Host, "1"))
	return t.server.Host != "" && err == nil
}

// parameters are key=value words.
func parameters(words []string) map[string]string {
	all := map[string]string{}
	for _, word := range words {
		if key, value, pair := strings.Cut(word, "="); pair {
			all[strings.ToLower(key)] = value
		}
	}
	return all
}

// group makes a group of what a ProxyPass, a RewriteRule or a handler passes requests on to; -1 for what is no server.
func (a *apacheReader) group(s *apacheServer, text string, params map[string]string, wild bool, at Position) int {
	if name, balancer := strings.CutPrefix(strings.ToLower(text), "balancer://"); balancer {
		name, _, _ = strings.Cut(name, "/")
		return a.balancer(s, name, params)
	}
	t, ok := parseTarget(text, at)
	if !ok {
		return -1
	}
	t.params, t.wild = params, wild || t.wild
	for _, section := range s.proxies() {
		if configures(section.arg(0), text) {
			t.params = settings(section, t.params)
			t.wild = false
		}
	}
	g := a.worker(s, t)
	g.Name, g.At = g.Servers[0].Key(), at
	return a.add(g)
}

// configures tells whether the worker of a section takes what is passed on to a target. Behind a socket the URL decides that
// stands after the bar (the manual, mod_proxy_fcgi, "Examples").
func configures(worker, target string) bool {
	target = strings.TrimPrefix(target, "proxy:")
	_, url, _ := strings.Cut(target, "|")
	return !strings.Contains(worker, "*") && (strings.HasPrefix(target, worker) || strings.HasPrefix(url, worker))
}

// add is the index of a group, which may be there already.
func (a *apacheReader) add(g Group) int {
	key := g.Name + " " + g.At.String()
	if i, known := a.groups[key]; known {
		return i
	}
	a.groups[key] = len(a.config.Groups)
	a.config.Groups = append(a.config.Groups, g)
	return a.groups[key]
}

// proxies are the <Proxy> sections that hold for a server.
func (s *apacheServer) proxies() []directive {
	var all []directive
	if s.main != nil {
		all = s.main.proxies()
	}
	for _, d := range s.list {
		if d.name == "<proxy" && len(d.args) > 0 {
			all = append(all, d)
		}
	}
	return all
}

// settings adds what a section says of its workers, in its first line and by ProxySet.
func settings(section directive, params map[string]string) map[string]string {
	all := parameters(section.args)
	for _, d := range section.block {
		switch d.name {
		case "proxyset":
			maps.Copy(all, parameters(d.args))
		case "sslproxyverify":
			all[d.name] = d.arg(0)
		}
	}
	maps.Copy(all, params)
	return all
}

// worker is a group of one server. Connections to it are used again, except to FastCGI servers and by workers of the moment
// (the manual, mod_proxy, "Workers" and the parameter disablereuse; mod_proxy_fcgi, enablereuse).
func (a *apacheReader) worker(s *apacheServer, t apacheTarget) Group {
	reuse := t.scheme != "fcgi" && !t.wild && !strings.EqualFold(t.params["disablereuse"], "on")
	if strings.EqualFold(t.params["enablereuse"], "on") && !t.wild {
		reuse = true
	}
	if d, ok := s.last("setenv"); ok && d.arg(0) == "proxy-nokeepalive" {
		reuse = false
	}
	g := Group{Protocol: apacheProtocols[t.scheme], Servers: []Server{t.server}, Pool: reuse, Wait: s.wait(t.params)}
	g.Checked = t.params["hcmethod"] != "" && !strings.EqualFold(t.params["hcmethod"], "none") // the manual, mod_proxy_hcheck
	if g.Protocol == "tls" {
		verify := cmp.Or(t.params["sslproxyverify"], s.value("sslproxyverify", "none"))
		g.Verify = strings.EqualFold(verify, "require")
	}
	return g
}

// wait: all timeouts are those of ProxyTimeout and, without it, of Timeout, 60 s by default
// (the manual, mod_proxy, connectiontimeout, timeout and ProxyTimeout; core, Timeout; ap_proxy_connect_to_backend in
// modules/proxy/proxy_util.c).
func (s *apacheServer) wait(params map[string]string) Wait {
	overall := apacheTime(s.value("proxytimeout", s.value("timeout", "60")), 60*time.Second)
	read := apacheTime(params["timeout"], overall)
	return Wait{Connect: apacheTime(params["connectiontimeout"], read), Read: read, Tries: 1}
}

// balancer gathers the members of a balancer. If the connection to one fails, another is tried: as many as there are members
// (the manual, mod_proxy, maxattempts).
func (a *apacheReader) balancer(s *apacheServer, name string, params map[string]string) int {
	var g Group
	members := 0
	for _, section := range append(s.proxies(), directive{block: s.list}) {
		if section.name != "" && strings.TrimSuffix(strings.ToLower(section.arg(0)), "/") != "balancer://"+name {
			continue
		}
		for _, d := range section.block {
			if member, ok := a.member(s, d, section, name); ok {
				g.join(member)
				members++
			}
		}
		if section.name != "" {
			params = settings(section, params)
		}
	}
	if g.Servers == nil {
		return -1
	}
	g.Name, g.At = name, g.Servers[0].At
	g.Wait.Tries, g.Wait.OnlyConnect = max(members, 2), true
	if n, err := strconv.ParseUint(params["maxattempts"], 10, 8); err == nil {
		g.Wait.Tries = 1 + int(n)
	}
	return a.add(g)
}

// join takes in a further member. The longest timeouts count.
func (g *Group) join(member Group) {
	if g.Servers == nil {
		*g = member
		return
	}
	g.Servers = append(g.Servers, member.Servers...)
	g.Pool = g.Pool && member.Pool
	g.Verify = g.Verify && member.Verify
	g.Checked = g.Checked || member.Checked
	g.Wait.Connect, g.Wait.Read = max(g.Wait.Connect, member.Wait.Connect), max(g.Wait.Read, member.Wait.Read)
}

// member reads a BalancerMember line of a balancer's section, or one that names its balancer. A member with status +H is asked
// when no other can be; one with +D takes part in nothing.
func (a *apacheReader) member(s *apacheServer, d, section directive, name string) (Group, bool) {
	args := d.args
	if section.name == "" {
		if len(args) < 2 || strings.TrimSuffix(strings.ToLower(args[0]), "/") != "balancer://"+name {
			return Group{}, false
		}
		args = args[1:]
	}
	if d.name != "balancermember" || len(args) == 0 {
		return Group{}, false
	}
	t, ok := parseTarget(args[0], d.at)
	t.params = settings(section, parameters(args[1:]))
	status := strings.ToUpper(t.params["status"])
	if !ok || strings.Contains(status, "D") && !strings.Contains(status, "-D") {
		return Group{}, false
	}
	t.server.Backup = strings.Contains(status, "H") && !strings.Contains(status, "-H")
	return a.worker(s, t), true
}

// upgrades tells whether a target takes WebSocket: by its scheme, or because it is told to (the manual, mod_proxy, upgrade).
func upgrades(text string, params map[string]string) bool {
	scheme, _, _ := strings.Cut(strings.ToLower(text), "://")
	return scheme == "ws" || scheme == "wss" || slices.Contains([]string{"websocket", "any"}, strings.ToLower(params["upgrade"]))
}
