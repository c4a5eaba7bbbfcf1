package config

import (
	"strconv"
	"strings"
	"time"
)

// nginxScope is a block within the blocks around it. What a block does not say, it takes from the nearest one that does;
// of a directive that may stand several times it takes all of one block or none.
// See https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_set_header and ngx_conf_merge_* in nginx's sources.
type nginxScope struct {
	outer  *nginxScope
	list   []directive
	byName map[string][]directive
	inner  map[int]*nginxScope
}

func newNginxScope(outer *nginxScope, list []directive) *nginxScope {
	s := &nginxScope{outer: outer, list: list, byName: map[string][]directive{}, inner: map[int]*nginxScope{}}
	for _, d := range list {
		s.byName[d.name] = append(s.byName[d.name], d)
	}
	return s
}

// child is the scope of the block of the i-th directive.
func (s *nginxScope) child(i int) *nginxScope {
	if s.inner[i] == nil {
		s.inner[i] = newNginxScope(s, s.list[i].block)
	}
	return s.inner[i]
}

// own are the directives of a name in this block alone.
func (s *nginxScope) own(name string) []directive { return s.byName[name] }

// all are the directives of a name in the nearest block that has any.
func (s *nginxScope) all(name string) []directive {
	for ; s != nil; s = s.outer {
		if found := s.byName[name]; len(found) > 0 {
			return found
		}
	}
	return nil
}

// find is the directive of a name that is in force.
func (s *nginxScope) find(name string) (directive, bool) {
	all := s.all(name)
	if len(all) == 0 {
		return directive{}, false
	}
	return all[len(all)-1], true
}

// text is the first argument of the directive in force, or the default.
func (s *nginxScope) text(name, otherwise string) string {
	if d, ok := s.find(name); ok {
		return d.arg(0)
	}
	return otherwise
}

func (s *nginxScope) on(name string) bool { return strings.EqualFold(s.text(name, "off"), "on") }

func (s *nginxScope) number(name string) int {
	n, _ := strconv.Atoi(s.text(name, "0"))
	return n
}

// wait is a timeout. One of 0 ends at once in nginx and is not one that never ends, so it is a millisecond here.
func (s *nginxScope) wait(name string, otherwise time.Duration) time.Duration {
	if d, ok := nginxTime(s.text(name, "")); ok {
		return max(d, time.Millisecond)
	}
	return otherwise
}

var nginxUnits = map[string]time.Duration{
	"ms": time.Millisecond, "s": time.Second, "": time.Second, "m": time.Minute, "h": time.Hour,
	"d": 24 * time.Hour, "w": 7 * 24 * time.Hour, "M": 30 * 24 * time.Hour, "y": 365 * 24 * time.Hour,
}

// nginxTime understands 1h30m, "1h 30m", 500ms and 60: https://nginx.org/en/docs/syntax.html.
func nginxTime(text string) (total time.Duration, ok bool) {
	for rest := strings.ReplaceAll(text, " ", ""); rest != ""; ok = true {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		n, err := strconv.ParseInt(rest[:digits], 10, 32)
		rest = rest[digits:]
		letters := len(rest) - len(strings.TrimLeft(rest, "msdhwMy"))
		unit, known := nginxUnits[rest[:letters]]
		if err != nil || !known {
			return 0, false
		}
		total, rest = total+time.Duration(n)*unit, rest[letters:]
	}
	return total, ok
}
