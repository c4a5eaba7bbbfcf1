package config

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// caddyJSON reads Caddy's native configuration, into which a Caddyfile is turned (https://caddyserver.com/docs/json/).
type caddyJSON struct {
	*caddyReader
	file  string
	named *jsonNode // routes of a server that handlers invoke
}

func (c *caddyReader) readJSON(text string) error {
	j := caddyJSON{caddyReader: c}
	j.file, _ = c.files.User(c.files.Main())
	root, err := parseJSON(text)
	if err != nil {
		return fmt.Errorf("%s is no JSON: %w", j.file, err)
	}
	app := root.at("apps", "http")
	c.options.httpPort = uint16(orNumber(app.at("http_port"), 80))
	c.options.httpsPort = uint16(orNumber(app.at("https_port"), 443))
	for _, name := range app.at("servers").keys() {
		j.server(app.at("servers", name))
	}
	j.uses(root)
	c.routes()
	return nil
}

func orNumber(n *jsonNode, other float64) float64 {
	if number := n.number(); 0 < number && number < 1<<16 {
		return number
	}
	return other
}

func (j caddyJSON) at(n *jsonNode) Position { return Position{File: j.file, Line: n.line} }

func (j caddyJSON) server(n *jsonNode) {
	j.named = n.at("named_routes")
	server := &caddyServer{steps: j.routes(n.at("routes"), 0)}
	for _, listen := range n.at("listen").each() {
		if e, ok := j.entry(n, listen, server.steps); ok {
			server.entries = append(server.entries, j.config.entry(e))
		}
	}
	j.servers = append(j.servers, server)
}

// entry reads an address, :443 or tcp/127.0.0.1:80. Hosts make a port one of TLS, unless it is the port of HTTP.
func (j caddyJSON) entry(server, listen *jsonNode, steps []*caddyStep) (Entry, bool) {
	address := strings.TrimPrefix(listen.text(), "tcp/")
	host, text, err := net.SplitHostPort(address)
	ports := portRange(text)
	if err != nil || len(ports) == 0 || strings.Contains(host, "/") {
		return Entry{}, false
	}
	if host == "0.0.0.0" || host == "::" {
		host = ""
	}
	hosts := hostsOfSteps(steps)
	manages := !server.at("automatic_https", "disable").is()
	e := Entry{Host: host, Port: ports[0], At: j.at(listen)}
	e.TLS = len(server.at("tls_connection_policies").each()) > 0 ||
		manages && e.Port != j.options.httpPort && (e.Port == j.options.httpsPort || len(hosts) > 0)
	protocols := server.at("protocols").texts()
	e.HTTP2 = e.TLS && (len(protocols) == 0 || slices.Contains(protocols, "h2"))
	for _, name := range hosts {
		own := slices.Contains(j.certified(server), name)
		if e.TLS && manages && publicName(name) && !own && !slices.Contains(j.config.Managed, name) {
			j.config.Managed = append(j.config.Managed, name)
		}
	}
	return e, true
}

// certified are the hosts for which a server shows a certificate that was loaded from a file.
func (j caddyJSON) certified(server *jsonNode) []string {
	var hosts []string
	for _, policy := range server.at("tls_connection_policies").each() {
		if policy.at("certificate_selection") != nil {
			hosts = append(hosts, policy.at("match", "sni").texts()...)
		}
	}
	return hosts
}

func hostsOfSteps(steps []*caddyStep) []string {
	var hosts []string
	for _, s := range steps {
		for _, set := range s.any {
			for _, m := range set {
				if m.kind == "host" {
					hosts = append(hosts, m.values...)
				}
			}
		}
	}
	return hosts
}

func (j caddyJSON) routes(list *jsonNode, depth int) []*caddyStep {
	var steps []*caddyStep
	for _, n := range list.each() {
		if depth > maxDepth {
			break
		}
		s := &caddyStep{group: n.at("group").text(), last: n.at("terminal").is(), inner: j.handlers(n, depth), at: j.at(n)}
		for _, set := range n.at("match").each() {
			s.any = append(s.any, jsonSet(set))
		}
		steps = append(steps, s)
	}
	return steps
}

func (j caddyJSON) handlers(route *jsonNode, depth int) []*caddyStep {
	var steps []*caddyStep
	for _, n := range route.at("handle").each() {
		if s := j.handler(n, depth); s != nil {
			s.at = j.at(n)
			steps = append(steps, s)
		}
	}
	return steps
}

func jsonSet(n *jsonNode) caddySet {
	var set caddySet
	for _, kind := range n.keys() {
		inner := n.at(kind)
		switch kind {
		case "path", "host", "method":
			set = append(set, caddyMatcher{kind: kind, values: inner.texts()})
		case "protocol":
			set = append(set, caddyMatcher{kind: kind, values: []string{inner.text()}})
		case "path_regexp":
			set = append(set, caddyMatcher{kind: kind, values: []string{inner.at("pattern").text()}})
		case "header", "query":
			for _, field := range inner.keys() {
				set = append(set, caddyMatcher{kind: kind, field: field, values: inner.at(field).texts()})
			}
		case "header_regexp":
			for _, field := range inner.keys() {
				set = append(set, caddyMatcher{kind: kind, field: field, values: []string{inner.at(field, "pattern").text()}})
			}
		case "not":
			m := caddyMatcher{kind: "not"}
			for _, one := range inner.each() {
				m.not = append(m.not, jsonSet(one))
			}
			set = append(set, m)
		default:
			set = append(set, caddyMatcher{kind: "unknown"})
		}
	}
	return set
}

