package config

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// caddyProxy is what a reverse_proxy says.
type caddyProxy struct {
	upstreams []caddyUpstream
	transport string // http, fastcgi
	tls       bool
	h2c       bool
	insecure  bool
	name      string
	dial      time.Duration
	reads     []time.Duration // timeouts of the head and of the rest of an answer
	keepAlive bool
	proxy     bool // it sends a PROXY header
	checked   bool // active health checks
	retries   int
	within    time.Duration
	interval  time.Duration
	resolvers []string
	at        Position
}

type caddyUpstream struct {
	address string
	at      Position
}

// newCaddyProxy has the defaults: dialing takes 3 s at most, an answer may take for ever, connections are kept, nothing is
// tried again (https://caddyserver.com/docs/caddyfile/directives/reverse_proxy).
func newCaddyProxy(at Position) *caddyProxy {
	return &caddyProxy{transport: "http", dial: 3 * time.Second, keepAlive: true, interval: 250 * time.Millisecond, at: at}
}

// proxy makes a step and a group of a reverse_proxy, or of a directive that is built on it.
func (h caddyHandlers) proxy(l caddyLine, fastCGI bool) *caddyStep {
	p := newCaddyProxy(l.at)
	if fastCGI {
		p.transport = "fastcgi"
	}
	for _, address := range l.args {
		p.upstreams = append(p.upstreams, caddyUpstream{address, l.at})
	}
	for _, d := range l.block {
		p.line(d)
		if fastCGI {
			p.transportLine(d)
		}
	}
	h.proxyUses(l.block)
	return h.addProxy(p)
}

// addProxy is nil for a proxy to nowhere that is known.
func (c *caddyReader) addProxy(p *caddyProxy) *caddyStep {
	g := p.group()
	if len(g.Servers) == 0 {
		return nil
	}
	key := fmt.Sprint(g) // a snippet may be imported many times
	to, known := c.groups[key]
	if !known {
		to = len(c.config.Groups)
		c.groups[key] = to
		c.config.Groups = append(c.config.Groups, g)
	}
	return &caddyStep{action: proxies, to: to, at: p.at}
}

func (p *caddyProxy) line(d directive) {
	switch d.name {
	case "to":
		for _, address := range d.args {
			p.upstreams = append(p.upstreams, caddyUpstream{address, d.at})
		}
	case "dynamic":
		p.dynamic(d)
	case "health_uri", "health_path", "health_port": // each turns them on (ActiveHealthChecks.IsEnabled)
		p.checked = true
	case "lb_retries":
		p.retries, _ = strconv.Atoi(d.arg(0))
	case "lb_try_duration":
		p.within = caddyTime(d.arg(0))
	case "lb_try_interval":
		p.interval = caddyTime(d.arg(0))
	case "transport":
		p.transport = d.arg(0)
		for _, line := range d.block {
			p.transportLine(line)
		}
	}
}

// dynamic a NAME PORT: the addresses of a name, looked up while Caddy runs. Of SRV records nothing is known.
func (p *caddyProxy) dynamic(d directive) {
	name, port := d.arg(1), d.arg(2)
	for _, line := range d.block {
		switch line.name {
		case "name":
			name = line.arg(0)
		case "port":
			port = line.arg(0)
		case "resolvers":
			p.resolvers = line.args
		}
	}
	if d.arg(0) == "a" && name != "" {
		p.upstreams = append(p.upstreams, caddyUpstream{net.JoinHostPort(name, port), d.at})
	}
}

func (p *caddyProxy) transportLine(d directive) {
	switch d.name {
	case "dial_timeout":
		p.dial = caddyTime(d.arg(0))
	case "response_header_timeout", "read_timeout":
		p.reads = append(p.reads, caddyTime(d.arg(0)))
	case "keepalive":
		p.keepAlive = d.arg(0) != "off"
	case "versions":
		p.h2c = slices.Contains(d.args, "h2c") && !slices.Contains(d.args, "1.1")
	case "proxy_protocol":
		p.proxy = true
	case "resolvers":
		p.resolvers = d.args
	case "tls_insecure_skip_verify":
		p.tls, p.insecure = true, true
	case "tls_server_name":
		p.tls = true
		if !strings.Contains(d.arg(0), "{") {
			p.name = d.arg(0)
		}
	default:
		p.tls = p.tls || strings.HasPrefix(d.name, "tls")
	}
}

