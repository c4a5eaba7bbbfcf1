package config

import (
	"iter"
	"slices"
	"strings"
)

// Bounds on the search for a request that a condition lets through.
const (
	maxValues  = 8  // of one test that are tried
	maxSamples = 64 // that are kept
)

// satisfy changes a request so that the test may hold.
func (t haproxyTest) satisfy(s sample) []sample {
	var all []sample
	for _, want := range t.values[:min(len(t.values), maxValues)] {
		if text, ok := t.example(want); ok {
			all = append(all, t.put(s, text))
		}
		if t.fetch == "path" && t.match == "end" && !strings.HasPrefix(want, "/") && strings.HasSuffix(s.path, "/") {
			all = append(all, t.put(s, s.path+"index"+want))
		}
	}
	if t.match == "found" && t.fetch == "field" {
		all = append(all, s.with(t.field, "1"))
	}
	return all
}

// put writes a text to where the test looks.
func (t haproxyTest) put(s sample, text string) sample {
	switch t.fetch {
	case "path":
		s.path = text
	case "host", "sni":
		s.host = text
	case "base":
		host, path, _ := strings.Cut(text, "/")
		s.host, s.path = host, "/"+path
	case "method":
		s.method = text
	case "field":
		return s.with(t.field, text)
	}
	return s
}

// example is a text that the test takes for want.
func (t haproxyTest) example(want string) (string, bool) {
	text := want
	if t.match == "reg" {
		var ok bool
		if text, ok = matching(want); !ok {
			return "", false
		}
	}
	switch {
	case t.fetch == "path":
		return t.examplePath(text)
	case t.match == "end" && strings.HasPrefix(text, "."):
		return "www" + text, true
	case t.match == "beg" && strings.HasSuffix(text, "."):
		return text + "example.com", true
	}
	return text, text != ""
}

func (t haproxyTest) examplePath(text string) (string, bool) {
	switch {
	case strings.HasPrefix(text, "/"):
		return text, true
	case t.match == "end":
		return "/index" + text, true
	case t.match == "sub", t.match == "dir", t.match == "reg", t.match == "dom":
		return "/" + text, true
	}
	return "", false
}

// haproxyTerm is a named or anonymous ACL in a condition: any of its tests may hold.
type haproxyACL struct {
	not   bool
	tests []haproxyTest
}

func (a haproxyACL) holds(s sample) truth {
	result := no
	for _, t := range a.tests {
		result = max(result, t.holds(s))
	}
	if a.not {
		return result.not()
	}
	return result
}

// haproxyCondition is what follows if or unless: all ACLs of any of the lists have to hold. Without one it always holds.
type haproxyCondition struct {
	any    [][]haproxyACL
	unless bool
}

func (c haproxyCondition) holds(s sample) truth {
	if len(c.any) == 0 {
		return yes
	}
	result := no
	for _, list := range c.any {
		all := yes
		for _, a := range list {
			all = min(all, a.holds(s))
		}
		result = max(result, all)
	}
	if c.unless {
		return result.not()
	}
	return result
}

// tests goes through all tests in a condition.
func (c haproxyCondition) tests(yield func(haproxyTest) bool) {
	for _, list := range c.any {
		for _, a := range list {
			for _, t := range a.tests {
				if !yield(t) {
					return
				}
			}
		}
	}
}

// solve gives requests, made from s, for which the condition may hold: s itself first, if it does.
func (c haproxyCondition) solve(s sample) []sample {
	found := []sample{s}
	if !c.unless {
		for _, list := range c.any {
			found = append(found, solveAll(slices.Values(list), s)...)
			found = append(found, solveAll(backward(list), s)...) // an ending can be added to a beginning, not the other way round
		}
	}
	return slices.DeleteFunc(found, func(s sample) bool { return c.holds(s) == no })
}

func backward[T any](list []T) iter.Seq[T] {
	list = slices.Clone(list)
	slices.Reverse(list)
	return slices.Values(list)
}

func solveAll(list iter.Seq[haproxyACL], s sample) []sample {
	found := []sample{s}
	for a := range list {
		if a.not {
			continue
		}
		var next []sample
		for _, s := range found {
			if a.holds(s) != no {
				next = append(next, s)
			}
			for _, t := range a.tests {
				next = append(next, t.satisfy(s)...)
			}
		}
		found = next[:min(len(next), maxSamples)]
	}
	return found
}
