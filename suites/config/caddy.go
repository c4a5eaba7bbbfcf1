package config

import (
	"cmp"
	"maps"
	"net"
	"path"
	"slices"
	"strconv"
	"strings"
)

// caddyReader turns blocks into facts.
type caddyReader struct {
	files   *Files
	home    string
	config  *Config
	options caddyOptions
	named   map[string][]directive // routes that sites invoke
	servers []*caddyServer
	byEntry map[int]*caddyServer
	groups  map[string]int // by all that they are
}

// caddyOptions are the global options that matter here (https://caddyserver.com/docs/caddyfile/options).
type caddyOptions struct {
	httpPort, httpsPort uint16
	autoHTTPS           string
	bind                []string
	localCerts          bool
	order               []string
	noHTTP2             bool
}

// readCaddy reads a Caddyfile, or JSON if the main file's name ends so. A folder without a Caddyfile may hold caddy.json.
func readCaddy(files *Files, src Source) (*Config, error) {
	c := newCaddyReader(files, src)
	if other := path.Join(src.Home, "caddy.json"); !files.Has(files.Main()) && files.Has(other) {
		files.main = other
	}
	text, err := files.ReadMain()
	if err != nil {
		return nil, err
	}
	if path.Ext(files.Main()) == ".json" {
		return c.config, c.readJSON(text)
	}
	p := newCaddyParser(files, src)
	file, _ := files.User(files.Main())
	tokens, err := p.expand(caddyTokens(caddyEnv(text, p.env), file), files.Main(), 0)
	if err != nil {
		return nil, err
	}
	c.config.Missing = p.missing
	c.read(caddyBlocks(tokens))
	return c.config, nil
}

func newCaddyReader(files *Files, src Source) *caddyReader {
	return &caddyReader{
		files: files, home: workingFolder(src), config: &Config{}, named: map[string][]directive{}, byEntry: map[int]*caddyServer{}, groups: map[string]int{},
		options: caddyOptions{httpPort: 80, httpsPort: 443, order: caddyOrder},
	}
}

func newCaddyParser(files *Files, src Source) *caddyParser {
	p := &caddyParser{files: files, env: map[string]string{}, snippets: map[string][]caddyToken{}}
	maps.Copy(p.env, src.Env)
	return p
}

func (c *caddyReader) read(blocks []caddyBlock) {
	var sites []caddySite
	for i, b := range blocks {
		switch {
		case len(b.keys) == 0:
			if i == 0 {
				c.global(b.directives)
			}
		case strings.HasPrefix(b.keys[0], "&("):
			c.named[strings.Trim(b.keys[0], "&()")] = b.directives
		default:
			sites = append(sites, caddySite{caddyBlock: b})
		}
	}
	for i := range sites {
		c.site(&sites[i])
	}
	c.routes()
}

func (c *caddyReader) global(options []directive) {
	for _, d := range options {
		switch d.name {
		case "http_port":
			c.options.httpPort = caddyPort(d.arg(0), 80)
		case "https_port":
			c.options.httpsPort = caddyPort(d.arg(0), 443)
		case "auto_https":
			c.options.autoHTTPS = strings.Join(d.args, " ")
		case "default_bind":
			c.options.bind = d.args
		case "local_certs":
			c.options.localCerts = true
		case "order":
			c.reorder(d)
		case "servers":
			c.options.noHTTP2 = c.options.noHTTP2 || withoutHTTP2(d)
		}
	}
	c.globalUses(options)
}

func caddyPort(text string, other uint16) uint16 {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return other
	}
	return uint16(n)
}

func withoutHTTP2(servers directive) bool {
	return slices.ContainsFunc(servers.block, func(d directive) bool {
		return d.name == "protocols" && !slices.Contains(d.args, "h2") || d.name == "protocol" && len(d.block) == 0 && d.arg(0) == "h1"
	})
}

// caddySite is a block with addresses.
type caddySite struct {
	caddyBlock
	bind []string
	tls  []directive
}

// caddyAddress is what one address of a site says.
type caddyAddress struct {
	host  string
	port  uint16
	plain bool // http:// or the port of HTTP
	https bool // https:// or the port of HTTPS
}

