package config

import (
	"maps"
	"slices"
	"strings"
)

// caddyOrder is the order in which directives of different names are asked
// (https://caddyserver.com/docs/caddyfile/directives#directive-order). handle_path counts as handle.
var caddyOrder = []string{
	"tracing", "map", "vars", "fs", "root", "log_append", "skip_log", "log_skip", "log_name", "header", "copy_response_headers",
	"request_body", "redir", "method", "rewrite", "uri", "try_files", "basicauth", "basic_auth", "forward_auth", "request_header",
	"encode", "push", "intercept", "templates", "invoke", "handle", "route", "abort", "error", "copy_response", "respond", "metrics",
	"reverse_proxy", "php_fastcgi", "file_server", "acme_server",
}

// reorder follows the global option order: order rate_limit before basic_auth.
func (c *caddyReader) reorder(d directive) {
	order := slices.DeleteFunc(slices.Clone(c.options.order), func(name string) bool { return name == d.arg(0) })
	at := len(order)
	switch i := slices.Index(order, d.arg(2)); {
	case d.arg(1) == "first", d.arg(1) == "before" && i < 0:
		at = 0
	case d.arg(1) == "before":
		at = i
	case d.arg(1) == "after" && i >= 0:
		at = i + 1
	}
	c.options.order = slices.Insert(order, at, d.arg(0))
}

// caddyHandlers makes steps of the directives of a site, with the named matchers declared around them.
type caddyHandlers struct {
	*caddyReader
	matchers map[string][]caddySet
	depth    int
}

// inner takes over the named matchers for a block, which may declare more.
func (h caddyHandlers) inner() caddyHandlers {
	h.matchers = maps.Clone(h.matchers)
	h.depth++
	return h
}

// caddyLine is a directive with its matcher taken off.
type caddyLine struct {
	directive
	any  []caddySet
	path string // the one path of its matcher, if that has just one
}

// lines declares the matchers of a block and takes them off its directives.
func (h caddyHandlers) lines(all []directive) []caddyLine {
	for _, d := range all {
		if strings.HasPrefix(d.name, "@") {
			h.matchers[d.name] = []caddySet{h.set(d)}
		}
	}
	var lines []caddyLine
	for _, d := range all {
		if !strings.HasPrefix(d.name, "@") && h.depth < maxDepth {
			lines = append(lines, h.line(d))
		}
	}
	return lines
}

// line takes the matcher off: *, a path, or a name.
func (h caddyHandlers) line(d directive) caddyLine {
	line := caddyLine{directive: d}
	first := d.arg(0)
	switch {
	case first == "*":
	case strings.HasPrefix(first, "/") && d.name != "root" && d.name != "import":
		line.any = []caddySet{{{kind: "path", values: []string{first}}}}
	case strings.HasPrefix(first, "@"):
		known, ok := h.matchers[first]
		if !ok {
			known = []caddySet{{{kind: "unknown"}}}
		}
		line.any = known
	default:
		return line
	}
	line.args = d.args[1:]
	line.path = singlePath(line.any)
	return line
}

func singlePath(any []caddySet) string {
	path := ""
	for _, set := range any {
		for _, m := range set {
			if m.kind == "path" && len(m.values) == 1 && len(any) == 1 {
				path = m.values[0]
			}
		}
	}
	return path
}

// sorted makes steps in the order in which Caddy asks them: by name and, for one name, by matcher
// (https://caddyserver.com/docs/caddyfile/directives#sorting-algorithm, sortRoutes in caddyconfig/httpcaddyfile/directives.go).
func (h caddyHandlers) sorted(all []directive) []*caddyStep {
	lines := h.lines(all)
	position := func(l caddyLine) int {
		i := slices.Index(h.options.order, orderedName(l.name))
		if i < 0 {
			return len(h.options.order)
		}
		return i
	}
	slices.SortStableFunc(lines, func(a, b caddyLine) int {
		if pa, pb := position(a), position(b); pa != pb {
			return pa - pb
		}
		return moreSpecific(a, b)
	})
	return h.steps(lines)
}

func orderedName(name string) string {
	if name == "handle_path" {
		return "handle"
	}
	return name
}

// moreSpecific compares the only paths of two matchers, the longer one first; or else tells which one has a matcher at all.
func moreSpecific(a, b caddyLine) int {
	switch {
	case a.path != "" && b.path != "" && strings.TrimSuffix(a.path, "*") == strings.TrimSuffix(b.path, "*"):
		return len(a.path) - len(b.path)
	case a.path != "" && b.path != "":
		return len(b.path) - len(a.path)
	case len(a.any) > 0 && len(b.any) == 0:
		return -1
	case len(a.any) == 0 && len(b.any) > 0:
		return 1
	}
	return 0
}

func (h caddyHandlers) steps(lines []caddyLine) []*caddyStep {
	var steps []*caddyStep
	for _, l := range lines {
		if s := h.step(l); s != nil {
			s.any, s.at = l.any, l.at
			steps = append(steps, s)
		}
	}
	return steps
}

// step is nil for a directive that lets all requests pass as they are.
func (h caddyHandlers) step(l caddyLine) *caddyStep {
	switch l.name {
	case "handle":
		return &caddyStep{group: "handle", inner: h.inner().sorted(l.block)}
	case "handle_path":
		return &caddyStep{group: "handle", strip: strings.TrimSuffix(l.path, "*"), inner: h.inner().sorted(l.block)}
	case "route":
		inner := h.inner()
		return &caddyStep{inner: inner.steps(inner.lines(l.block))}
	case "invoke":
		return &caddyStep{inner: h.inner().sorted(h.named[l.arg(0)])}
	case "abort", "error", "respond", "redir", "file_server", "acme_server", "metrics":
		return &caddyStep{action: answers}
	case "basicauth", "basic_auth":
		return &caddyStep{action: asks, needs: "a password"}
	case "forward_auth":
		return h.forwardAuth(l)
	case "uri":
		return uriStep(l)
	case "rewrite":
		return &caddyStep{action: rewrites, group: "rewrite"}
	case "rate_limit":
		return &caddyStep{action: limits}
	case "cache":
		return &caddyStep{action: caches}
	case "reverse_proxy":
		return h.proxy(l, false)
	case "php_fastcgi":
		return h.php(l)
	}
	return nil
}

func uriStep(l caddyLine) *caddyStep {
	if l.arg(0) == "strip_prefix" {
		return &caddyStep{action: strips, strip: l.arg(1)}
	}
	return &caddyStep{action: rewrites}
}

// forwardAuth asks a service that the check does not know.
func (h caddyHandlers) forwardAuth(l caddyLine) *caddyStep {
	step := h.proxy(l, false)
	if step == nil {
		return nil
	}
	step.action, step.needs = asks, "the consent of "+h.config.Groups[step.to].Servers[0].Key()
	return step
}

// php answers scripts: other requests lead there only by files on the gateway's disk
// (https://caddyserver.com/docs/caddyfile/directives/php_fastcgi#expanded-form).
func (h caddyHandlers) php(l caddyLine) *caddyStep {
	step := h.proxy(l, true)
	if step == nil {
		return nil
	}
	step.any, step.at = []caddySet{{{kind: "path", values: []string{"*.php"}}}}, l.at
	return &caddyStep{inner: []*caddyStep{step}}
}
