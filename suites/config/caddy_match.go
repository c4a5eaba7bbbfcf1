package config

import (
	"iter"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
)

// caddyRequest is a request on its way through a site.
type caddyRequest struct {
	sample
	cut  string // what of the beginning of its path has been taken off
	lost bool   // its path has been rewritten to one that is not known here
}

// seen is the path, without its query, that matchers see.
func (r caddyRequest) seen() string {
	p, _, _ := strings.Cut(r.path, "?")
	return "/" + strings.TrimPrefix(strings.TrimPrefix(p, r.cut), "/")
}

// see makes the request one of which matchers see this path.
func (r caddyRequest) see(text string) caddyRequest {
	_, query, has := strings.Cut(r.path, "?")
	r.path = r.cut + "/" + strings.TrimPrefix(text, "/")
	if has {
		r.path += "?" + query
	}
	return r
}

// caddyMatcher is one criterion (https://caddyserver.com/docs/caddyfile/matchers#standard-matchers). Any of its values will do.
type caddyMatcher struct {
	kind   string // path, path_regexp, host, method, protocol, header, header_regexp, query, not; others are not known here
	field  string // of header and query
	values []string
	not    []caddySet // none of these may match
}

// caddySet are matchers that all have to match.
type caddySet []caddyMatcher

func (s caddySet) holds(r caddyRequest) truth {
	result := yes
	for _, m := range s {
		result = min(result, m.holds(r))
	}
	return result
}

// anyHolds: of several sets one has to match; without any, all requests do.
func anyHolds(sets []caddySet, r caddyRequest) truth {
	if len(sets) == 0 {
		return yes
	}
	result := no
	for _, s := range sets {
		result = max(result, s.holds(r))
	}
	return result
}

func (m caddyMatcher) holds(r caddyRequest) truth {
	switch m.kind {
	case "not":
		return anyHolds(m.not, r).not()
	case "host":
		return m.any(r.host, wildcardHost)
	case "method":
		return m.any(r.method, strings.EqualFold)
	case "protocol":
		return m.protocol(r)
	case "path":
		if r.lost {
			return unknown
		}
		return m.any(r.seen(), wildcardPath)
	case "path_regexp":
		if r.lost {
			return unknown
		}
		return m.expression(r.seen())
	case "query":
		return m.query(r)
	case "header", "header_regexp":
		return m.header(r)
	}
	return unknown
}

func (m caddyMatcher) any(value string, same func(value, want string) bool) truth {
	for _, want := range m.values {
		if strings.Contains(want, "{") {
			return unknown // a placeholder
		}
		if same(value, want) {
			return yes
		}
	}
	return no
}

// wildcardHost: an asterisk stands for one label.
func wildcardHost(host, want string) bool {
	host, _, _ = strings.Cut(host, ":")
	if !strings.Contains(want, "*") {
		return strings.EqualFold(host, want)
	}
	have, wanted := strings.Split(strings.ToLower(host), "."), strings.Split(strings.ToLower(want), ".")
	if len(have) != len(wanted) || host == "" {
		return false
	}
	for i := range have {
		if wanted[i] != "*" && wanted[i] != have[i] {
			return false
		}
	}
	return true
}

// wildcardPath: an asterisk at an end stands for anything, elsewhere for anything but a slash. Case does not matter.
func wildcardPath(value, want string) bool {
	value, want = strings.ToLower(value), strings.ToLower(want)
	front, back := strings.HasPrefix(want, "*"), strings.HasSuffix(want, "*")
	bare := strings.Trim(want, "*")
	switch {
	case strings.Contains(bare, "*"):
		ok, err := path.Match(want, value)
		return ok && err == nil
	case front && back:
		return strings.Contains(value, bare)
	case front:
		return strings.HasSuffix(value, bare)
	case back:
		return strings.HasPrefix(value, bare)
	}
	return value == want
}

func (m caddyMatcher) expression(value string) truth {
	result := no
	for _, want := range m.values {
		re, err := regexp.Compile(want)
		if err != nil {
			return unknown
		}
		result = max(result, truthOf(re.MatchString(value)))
	}
	return result
}

func (m caddyMatcher) protocol(r caddyRequest) truth {
	return m.any("", func(_, want string) bool {
		return want == "https" && r.entry.TLS || want == "http" && !r.entry.TLS || want == "http/1.1"
	})
}

func (m caddyMatcher) query(r caddyRequest) truth {
	_, text, _ := strings.Cut(r.path, "?")
	query, err := url.ParseQuery(text)
	if err != nil || !query.Has(m.field) {
		return no
	}
	return m.any(query.Get(m.field), func(value, want string) bool { return want == "*" || value == want })
}