// address reads an address: everything in it may be left out
// (https://caddyserver.com/docs/caddyfile/concepts#addresses).
func (c *caddyReader) address(text string) caddyAddress {
	scheme, rest, given := strings.Cut(text, "://")
	if !given {
		scheme, rest = "", text
	}
	rest, _, _ = strings.Cut(rest, "/")
	a := caddyAddress{host: strings.Trim(rest, "[]")}
	if host, port, err := net.SplitHostPort(rest); err == nil {
		a.host, a.port = host, caddyPort(port, 0)
	}
	switch {
	case a.port == 0 && scheme == "http":
		a.port = c.options.httpPort
	case a.port == 0:
		a.port = c.options.httpsPort
	}
	a.plain = scheme == "http" || scheme == "" && a.port == c.options.httpPort
	a.https = scheme == "https" || scheme == "" && a.port == c.options.httpsPort
	return a
}

// secure tells whether an address is served over TLS: by its scheme or port, by the site's certificates, and wherever it has a
// host name (https://caddyserver.com/docs/automatic-https#activation).
func (c *caddyReader) secure(a caddyAddress, s *caddySite) bool {
	switch {
	case a.plain:
		return false
	case a.https, len(s.tls) > 0:
		return true
	}
	return a.host != "" && c.options.autoHTTPS != "off"
}

// site takes in a site's entries and its steps, behind a matcher of its hosts.
func (c *caddyReader) site(s *caddySite) {
	s.bind = c.options.bind
	for _, d := range s.directives {
		switch d.name {
		case "bind":
			s.bind = d.args
		case "tls":
			s.tls = append(s.tls, d)
		}
	}
	h := caddyHandlers{caddyReader: c, matchers: map[string][]caddySet{}}
	steps := h.sorted(s.directives)
	hosts := map[int][]string{}
	for _, key := range s.keys {
		a := c.address(key)
		for _, entry := range c.listen(a, s) {
			hosts[entry] = append(hosts[entry], a.host)
		}
	}
	for _, entry := range slices.Sorted(maps.Keys(hosts)) {
		c.serve(entry, hosts[entry], steps, s.at)
	}
	c.siteUses(s)
}

// listen adds the entries of an address.
func (c *caddyReader) listen(a caddyAddress, s *caddySite) []int {
	var entries []int
	e := Entry{Port: a.port, TLS: c.secure(a, s), At: s.at}
	e.HTTP2 = e.TLS && !c.options.noHTTP2
	if e.TLS && c.managed(a.host, s) && !slices.Contains(c.config.Managed, a.host) {
		c.config.Managed = append(c.config.Managed, a.host)
	}
	for _, bind := range s.bind {
		if e.Host = bind; bind == "0.0.0.0" || bind == "::" || bind == "[::]" {
			e.Host = ""
		}
		if at, socket := strings.CutPrefix(strings.TrimPrefix(bind, "unix"), "//"); socket {
			c.use(SocketFolder, path.Dir("/"+at), s.at)
			continue
		}
		entries = append(entries, c.config.entry(e))
	}
	if len(s.bind) == 0 {
		entries = append(entries, c.config.entry(e))
	}
	return entries
}

// serve puts a site's steps behind an entry.
func (c *caddyReader) serve(entry int, hosts []string, steps []*caddyStep, at Position) {
	server := c.byEntry[entry]
	if server == nil {
		server = &caddyServer{entries: []int{entry}}
		c.byEntry[entry] = server
		c.servers = append(c.servers, server)
	}
	step := &caddyStep{inner: steps, last: true, at: at}
	if !slices.Contains(hosts, "") {
		step.any = []caddySet{{{kind: "host", values: hosts}}}
	}
	server.steps = append(server.steps, step)
}

// routes follows all servers. Of the sites behind an entry the one with the longest host, and without wildcards, comes first.
func (c *caddyReader) routes() {
	var all rankedRoutes
	for _, server := range c.servers {
		slices.SortStableFunc(server.steps, func(a, b *caddyStep) int { return cmp.Compare(hostRank(b), hostRank(a)) })
		for _, entry := range server.entries {
			goals(server.steps, nil, func(chain []*caddyStep) {
				goal := chain[len(chain)-1]
				w, request, ok := server.lead(chain, c.config.Entries[entry])
				if !ok {
					return
				}
				r := w.route
				r.Entry, r.Group, r.At = entry, goal.to, goal.at
				protocol := c.config.Groups[goal.to].Protocol
				r.WebSocket = (protocol == "http" || protocol == "tls") && w.upgrades(server, request)
				all.add(r, w.doubt, c.config.Entries[entry])
			})
		}
	}
	c.config.Routes = all.sorted()
}

// hostRank is greater for the site that is asked first.
func hostRank(s *caddyStep) int {
	rank := 0
	for _, set := range s.any {
		for _, m := range set {
			for _, host := range m.values {
				rank = max(rank, 2*len(host)+1-strings.Count(host, "*"))
			}
		}
	}
	return rank
}
