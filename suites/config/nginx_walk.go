package config

import (
	"slices"
	"strings"
)

// nginxRequest is a client's request in so far as it decides where nginx takes it.
type nginxRequest struct {
	entry   int
	host    string
	method  string
	path    string
	query   string
	headers map[string]string // by the variable's name: http_x_canary
}

// nginxWalk follows one request through a configuration: which server, which location, what it rewrites and where it ends.
// What cannot be known here (the client's address, Lua) counts as not so.
type nginxWalk struct {
	h       *nginxHTTP
	request nginxRequest
	server  *nginxServer
	// place is the location that the request is in, scope the block in force there: its own, or that of an if within it.
	place    *nginxLocation
	scope    *nginxScope
	path     string
	query    string
	set      map[string]string // variables; one that is not known is there with unknown
	unknown  map[string]bool
	captures []string
	// assume says that files of the document root are there; wanted are those that were asked for.
	assume bool
	wanted []string
	// first is the location that the client's own path led to.
	first   *nginxLocation
	jumps   int
	depth   int  // of variables in variables
	lookups int  // of variables
	changed bool // a rewrite changed the path
	failed  bool // error_page has led on already, which it does once
}

// nginxEnd is where a request ends.
type nginxEnd int

const (
	nginxOn     nginxEnd = iota // go on
	nginxAgain                  // with another location
	nginxPassed                 // at an upstream
	nginxDone                   // answered by nginx itself
	nginxBreak                  // the rewriting is over, nothing more
)

// maxJumps is how often nginx changes a request's location before it gives up (NGX_HTTP_MAX_URI_CHANGES).
const maxJumps = 10

// walk follows a request to its end. pass is the directive that hands it to an upstream.
func (h *nginxHTTP) walk(r nginxRequest, assume bool) (w *nginxWalk, pass directive, ok bool) {
	server := h.server(r.entry, r.host)
	if server == nil {
		return nil, directive{}, false
	}
	w = h.newWalk(r, server, server.nginxLocation)
	w.assume = assume
	w.captureName()
	if w.rewrite(w.scope) == nginxDone {
		return w, directive{}, false
	}
	for end := nginxAgain; end == nginxAgain && w.jumps < maxJumps; w.jumps++ {
		if !w.locate() {
			break
		}
		end = w.here()
		if end == nginxPassed {
			pass, ok = w.pass()
			return w, pass, ok
		}
	}
	return w, directive{}, false
}

func (h *nginxHTTP) newWalk(r nginxRequest, s *nginxServer, place *nginxLocation) *nginxWalk {
	return &nginxWalk{
		h: h, request: r, server: s, place: place, scope: place.scope, path: r.path, query: r.query,
		set: map[string]string{}, unknown: map[string]bool{},
	}
}

// at is a walk that has come to a place by itself, without a client's request.
func (h *nginxHTTP) at(s *nginxServer, place *nginxLocation, path string) *nginxWalk {
	return h.newWalk(nginxRequest{entry: -1, method: "GET", path: path}, s, place)
}

// captureName keeps what the expression of a server's name captured.
func (w *nginxWalk) captureName() {
	for _, name := range w.server.names {
		if expr, isExpr := strings.CutPrefix(name, "~"); isExpr {
			w.capture(w.h.expression(expr, true), w.request.host)
		}
	}
}

// capture matches an expression and keeps what it captured.
func (w *nginxWalk) capture(expr *nginxExpr, text string) bool {
	found := expr.captures(text)
	if found == nil {
		return false
	}
	w.captures = found
	for i, name := range expr.re.SubexpNames() {
		if name != "" {
			w.set[strings.ToLower(name)] = found[i]
		}
	}
	return true
}

// locate finds the location of the path. A place that is set already is a named location.
func (w *nginxWalk) locate() (found bool) {
	if w.place == nil || w.place.kind != "@" {
		w.place, _ = w.server.find(w.path)
	}
	if w.place == nil {
		return false
	}
	if w.first == nil {
		w.first = w.place
	}
	w.scope = w.place.scope
	w.capture(w.place.expr, w.path)
	for i, d := range w.scope.list {
		if d.name == "limit_except" && !nginxAllows(d.args, w.request.method) {
			w.scope = w.scope.child(i)
			break
		}
	}
	return true
}

// nginxAllows says that limit_except does not concern a method. GET stands for HEAD too.
func nginxAllows(methods []string, method string) bool {
	return slices.Contains(methods, method) || method == "HEAD" && slices.Contains(methods, "GET")
}

// here handles the request in its location, in the order of nginx's phases: rewrite, try_files, content.
func (w *nginxWalk) here() nginxEnd {
	if w.jumps == 0 && len(w.scope.own("internal")) > 0 {
		return nginxDone
	}
	if end := w.rewriteHere(); end != nginxOn {
		return end
	}
	if tries := w.scope.own("try_files"); len(tries) > 0 && len(tries[0].args) > 0 {
		if end := w.tryFiles(tries[0].args); end != nginxOn {
			return end
		}
	}
	if _, ok := w.pass(); ok {
		return nginxPassed
	}
	return w.static()
}

// rewriteHere does what the location rewrites. That of the server is done already where no location is found.
func (w *nginxWalk) rewriteHere() nginxEnd {
	if w.place == w.server.nginxLocation {
		return nginxOn
	}
	w.changed = false
	end := w.rewrite(w.place.scope)
	if end == nginxOn && w.changed {
		w.place = nil
		return nginxAgain
	}
	if end == nginxBreak {
		return nginxOn
	}
	return end
}

// pass is the directive that hands the request to an upstream. Of the blocks around, an if and a limit_except have their
// location's, and nothing else is inherited.
func (w *nginxWalk) pass() (directive, bool) {
	for s := w.scope; s != nil; s = s.outer {
		if d, ok := s.pass(); ok {
			return d, true
		}
		if s == w.place.scope {
			break
		}
	}
	return directive{}, false
}

// jump goes on with a named location or another path.
func (w *nginxWalk) jump(to string) nginxEnd {
	if name, named := strings.CutPrefix(to, "@"); named {
		w.place = w.server.named(name)
		if w.place == nil {
			return nginxDone
		}
		return nginxAgain
	}
	to, known := w.expand(to)
	if !known || !strings.HasPrefix(to, "/") {
		return nginxDone
	}
	to, query, given := strings.Cut(to, "?")
	if given {
		w.query = query
	}
	w.path, w.place = to, nil
	return nginxAgain
}

// answer ends a request with a status, unless error_page leads on from there and leaves the status to where it leads: with a =.
// See https://nginx.org/en/docs/http/ngx_http_core_module.html#error_page.
func (w *nginxWalk) answer(status string) nginxEnd {
	for _, d := range w.scope.all("error_page") {
		if !w.failed && slices.Contains(d.args, status) && slices.Contains(d.args, "=") {
			w.failed = true
			return w.jump(d.last())
		}
	}
	return nginxDone
}
