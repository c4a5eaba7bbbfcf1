package config

import (
	"slices"
	"strings"
)

// set reads a named matcher: in a block, or on one line (https://caddyserver.com/docs/caddyfile/matchers#named-matchers).
func (h caddyHandlers) set(d directive) caddySet {
	lines := d.block
	if len(d.args) > 0 {
		lines = append([]directive{{name: d.args[0], args: d.args[1:], block: d.block}}, lines...)
		if d.args[0] == "not" {
			lines = lines[:1]
		}
	}
	return matcherLines(lines)
}

// matcherLines reads matchers that all have to match. Those of the same kind, and field, add up.
func matcherLines(lines []directive) caddySet {
	var set caddySet
	for _, d := range lines {
		m := matcherLine(d)
		i := slices.IndexFunc(set, func(other caddyMatcher) bool { return other.kind == m.kind && other.field == m.field })
		if i >= 0 && (m.kind == "path" || m.kind == "host" || m.kind == "method" || m.kind == "header" || m.kind == "query") {
			set[i].values = append(set[i].values, m.values...)
			continue
		}
		set = append(set, m)
	}
	return set
}

func matcherLine(d directive) caddyMatcher {
	m := caddyMatcher{kind: d.name, values: d.args}
	switch d.name {
	case "not":
		return notMatcher(d)
	case "header":
		m.field, m.values = d.arg(0), d.args[min(1, len(d.args)):]
	case "path_regexp":
		m.values = d.args[max(0, len(d.args)-1):]
	case "header_regexp":
		m.values = d.args[max(0, len(d.args)-1):]
		m.field = d.arg(max(0, len(d.args)-2))
	case "query":
		return queryMatcher(d)
	case "path", "host", "method", "protocol":
	default:
		m.kind = "unknown"
	}
	return m
}

func notMatcher(d directive) caddyMatcher {
	inner := d.block
	if len(d.args) > 0 {
		inner = []directive{{name: d.args[0], args: d.args[1:], block: d.block}}
	}
	return caddyMatcher{kind: "not", not: []caddySet{matcherLines(inner)}}
}

// queryMatcher takes the first pair: key=value.
func queryMatcher(d directive) caddyMatcher {
	key, _, pair := strings.Cut(d.arg(0), "=")
	m := caddyMatcher{kind: "query", field: key}
	if !pair || key == "" {
		return caddyMatcher{kind: "unknown"}
	}
	for _, arg := range d.args {
		if name, value, _ := strings.Cut(arg, "="); name == key {
			m.values = append(m.values, value)
		}
	}
	return m
}
