package config

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"
)

// haproxyReader turns what stands in the sections into facts.
type haproxyReader struct {
	files     *Files
	home      string
	env       map[string]string
	config    *Config
	global    *haproxySection
	all       []*haproxySection
	sections  map[string]*haproxySection // that have servers, by name
	groups    map[string]int
	frontends []*haproxyFrontend
	strict    map[int]bool // entries that take no connection for a host without a certificate
}

// readHAProxy reads a configuration of HAProxy. The manual that comments cite is its configuration manual,
// docs.haproxy.org/3.2/configuration.html.
func readHAProxy(files *Files, src Source) (*Config, error) {
	p := newHAProxyParser(src)
	if err := p.read(files, src); err != nil {
		return nil, err
	}
	return p.config(files, src), nil
}

func newHAProxyParser(src Source) *haproxyParser {
	p := &haproxyParser{env: map[string]string{}, defaults: map[string]*haproxySection{}}
	maps.Copy(p.env, src.Env)
	return p
}

// config tells what the sections say.
func (p *haproxyParser) config(files *Files, src Source) *Config {
	h := &haproxyReader{
		files: files, home: workingFolder(src), env: p.env, config: &Config{}, all: p.sections,
		global: &haproxySection{}, sections: map[string]*haproxySection{}, groups: map[string]int{}, strict: map[int]bool{},
	}
	for _, s := range p.sections {
		if s.kind == "global" {
			h.global.lines = append(h.global.lines, s.lines...)
		}
	}
	h.read()
	return h.config
}

// read parses the main file; or all of a folder that holds several, in the order of their names, as haproxy -f FOLDER does
// (management guide, section 3, "-f").
func (p *haproxyParser) read(files *Files, src Source) error {
	mains := files.Glob(path.Clean(src.Home) + "/*.cfg")
	if _, folder := files.dirs[path.Clean(src.Home)]; folder && len(mains) > 1 {
		files.main = path.Clean(src.Home)
	} else {
		if _, err := files.ReadMain(); err != nil {
			return err
		}
		mains = []string{files.main}
	}
	for _, at := range mains {
		text, err := files.Read(at)
		if err != nil {
			return err
		}
		file, _ := files.User(at)
		p.parse(text, file)
	}
	return nil
}

// workingFolder is where relative paths begin that are not relative to the main file.
func workingFolder(src Source) string { return cmp.Or(src.Prefix, src.Home) }

func (h *haproxyReader) read() {
	for _, s := range h.all {
		if s.proxies() {
			h.addGroup(s)
		}
	}
	for _, s := range h.all {
		if s.proxies() {
			h.addFrontend(s)
		}
	}
	h.routes()
	h.uses()
}

// addGroup takes in the servers of a backend or listen section. Those that are the gateway's own frontends lead nowhere else.
func (h *haproxyReader) addGroup(s *haproxySection) {
	servers := slices.DeleteFunc(h.servers(s), func(server haproxyServer) bool { return h.binds(server.Server) })
	if len(servers) == 0 {
		return
	}
	h.sections[s.name], h.groups[s.name] = s, len(h.config.Groups)
	h.config.Groups = append(h.config.Groups, h.group(s, servers))
}

// addFrontend takes in where a frontend or listen section listens. TCP mode is none of a check's business.
func (h *haproxyReader) addFrontend(s *haproxySection) {
	if s.mode() != "http" || s.kind == "backend" {
		return
	}
	f := &haproxyFrontend{section: s, stops: h.stops(s), choices: h.choices(s)}
	for _, d := range s.lines {
		if d.name == "bind" && len(d.args) > 0 {
			f.entries = append(f.entries, h.addEntries(d)...)
		}
	}
	slices.Sort(f.entries)
	f.entries = slices.Compact(f.entries)
	h.frontends = append(h.frontends, f)
}

func (h *haproxyReader) addEntries(d directive) []int {
	var added []int
	o := parseHAProxyOptions(d.args[1:])
	for _, a := range h.addresses(d) {
		for _, port := range a.ports {
			added = append(added, h.config.entry(Entry{
				Host: a.host, Port: port, TLS: o.has("ssl"), HTTP2: bindsHTTP2(o), ProxyProtocol: o.has("accept-proxy"), At: d.at,
			}))
			h.strict[added[len(added)-1]] = o.has("strict-sni")
		}
	}
	return added
}

// entry adds an entry, unless it is there: every address is taken once for IPv4 and once for IPv6.
func (c *Config) entry(e Entry) int {
	i := slices.IndexFunc(c.Entries, func(other Entry) bool { return other.Host == e.Host && other.Port == e.Port })
	if i >= 0 {
		return i
	}
	c.Entries = append(c.Entries, e)
	return len(c.Entries) - 1
}

// addresses are those of a bind line.
func (h *haproxyReader) addresses(d directive) []haproxyAddress {
	var all []haproxyAddress
	for _, text := range strings.Split(d.arg(0), ",") {
		if a, ok := parseHAProxyAddress(expandAddress(text, h.env)); ok {
			all = append(all, a)
		}
	}
	return all
}

// bindsHTTP2: a TLS port of HTTP mode offers it by default since 2.8 (configuration manual, section 5.1, "alpn").
func bindsHTTP2(o haproxyOptions) bool {
	if proto, _ := o.get("proto"); proto == "h2" {
		return true
	}
	alpn, given := o.get("alpn")
	withdrawn := slices.ContainsFunc(o, func(o haproxyOption) bool { return o.name == "no-alpn" })
	return o.has("ssl") && !withdrawn && (!given || strings.Contains(alpn, "h2"))
}

// binds tells whether a server is an address that a section of this configuration listens on.
func (h *haproxyReader) binds(server Server) bool {
	if kind := server.Kind(); kind != Loopback && kind != Socket {
		return false
	}
	for _, s := range h.all {
		for _, d := range s.lines {
			if d.name == "bind" && slices.ContainsFunc(h.addresses(d), func(a haproxyAddress) bool { return a.takes(server) }) {
				return true
			}
		}
	}
	return false
}

func (a haproxyAddress) takes(server Server) bool {
	if server.Socket != "" {
		return a.socket == server.Socket
	}
	here := a.host == "" || Server{Host: a.host}.Kind() == Loopback
	return here && slices.Contains(a.ports, server.Port)
}
