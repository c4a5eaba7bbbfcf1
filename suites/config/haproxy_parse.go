package config

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// haproxySections are the words that begin a section, however far they are indented.
var haproxySections = []string{
	"global", "defaults", "frontend", "backend", "listen", "peers", "resolvers", "mailers", "userlist", "cache", "program",
	"http-errors", "ring", "log-forward", "log-profile", "fcgi-app", "crt-store", "traces", "acme",
}

// haproxySection is a section with its lines. Those of the defaults that hold for it come first.
type haproxySection struct {
	kind, name string
	lines      []directive
	at         Position
}

// proxies tells whether it is one of those that handle connections.
func (s *haproxySection) proxies() bool {
	return slices.Contains([]string{"frontend", "backend", "listen"}, s.kind)
}

// haproxyParser gathers sections from one file after the other.
type haproxyParser struct {
	env      map[string]string
	sections []*haproxySection
	defaults map[string]*haproxySection // by name
	branches []haproxyBranch
}

// haproxyBranch is a .if block: whether its lines count now, and whether one of its branches has counted.
type haproxyBranch struct{ active, taken bool }

func (p *haproxyParser) parse(text, file string) {
	p.branches = nil
	for i, line := range strings.Split(text, "\n") {
		words := haproxyWords(line, p.env)
		switch {
		case len(words) == 0 || p.condition(words) || !p.counts():
		case slices.Contains(haproxySections, words[0]):
			p.begin(words, Position{File: file, Line: i + 1})
		case len(p.sections) > 0:
			p.line(directive{name: words[0], args: words[1:], at: Position{File: file, Line: i + 1}})
		}
	}
}

// begin starts a section. A proxy takes over the defaults that it names, or else those that stand before it; defaults take
// over others only by name (configuration manual, section 4 "Proxies").
func (p *haproxyParser) begin(words []string, at Position) {
	s := &haproxySection{kind: words[0], at: at}
	rest := words[1:]
	if len(rest) > 0 && rest[0] != "from" {
		s.name, rest = rest[0], rest[1:]
	}
	named := len(rest) > 1 && rest[0] == "from"
	switch {
	case named && p.defaults[rest[1]] != nil:
		s.lines = slices.Clone(p.defaults[rest[1]].lines)
	case s.proxies() && !named:
		s.lines = slices.Clone(p.lastDefaults())
	}
	if s.kind == "defaults" && s.name != "" {
		p.defaults[s.name] = s
	}
	p.sections = append(p.sections, s)
}

func (p *haproxyParser) lastDefaults() []directive {
	for _, s := range slices.Backward(p.sections) {
		if s.kind == "defaults" {
			return s.lines
		}
	}
	return nil
}

func (p *haproxyParser) line(d directive) {
	s := p.sections[len(p.sections)-1]
	if s.kind == "global" {
		p.setEnv(d)
	}
	s.lines = append(s.lines, d)
}

func (p *haproxyParser) setEnv(d directive) {
	value := strings.Join(d.args[min(1, len(d.args)):], " ")
	switch _, set := p.env[d.arg(0)]; {
	case d.name == "setenv", d.name == "presetenv" && !set:
		p.env[d.arg(0)] = value
	case d.name == "unsetenv":
		delete(p.env, d.arg(0))
	}
}

// condition follows .if, .elif, .else and .endif (configuration manual, section 2.4 "Conditional blocks").
func (p *haproxyParser) condition(words []string) bool {
	if !strings.HasPrefix(words[0], ".") {
		return false
	}
	last := len(p.branches) - 1
	switch {
	case words[0] == ".if":
		active := p.counts() && haproxyTrue(strings.Join(words[1:], " "), p.env)
		p.branches = append(p.branches, haproxyBranch{active: active, taken: active || !p.counts()})
	case last < 0: // none is open
	case words[0] == ".elif":
		b := &p.branches[last]
		b.active = !b.taken && haproxyTrue(strings.Join(words[1:], " "), p.env)
		b.taken = b.taken || b.active
	case words[0] == ".else":
		p.branches[last] = haproxyBranch{active: !p.branches[last].taken, taken: true}
	case words[0] == ".endif":
		p.branches = p.branches[:last]
	}
	return true
}

func (p *haproxyParser) counts() bool {
	return len(p.branches) == 0 || p.branches[len(p.branches)-1].active
}

// haproxyTrue decides a condition. Of versions and features it takes for granted that they are there.
func haproxyTrue(condition string, env map[string]string) bool {
	for _, any := range strings.Split(condition, "||") {
		if !slices.ContainsFunc(strings.Split(any, "&&"), func(term string) bool { return !haproxyTerm(strings.TrimSpace(term), env) }) {
			return true
		}
	}
	return false
}

func haproxyTerm(term string, env map[string]string) bool {
	if inner, not := strings.CutPrefix(term, "!"); not {
		return !haproxyTerm(strings.TrimSpace(inner), env)
	}
	name, args, called := strings.Cut(strings.TrimSuffix(term, ")"), "(")
	first, second, _ := strings.Cut(args, ",")
	switch {
	case !called:
		n, err := strconv.Atoi(term)
		return err == nil && n != 0
	case name == "defined":
		_, set := env[first]
		return set
	case name == "streq":
		return first == second
	case name == "strneq":
		return first != second
	case name == "strstr":
		return strings.Contains(first, second)
	}
	return !strings.HasSuffix(name, "_before")
}

// last is the line that holds, where only one can.
func (s *haproxySection) last(name string) (directive, bool) {
	for _, d := range slices.Backward(s.lines) {
		if d.name == name {
			return d, true
		}
	}
	return directive{}, false
}

// value is the first argument of the line that holds, or other.
func (s *haproxySection) value(name, other string) string {
	if d, ok := s.last(name); ok && len(d.args) > 0 {
		return d.args[0]
	}
	return other
}

// option tells whether an option is on: it may be taken back with "no".
func (s *haproxySection) option(name string) bool {
	for _, d := range slices.Backward(s.lines) {
		switch {
		case d.name == "option" && d.arg(0) == name:
			return true
		case d.name == "no" && d.arg(0) == "option" && d.arg(1) == name:
			return false
		}
	}
	return false
}

// timeout is 0, for ever, where nothing is said: configuration manual, "timeout connect" and "timeout server": "an
// unspecified timeout results in an infinite timeout".
func (s *haproxySection) timeout(name string) time.Duration {
	for _, d := range slices.Backward(s.lines) {
		if d.name == "timeout" && d.arg(0) == name {
			return haproxyTime(d.arg(1))
		}
	}
	return 0
}

var haproxyUnits = map[string]time.Duration{
	"us": time.Microsecond, "ms": time.Millisecond, "": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour,
}

// haproxyTime reads a number with its unit, milliseconds if it has none (configuration manual, section 2.5 "Time format").
func haproxyTime(text string) time.Duration {
	digits := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyz")
	n, err := strconv.ParseUint(digits, 10, 31)
	unit, known := haproxyUnits[text[len(digits):]]
	if err != nil || !known {
		return 0
	}
	return min(time.Duration(n), time.Duration(1<<62)/unit) * unit
}
