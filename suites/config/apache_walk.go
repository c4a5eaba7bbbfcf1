package config

import (
	"slices"
	"strings"
)

// apachePass is a ProxyPass, a ProxyPassMatch, a rule with [P], or a handler that is a proxy.
type apachePass struct {
	path    string
	regexp  bool
	chain   []apacheSection // that it stands in
	rewrite *apacheRewrite
	to      int // group; -1: no server, as with !
	upgrade bool
	at      Position
}

// apacheWays are all that lead from a server to groups, in the order in which they are asked: rules, sections, ProxyPass,
// handlers (hooks of translate_name and map_to_storage in modules/mappers/mod_rewrite.c and modules/proxy/mod_proxy.c).
type apacheWays struct {
	server   *apacheServer
	rules    []*apachePass
	located  []*apachePass
	passes   []*apachePass
	handlers []*apachePass
}

func (a *apacheReader) ways(s *apacheServer) *apacheWays {
	w := &apacheWays{server: s}
	for _, rule := range s.rewrites() {
		p := &apachePass{rewrite: &rule, to: -1, at: rule.at}
		if rule.flag("P", "PROXY") {
			p.to, p.upgrade = a.group(s, rule.target, nil, true, rule.at), upgrades(rule.target, nil)
		}
		w.rules = append(w.rules, p)
	}
	for _, server := range []*apacheServer{s.main, s} { // the main server's come first: merge_proxy_config
		if server != nil {
			w.passes = append(w.passes, a.passes(s, server.list, nil)...)
			sections(server.list, nil, func(chain []apacheSection) { a.section(w, chain) })
		}
	}
	return w
}

// passes reads the ProxyPass lines of a list. In a section the path is the section's.
func (a *apacheReader) passes(s *apacheServer, list []directive, chain []apacheSection) []*apachePass {
	var all []*apachePass
	for _, d := range list {
		if d.name != "proxypass" && d.name != "proxypassmatch" {
			continue
		}
		args := slices.DeleteFunc(slices.Clone(d.args), func(arg string) bool { return arg == "nocanon" || arg == "interpolate" || arg == "noquery" })
		p := &apachePass{regexp: d.name == "proxypassmatch", chain: chain, to: -1, at: d.at}
		if chain == nil && len(args) > 0 {
			p.path, args = args[0], args[1:]
		}
		if len(args) == 0 {
			continue
		}
		if args[0] != "!" {
			params := parameters(args[1:])
			p.to, p.upgrade = a.group(s, args[0], params, false, d.at), upgrades(args[0], params)
		}
		all = append(all, p)
	}
	return all
}

// section takes in what a section passes on.
func (a *apacheReader) section(w *apacheWays, chain []apacheSection) {
	inner := chain[len(chain)-1]
	if inner.kind == "location" {
		w.located = append(w.located, a.passes(w.server, inner.list, slices.Clone(chain))...)
	}
	for _, d := range inner.list {
		target := ""
		if d.name == "sethandler" || d.name == "addhandler" {
			target, _ = strings.CutPrefix(d.arg(0), "proxy:")
		}
		if target == "" || target == d.arg(0) {
			continue
		}
		p := &apachePass{chain: slices.Clone(chain), at: d.at, upgrade: upgrades(target, nil)}
		if p.to = a.group(w.server, target, nil, false, d.at); p.to >= 0 {
			w.handlers = append(w.handlers, p)
		}
	}
}

// holds tells whether a request is one that is passed on here.
func (p *apachePass) holds(s sample) truth {
	at, _, _ := strings.Cut(s.path, "?")
	switch {
	case p.rewrite != nil:
		return p.rewrite.holds(s)
	case p.chain != nil:
		return chainHolds(p.chain, at)
	case p.regexp:
		return expressionHolds(p.path, at, false)
	}
	return truthOf(aliasPrefix(at, p.path))
}

// apacheStop is why a request gets no further than the gateway, or that it gets to a pass.
type apacheStop struct {
	pass  *apachePass // nil: answered by the gateway
	doubt truth
}

// follow tells where a request ends. Of what is not known, what the goal needs is taken to hold.
func (w *apacheWays) follow(s sample, goal *apachePass) apacheStop {
	doubt := no
	taken := func(p *apachePass) bool {
		held := p.holds(s)
		if p == goal && held == unknown {
			doubt = unknown
		}
		return held == yes || p == goal && held == unknown
	}
	lost := false
	for _, p := range w.rules {
		switch {
		case !taken(p):
			continue
		case p.to >= 0:
			return apacheStop{pass: p, doubt: doubt}
		case p.rewrite.answers():
			return apacheStop{}
		case p.rewrite.target != "-":
			lost = true
		}
		if p.rewrite.flag("L", "LAST", "END", "PT", "PASSTHROUGH") {
			break
		}
	}
	if lost {
		doubt = unknown
	}
	for _, list := range [][]*apachePass{reversed(w.located), w.passes, reversed(w.handlers)} {
		for _, p := range list {
			if !taken(p) {
				continue
			}
			if p.to < 0 {
				return apacheStop{}
			}
			return apacheStop{pass: p, doubt: doubt}
		}
	}
	return apacheStop{}
}

// answers tells of rules that end in a redirect or a refusal.
func (r apacheRewrite) answers() bool {
	return r.flag("R", "REDIRECT", "F", "FORBIDDEN", "G", "GONE", "P", "PROXY") || strings.Contains(r.target, "://")
}

func reversed(all []*apachePass) []*apachePass {
	all = slices.Clone(all)
	slices.Reverse(all)
	return all
}

// starts are requests that may be passed on here, for one of some hosts.
func (p *apachePass) starts(entry Entry, hosts []string) []sample {
	paths := []string{p.path}
	switch {
	case p.rewrite != nil:
		paths = []string{"/", "/gatefault"}
		if at, ok := matchingPath(p.rewrite.pattern); ok && !p.rewrite.not {
			paths = []string{at, "/gatefault"}
		}
	case p.chain != nil:
		paths = examples(p.chain)
	case p.regexp:
		at, ok := matchingPath(p.path)
		if !ok {
			return nil
		}
		paths = []string{at}
	default:
		paths = append(paths, strings.TrimSuffix(p.path, "/")+"/gatefault")
	}
	paths = slices.DeleteFunc(paths, func(at string) bool { return !strings.HasPrefix(at, "/") })
	var all []sample
	for _, host := range hosts {
		for _, at := range paths {
			s := start(entry)
			s.host, s.path = host, at
			if p.rewrite != nil {
				all = append(all, p.rewrite.satisfy(s)...)
				continue
			}
			all = append(all, s)
		}
	}
	return all
}