// header: ! in front of the field's name means that it must not be there.
func (m caddyMatcher) header(r caddyRequest) truth {
	name, absent := strings.CutPrefix(strings.ToLower(m.field), "!")
	value, present := r.fields[name]
	if name == "host" {
		value, present = r.host, r.host != ""
	}
	switch {
	case absent:
		return truthOf(!present)
	case !present:
		return no
	case m.kind == "header_regexp":
		return m.expression(value)
	case len(m.values) == 0:
		return yes
	}
	return m.any(value, wildcardPath)
}

// satisfy changes a request so that the matcher may hold.
func (m caddyMatcher) satisfy(r caddyRequest) []caddyRequest {
	if m.kind == "header" && len(m.values) == 0 && !strings.HasPrefix(m.field, "!") {
		r.sample = r.with(m.field, "1")
		return []caddyRequest{r}
	}
	var all []caddyRequest
	for _, set := range m.not {
		all = append(all, set.avoid(r)...)
	}
	for _, want := range m.values[:min(len(m.values), maxValues)] {
		if text, ok := m.example(want); ok {
			all = append(all, m.put(r, text))
		}
		if ending := strings.TrimLeft(want, "*"); m.kind == "path" && ending != want && strings.HasSuffix(r.seen(), "/") {
			all = append(all, r.see(r.seen()+"index"+strings.Trim(ending, "/*")))
		}
		if m.kind == "host" && strings.Contains(want, "*") { // www may be a site of its own
			all = append(all, m.put(r, strings.ReplaceAll(want, "*", "gatefault")))
		}
	}
	return all
}

func (m caddyMatcher) example(want string) (string, bool) {
	switch {
	case strings.HasSuffix(m.kind, "_regexp"):
		return matching(want)
	case m.kind == "host":
		return strings.ReplaceAll(want, "*", "www"), !strings.Contains(want, "{")
	case m.kind == "path" && strings.HasPrefix(want, "*") && !strings.HasPrefix(want, "*/"):
		return "/index" + strings.ReplaceAll(want, "*", ""), true
	case m.kind == "path" && strings.HasPrefix(want, "*"):
		return strings.ReplaceAll(want, "*", ""), true
	case m.kind == "header":
		return strings.ReplaceAll(strings.Trim(want, "*"), "*", "a"), !strings.Contains(want, "{")
	case m.kind == "path":
		return strings.ReplaceAll(strings.TrimSuffix(want, "*"), "*", "a"), !strings.Contains(want, "{")
	}
	return strings.ReplaceAll(want, "*", "1"), true
}

func (m caddyMatcher) put(r caddyRequest, text string) caddyRequest {
	switch m.kind {
	case "path", "path_regexp":
		return r.see(text)
	case "host":
		r.host = text
	case "method":
		r.method = strings.ToUpper(text)
	case "query":
		before, old, has := strings.Cut(r.path, "?")
		r.path = before + "?"
		if has {
			r.path += old + "&"
		}
		r.path += url.QueryEscape(m.field) + "=" + url.QueryEscape(text)
	case "header", "header_regexp":
		if strings.EqualFold(m.field, "host") {
			r.host = text
			return r
		}
		r.sample = r.with(m.field, text)
	}
	return r
}

// avoid changes a request so that a set that must not match does not.
func (s caddySet) avoid(r caddyRequest) []caddyRequest {
	var all []caddyRequest
	for _, m := range s {
		switch m.kind {
		case "method":
			for _, method := range []string{"GET", "POST", "PUT", "DELETE"} {
				r.method = method
				all = append(all, r)
			}
		case "path", "path_regexp":
			all = append(all, r.see("/gatefault"), r.see(r.seen()+"/gatefault"))
		case "host":
			r.host = "gatefault.example.com"
			all = append(all, r)
		}
	}
	return all
}

// solve gives requests, made from r, for which the set may match.
func (s caddySet) solve(r caddyRequest) []caddyRequest {
	return append(s.solveIn(slices.Values(s), r), s.solveIn(backward(s), r)...)
}

func (s caddySet) solveIn(order iter.Seq[caddyMatcher], r caddyRequest) []caddyRequest {
	found := []caddyRequest{r}
	for m := range order {
		var next []caddyRequest
		for _, r := range found {
			if m.holds(r) != no {
				next = append(next, r)
			}
			next = append(next, m.satisfy(r)...)
		}
		found = next[:min(len(next), maxSamples)]
	}
	return found
}
