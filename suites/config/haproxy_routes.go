package config

import "slices"

// haproxyFrontend is a section that takes requests, on its way to routes.
type haproxyFrontend struct {
	section *haproxySection
	entries []int
	stops   []haproxyRule
	choices []haproxyRule
}

// way is a request that leads to a backend, and whether that is certain.
type way struct {
	sample
	doubt  truth // yes: it may end elsewhere
	limits bool
	needs  string
	// upgrades says that a WebSocket handshake for the same goes the same way.
	upgrades bool
}

// routes follows the rules of all frontends. What is certain comes first, and what a client outside can reach.
func (h *haproxyReader) routes() {
	var all rankedRoutes
	for _, f := range h.frontends {
		for _, entry := range f.entries {
			for i, rule := range f.choices {
				g, ok := h.groups[rule.backend]
				w, found := h.way(f, i, entry)
				if !ok || !found {
					continue
				}
				all.add(h.route(f, w, entry, g, rule.at), w.doubt, h.config.Entries[entry])
			}
		}
	}
	h.config.Routes = all.sorted()
}

func (h *haproxyReader) route(f *haproxyFrontend, w way, entry, g int, at Position) Route {
	group := &h.config.Groups[g]
	if f.section.closes() {
		group.Pool = false
	}
	for i := range group.Servers {
		if s := &group.Servers[i]; s.Port == 0 && s.Socket == "" {
			s.Port = h.config.Entries[entry].Port
		}
	}
	r := Route{Entry: entry, Host: w.host, Path: w.path, Headers: w.fields, Group: g, At: at, RateLimit: w.limits, Needs: w.needs}
	if w.method != "GET" {
		r.Method = w.method
	}
	backend := h.sections[group.Name]
	r.WebSocket = w.upgrades && (group.Protocol == "http" || group.Protocol == "tls")
	r.Cache = h.caches(f.section, w.sample) || h.caches(backend, w.sample)
	return r
}

// caches tells whether answers to a request are stored (configuration manual, "http-request cache-use").
func (h *haproxyReader) caches(s *haproxySection, request sample) bool {
	acls := h.acls(s)
	return slices.ContainsFunc(s.lines, func(d directive) bool {
		_, condition := acls.condition(d.args)
		return d.name == "http-request" && d.arg(0) == "cache-use" && condition.holds(request) != no
	})
}

// way finds a request for which the i-th choice of a frontend is the one taken.
func (h *haproxyReader) way(f *haproxyFrontend, i, entry int) (way, bool) {
	rule := f.choices[i]
	backend := h.sections[rule.backend]
	if backend == nil {
		return way{}, false
	}
	stops := append(slices.Clip(f.stops), h.stops(backend)...)
	if h.strict[entry] {
		named := haproxyTest{raw: "strict-sni", fetch: "sni", match: "found"}
		stops = append(stops, haproxyRule{condition: haproxyCondition{}.and(named).reverse()})
	}
	var second *way
	for _, start := range f.starts(h.config.Entries[entry]) {
		for _, s := range rule.condition.solve(start) {
			w, ok := f.follow(s, i, stops)
			switch {
			case !ok:
			case w.doubt == no:
				return w, true
			case second == nil:
				second = &w
			}
		}
	}
	if second == nil {
		return way{}, false
	}
	return *second, true
}

// starts are requests to begin with: a plain one, one for a path that nobody names, and those that the frontend's own
// rules speak of, as when it refuses all hosts but a few.
func (f *haproxyFrontend) starts(entry Entry) []sample {
	plain := start(entry)
	other := plain
	other.path = "/gatefault"
	all := []sample{plain, other}
	for _, rule := range slices.Concat(f.stops, f.choices) {
		for t := range rule.condition.tests {
			all = append(all, t.satisfy(plain)...)
		}
	}
	return all[:min(len(all), maxSamples)]
}

// follow tells whether a request gets past all that could stop it or lead it elsewhere.
func (f *haproxyFrontend) follow(s sample, choice int, stops []haproxyRule) (way, bool) {
	w := way{sample: s, doubt: f.choices[choice].condition.holds(s).not()}
	for _, rule := range stops {
		held := rule.condition.holds(s)
		switch {
		case held == yes && !rule.asks:
			return w, false
		case held != no && rule.asks:
			w.doubt, w.needs = yes, "a password"
		}
		w.limits = w.limits || rule.limits && held != no
	}
	handshake := s.handshake()
	w.upgrades = f.choices[choice].condition.holds(handshake) != no
	for _, earlier := range f.choices[:choice] {
		if earlier.condition.holds(s) == yes {
			return w, false
		}
		w.upgrades = w.upgrades && earlier.condition.holds(handshake) != yes
	}
	return w, true
}