// handler is nil for one that lets all requests pass as they are.
func (j caddyJSON) handler(n *jsonNode, depth int) *caddyStep {
	switch n.at("handler").text() {
	case "subroute":
		return &caddyStep{inner: j.routes(n.at("routes"), depth+1)}
	case "invoke":
		if depth < maxDepth {
			return &caddyStep{inner: j.handlers(j.named.at(n.at("name").text()), depth+1)}
		}
	case "static_response", "file_server", "error", "acme_server", "metrics":
		return &caddyStep{action: answers}
	case "authentication":
		return &caddyStep{action: asks, needs: "a password"}
	case "rate_limit":
		return &caddyStep{action: limits}
	case "cache":
		return &caddyStep{action: caches}
	case "rewrite":
		if strip := n.at("strip_path_prefix").text(); strip != "" {
			return &caddyStep{action: strips, strip: strip}
		}
		return &caddyStep{action: rewrites}
	case "reverse_proxy":
		return j.proxy(n)
	}
	return nil
}

// proxy makes a step of a reverse_proxy. One that handles answers by routes of its own, as forward_auth does, asks for consent.
func (j caddyJSON) proxy(n *jsonNode) *caddyStep {
	p := newCaddyProxy(j.at(n))
	for _, u := range n.at("upstreams").each() {
		p.upstreams = append(p.upstreams, caddyUpstream{u.at("dial").text(), j.at(u)})
	}
	if dynamic := n.at("dynamic_upstreams"); dynamic.at("source").text() == "a" {
		p.upstreams = append(p.upstreams, caddyUpstream{net.JoinHostPort(dynamic.at("name").text(), dynamic.at("port").text()), j.at(dynamic)})
		p.resolvers = dynamic.at("resolver", "addresses").texts()
	}
	balancing := n.at("load_balancing")
	p.retries = int(orNumber(balancing.at("retries"), 0))
	p.within = jsonTime(balancing.at("try_duration"))
	if interval := jsonTime(balancing.at("try_interval")); interval > 0 {
		p.interval = interval
	}
	active := n.at("health_checks", "active")
	p.checked = active.at("uri").text() != "" || active.at("path").text() != "" || active.at("port").number() > 0
	j.transport(p, n.at("transport"))
	step := j.addProxy(p)
	if step == nil {
		return nil
	}
	for _, response := range n.at("handle_response").each() {
		if len(response.at("routes").each()) > 0 {
			step.action, step.needs = asks, "the consent of "+j.config.Groups[step.to].Servers[0].Key()
		}
	}
	return step
}

func (j caddyJSON) transport(p *caddyProxy, n *jsonNode) {
	if protocol := n.at("protocol").text(); protocol != "" {
		p.transport = protocol
	}
	if dial := jsonTime(n.at("dial_timeout")); dial > 0 {
		p.dial = dial
	}
	p.reads = []time.Duration{jsonTime(n.at("response_header_timeout")), jsonTime(n.at("read_timeout"))}
	enabled := n.at("keep_alive", "enabled")
	p.keepAlive = enabled == nil || enabled.is()
	versions := n.at("versions").texts()
	p.h2c = slices.Contains(versions, "h2c") && !slices.Contains(versions, "1.1")
	p.proxy = n.at("proxy_protocol").text() != ""
	if tls := n.at("tls"); tls != nil {
		p.tls, p.insecure = true, tls.at("insecure_skip_verify").is()
		if name := tls.at("server_name").text(); !strings.Contains(name, "{") {
			p.name = name
		}
		j.authority(tls.at("root_ca_pem_files").texts(), j.at(tls))
		j.authority(tls.at("ca", "pem_files").texts(), j.at(tls))
		if certificate := tls.at("client_certificate_file").text(); certificate != "" {
			j.pair(certificate, tls.at("client_certificate_key_file").text(), nil, j.at(tls))
		}
	}
}

// jsonTime is a duration in nanoseconds or as text.
func jsonTime(n *jsonNode) time.Duration {
	if text := n.text(); text != "" {
		return caddyTime(text)
	}
	number := n.number()
	if number < 0 || number > 1<<60 {
		return 0
	}
	return time.Duration(number)
}

// uses takes in certificates and logs.
func (j caddyJSON) uses(root *jsonNode) {
	var names []string
	for _, server := range root.at("apps", "http", "servers").keys() {
		names = append(names, j.certified(root.at("apps", "http", "servers", server))...)
	}
	for _, n := range root.at("apps", "tls", "certificates", "load_files").each() {
		j.pair(n.at("certificate").text(), n.at("key").text(), names, j.at(n))
	}
	for _, name := range root.at("logging", "logs").keys() {
		writer := root.at("logging", "logs", name, "writer")
		if file := writer.at("filename").text(); writer.at("output").text() == "file" && file != "" {
			j.use(Log, file, j.at(writer))
		}
	}
	if storage := root.at("storage"); storage.at("module").text() == "file_system" && storage.at("root").text() != "" {
		j.use(Folder, storage.at("root").text(), j.at(storage))
	}
}
