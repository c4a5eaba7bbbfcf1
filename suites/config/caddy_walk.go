package config

import (
	"slices"
	"strings"
)

// caddyAction is what a step does with a request.
type caddyAction int

const (
	pass     caddyAction = iota // it goes on
	proxies                     // to a group
	answers                     // itself
	asks                        // for something that clients have to bring
	strips                      // the beginning of the path
	rewrites                    // the path
	limits                      // requests
	caches                      // answers
)

// caddyStep is a handler, or a list of them, with the matchers in front of it.
type caddyStep struct {
	any    []caddySet
	group  string // of the steps of a group only the first that matches is taken
	action caddyAction
	inner  []*caddyStep
	last   bool   // what follows it is not reached from within
	strip  string // what it takes off the path
	to     int    // group that it proxies to
	needs  string // what it asks for
	at     Position
}

// caddyWalk follows a request through steps. Of conditions that are not known, those on the way to the goal are taken to hold.
type caddyWalk struct {
	goal  *caddyStep
	way   map[*caddyStep]bool
	found *caddyStep
	doubt truth
	route Route
}

// steps goes through a list; done says that the request goes no further.
func (w *caddyWalk) steps(list []*caddyStep, r caddyRequest) (caddyRequest, bool) {
	taken := map[string]bool{}
	for _, s := range list {
		held := anyHolds(s.any, r)
		if s.group != "" && taken[s.group] || held == no || held == unknown && !w.way[s] {
			continue
		}
		if held == unknown {
			w.doubt = max(w.doubt, unknown)
		}
		taken[s.group] = true
		var done bool
		if r, done = w.step(s, r); done {
			return r, true
		}
	}
	return r, false
}

func (w *caddyWalk) step(s *caddyStep, r caddyRequest) (caddyRequest, bool) {
	switch s.action {
	case proxies, answers:
		w.found = s
		return r, true
	case asks:
		w.doubt, w.route.Needs = yes, s.needs
	case strips:
		r = r.without(s.strip)
	case rewrites:
		r.lost = true
	case limits:
		w.route.RateLimit = true
	case caches:
		w.route.Cache = true
	}
	inside, done := w.steps(s.inner, r.without(s.strip))
	if done || s.last {
		return inside, true
	}
	return inside, false
}

// without takes a prefix off the path that matchers see.
func (r caddyRequest) without(prefix string) caddyRequest {
	prefix = strings.TrimSuffix(prefix, "/")
	if prefix != "" && strings.HasPrefix(r.seen(), prefix) {
		r.cut += prefix
	}
	return r
}

// caddyServer are the steps behind entries.
type caddyServer struct {
	entries []int
	steps   []*caddyStep
}

// goals calls a function with each step that proxies, and the steps that lead there: the blocks that it stands in, and what
// takes prefixes off before it.
func goals(list []*caddyStep, above []*caddyStep, found func(chain []*caddyStep)) {
	for _, s := range list {
		chain := append(slices.Clip(above), s)
		if s.action == proxies {
			found(chain)
		}
		goals(s.inner, chain, found)
		above = append(slices.Clip(above), s.strippers()...)
	}
}

// strippers are the steps in s that take a prefix off the path of what follows s.
func (s *caddyStep) strippers() []*caddyStep {
	if s.action == strips {
		return []*caddyStep{s}
	}
	var all []*caddyStep
	for _, inner := range s.inner {
		if len(s.any) == 0 && s.group == "" {
			all = append(all, inner.strippers()...)
		}
	}
	return all
}

// lead finds a request that leads to the end of a chain of steps.
func (s *caddyServer) lead(chain []*caddyStep, entry Entry) (w caddyWalk, leads caddyRequest, ok bool) {
	way := map[*caddyStep]bool{}
	for _, step := range chain {
		way[step] = step.action != strips
	}
	for _, r := range solveChain(chain, caddyRequest{sample: start(entry)}) {
		r.cut = ""
		next := caddyWalk{goal: chain[len(chain)-1], way: way}
		if next.steps(s.steps, r); next.found != next.goal || ok && next.doubt >= w.doubt {
			continue
		}
		w, leads, ok = next, r, true
		w.route.Host, w.route.Path, w.route.Headers = r.host, r.path, r.fields
		if r.method != "GET" {
			w.route.Method = r.method
		}
		if w.doubt == no {
			break
		}
	}
	return w, leads, ok
}

// upgrades tells whether a handshake for WebSocket goes the way of a request.
func (w caddyWalk) upgrades(s *caddyServer, r caddyRequest) bool {
	r.sample = r.handshake()
	w.found = nil
	w.steps(s.steps, r)
	return w.found == w.goal
}

// solveChain gives requests that may get past the matchers of all steps of a chain; and, for each, one with a path that
// nobody names.
func solveChain(chain []*caddyStep, start caddyRequest) []caddyRequest {
	other := start
	other.path = "/gatefault"
	found := []caddyRequest{start, other}
	for _, step := range chain {
		if step.action == strips {
			for i, r := range found {
				if anyHolds(step.any, r) != no {
					found[i] = r.without(step.strip)
				}
			}
			continue
		}
		var next []caddyRequest
		for _, r := range found {
			for _, set := range step.any {
				next = append(next, set.solve(r)...)
			}
			if len(step.any) == 0 {
				next = append(next, r)
			}
		}
		found = next[:min(len(next), maxSamples)]
		for i := range found {
			found[i] = found[i].without(step.strip)
		}
	}
	return found
}
