package config

import (
	"slices"
	"strings"
)

// nginxLocation is a location, or a server as the location around all of its own.
type nginxLocation struct {
	scope *nginxScope
	kind  string // "", =, ^~, ~, ~* or @
	match string // prefix, expression or name
	expr  *nginxExpr
	inner []*nginxLocation
	outer *nginxLocation
	at    Position
}

// newNginxLocation reads the locations below one.
func newNginxLocation(outer *nginxLocation, scope *nginxScope, d directive) *nginxLocation {
	l := &nginxLocation{scope: scope, outer: outer, at: d.at}
	l.kind, l.match = nginxLocationKind(d.args)
	if strings.HasPrefix(l.kind, "~") {
		l.expr = nginxExpression(l.match, l.kind == "~*")
	}
	for i, d := range scope.list {
		if d.name == "location" && len(d.args) > 0 {
			l.inner = append(l.inner, newNginxLocation(l, scope.child(i), d))
		}
	}
	return l
}

// nginxLocationKind takes a location's name apart; its modifier may stand alone or before the name.
func nginxLocationKind(args []string) (kind, match string) {
	switch {
	case len(args) == 0:
		return "", ""
	case len(args) > 1:
		return args[0], args[1]
	}
	for _, kind := range []string{"=", "^~", "~*", "~", "@"} {
		if match, ok := strings.CutPrefix(args[0], kind); ok {
			return kind, match
		}
	}
	return "", args[0]
}

// find is the location that a path leads to among those below l: the one with the longest prefix, unless an expression
// matches; nil if nginx adds a slash by a redirect. final says that an exact or an expression's location was found.
// See ngx_http_core_find_location in src/http/ngx_http_core_module.c.
func (l *nginxLocation) find(path string) (found *nginxLocation, final bool) {
	found = l
	expressions := true
	best := l.prefix(path)
	if l.redirects(path, best) {
		return nil, true
	}
	if best != nil {
		if best.kind == "=" {
			return best, true
		}
		if found, final = best.find(path); final {
			return found, true
		}
		expressions = best.kind != "^~"
	}
	for _, in := range l.inner {
		if expressions && in.expr.matches(path) {
			found, _ = in.find(path)
			return found, true
		}
	}
	return found, false
}

func (l *nginxLocation) prefix(path string) *nginxLocation {
	var best *nginxLocation
	for _, in := range l.inner {
		switch in.kind {
		case "=":
			if in.match == path {
				return in
			}
		case "", "^~":
			if strings.HasPrefix(path, in.match) && (best == nil || len(in.match) > len(best.match)) {
				best = in
			}
		}
	}
	return best
}

// named is the location of a name, without its @. Named locations stand in the server alone.
func (l *nginxLocation) named(name string) *nginxLocation {
	for _, in := range l.inner {
		if in.kind == "@" && in.match == name {
			return in
		}
	}
	return nil
}

// redirects says that nginx answers with a redirect, because there is a proxied location of this path and a slash, and none of
// the path alone.
func (l *nginxLocation) redirects(path string, best *nginxLocation) bool {
	if best != nil && best.match == path {
		return false
	}
	for _, in := range l.inner {
		if in.expr == nil && in.kind != "@" && in.match == path+"/" {
			_, proxied := in.scope.pass()
			return proxied
		}
	}
	return false
}

// each goes through the location and all below it.
func (l *nginxLocation) each(do func(*nginxLocation)) {
	do(l)
	for _, in := range l.inner {
		in.each(do)
	}
}

// paths are paths that may lead to the location, best first.
func (l *nginxLocation) paths() []string {
	switch l.kind {
	case "=":
		return nginxPaths(l.match)
	case "@":
		return nil
	case "~", "~*":
		return l.expressionPaths()
	case "", "^~":
		folder := strings.TrimSuffix(l.match, "/") + "/"
		return nginxPaths(l.match, folder, folder+"gatefault", l.match+"gatefault")
	}
	return nil
}

// nginxPaths leaves out what cannot be a path: nginx makes one slash of two.
func nginxPaths(all ...string) []string {
	var paths []string
	for _, path := range all {
		if strings.HasPrefix(path, "/") && !strings.Contains(path, "//") {
			paths = append(paths, path)
		}
	}
	return paths
}

// expressionPaths makes paths that the expression matches, also below the location around it.
func (l *nginxLocation) expressionPaths() []string {
	text, ok := l.expr.example()
	if !ok {
		return nil
	}
	around := "/"
	for o := l.outer; o != nil; o = o.outer {
		if o.kind == "" && o.match != "" || o.kind == "^~" {
			around = o.match
			break
		}
	}
	folder := strings.TrimSuffix(around, "/")
	all := nginxPaths(text, folder+"/index.php", folder+"/index"+text, folder+"/gatefault"+text, folder+text, folder+"/"+text,
		folder+text+"/gatefault", folder+"/"+text+"/gatefault", text+"gatefault")
	return slices.DeleteFunc(all, func(path string) bool { return !l.expr.matches(path) })
}