func (p *caddyProxy) group() Group {
	g := Group{ServerName: p.name, Wait: p.wait(), Pool: p.keepAlive && p.transport == "http", Checked: p.checked, Resolvers: p.resolvers, At: p.at}
	for _, u := range p.upstreams {
		g.Servers = append(g.Servers, p.servers(u)...)
	}
	g.Protocol = p.protocol()
	g.Verify = p.tls && !p.insecure
	if len(g.Servers) > 0 {
		g.Name = g.Servers[0].Key()
	}
	return g
}

// protocol is empty for what no endpoint of ours speaks.
func (p *caddyProxy) protocol() string {
	switch {
	case p.proxy, p.transport != "http" && p.transport != "fastcgi", p.h2c && p.tls:
		return ""
	case p.transport == "fastcgi":
		return "fcgi"
	case p.h2c:
		return "h2"
	case p.tls:
		return "tls"
	}
	return "http"
}

// wait: a request is tried again lb_retries times, or for as long as lb_try_duration says, every 250 ms by default. The longest
// timeout tells how long an answer may take that stops at any place.
func (p *caddyProxy) wait() Wait {
	w := Wait{Connect: p.dial, Tries: 1 + max(0, p.retries), Within: p.within}
	for _, d := range p.reads {
		w.Read = max(w.Read, d)
	}
	if p.within > 0 && p.retries == 0 {
		w.Tries = 1 + int(p.within/max(p.interval, time.Millisecond))
	}
	return w
}

// servers reads an upstream's address: host, host:port, a range of ports, unix//path, and a scheme in front
// (https://caddyserver.com/docs/caddyfile/directives/reverse_proxy#upstream-addresses).
func (p *caddyProxy) servers(u caddyUpstream) []Server {
	scheme, rest, given := strings.Cut(u.address, "://")
	if !given {
		scheme, rest = "", u.address
	}
	if socket, ok := caddySocket(rest); ok {
		p.h2c = p.h2c || strings.HasPrefix(rest, "unix+h2c")
		return []Server{{Socket: socket, At: u.at}}
	}
	port := "80"
	switch scheme {
	case "https":
		port, p.tls = "443", true
	case "h2c":
		p.h2c = true
	}
	host := strings.Trim(rest, "[]")
	if h, text, err := net.SplitHostPort(strings.TrimPrefix(rest, "tcp/")); err == nil {
		host, port = h, text
	}
	if host == "" {
		host = "localhost"
	}
	if strings.ContainsAny(host+port, "{}*/ ") {
		return nil // a placeholder
	}
	var all []Server
	for _, number := range portRange(port) {
		all = append(all, Server{Host: host, Port: number, At: u.at})
	}
	return all
}

// caddySocket is the path of unix//run/app.sock and unix+h2c//run/app.sock.
func caddySocket(address string) (path string, ok bool) {
	network, path, found := strings.Cut(address, "/")
	path, _, _ = strings.Cut(path, "|") // permissions of one that Caddy makes
	if !found || network != "unix" && network != "unix+h2c" || path == "" {
		return "", false
	}
	return path, true
}

// caddyTime understands Go's durations and days: 1d12h.
func caddyTime(text string) time.Duration {
	days, rest, has := strings.Cut(text, "d")
	if !has {
		days, rest = "0", text
	}
	n, err := strconv.ParseUint(days, 10, 16)
	if err != nil {
		return 0
	}
	d, err := time.ParseDuration(rest)
	if err != nil && rest != "" || d < 0 {
		return 0
	}
	return min(d, time.Duration(1<<61)) + time.Duration(n)*24*time.Hour
}
