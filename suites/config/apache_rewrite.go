package config

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// apacheRewrite is a RewriteRule with the RewriteCond lines before it.
type apacheRewrite struct {
	conditions []apacheCondition
	pattern    string
	not        bool
	target     string
	flags      []string // capital letters
	at         Position
}

// apacheCondition compares something of a request with a pattern.
type apacheCondition struct {
	variable string // capital letters, but for the name behind HTTP:
	pattern  string
	not      bool
	fold     bool
	or       bool // with the next one
}

// rewrites are the rules of a server. Those of the main server do not hold for virtual hosts
// (the manual, mod_rewrite, RewriteEngine and RewriteOptions).
func (s *apacheServer) rewrites() []apacheRewrite {
	if !s.own("rewriteengine") {
		return nil
	}
	var rules []apacheRewrite
	var conditions []apacheCondition
	for _, d := range s.list {
		switch {
		case d.name == "rewritecond" && len(d.args) > 1:
			conditions = append(conditions, condition(d.args))
		case d.name == "rewriterule" && len(d.args) > 1:
			pattern, not := strings.CutPrefix(d.args[0], "!")
			rules = append(rules, apacheRewrite{
				conditions: conditions, pattern: pattern, not: not, target: d.args[1], flags: flagsOf(d.arg(2)), at: d.at,
			})
			conditions = nil
		}
	}
	return rules
}

func flagsOf(text string) []string {
	return strings.Split(strings.ToUpper(strings.Trim(text, "[]")), ",")
}

// flag tells of a flag by its short name, with or without a value: R, R=301.
func (r apacheRewrite) flag(names ...string) bool {
	return slices.ContainsFunc(r.flags, func(flag string) bool {
		name, _, _ := strings.Cut(strings.TrimSpace(flag), "=")
		return slices.Contains(names, name)
	})
}

var apacheTest = regexp.MustCompile(`^%\{([^}]+)\}$`)

func condition(args []string) apacheCondition {
	var c apacheCondition
	if found := apacheTest.FindStringSubmatch(args[0]); found != nil {
		c.variable = strings.ToUpper(found[1])
	}
	c.pattern, c.not = strings.CutPrefix(args[1], "!")
	if len(args) > 2 {
		flags := flagsOf(args[2])
		c.fold, c.or = slices.Contains(flags, "NC"), slices.Contains(flags, "OR")
	}
	return c
}

// value is what a variable stands for; known is false for what a request alone does not decide.
func (c apacheCondition) value(s sample) (value string, known bool) {
	at, query, _ := strings.Cut(s.path, "?")
	switch c.variable {
	case "HTTPS":
		return map[bool]string{true: "on", false: "off"}[s.entry.TLS], true
	case "REQUEST_SCHEME":
		return map[bool]string{true: "https", false: "http"}[s.entry.TLS], true
	case "HTTP_HOST", "SERVER_NAME":
		return s.host, true
	case "SERVER_PORT":
		return strconv.Itoa(int(s.entry.Port)), true
	case "REQUEST_URI":
		return at, true
	case "QUERY_STRING":
		return query, true
	case "REQUEST_METHOD":
		return s.method, true
	}
	name, header := c.field()
	return s.fields[name], header
}

// field is the name of a header field that is compared: %{HTTP:Upgrade}, %{HTTP_USER_AGENT}.
func (c apacheCondition) field() (name string, ok bool) {
	if name, ok = strings.CutPrefix(c.variable, "HTTP:"); !ok {
		name, ok = strings.CutPrefix(c.variable, "HTTP_")
		name = strings.ReplaceAll(name, "_", "-")
	}
	return strings.ToLower(name), ok
}

func (c apacheCondition) holds(s sample) truth {
	result := c.compare(s)
	if c.not {
		return result.not()
	}
	return result
}

// compare: =text is equality, -f and the like ask for files, of which none is taken to be there, all else is an expression.
func (c apacheCondition) compare(s sample) truth {
	if len(c.pattern) > 1 && c.pattern[0] == '-' {
		return no
	}
	value, known := c.value(s)
	if !known || strings.HasPrefix(c.pattern, "<") || strings.HasPrefix(c.pattern, ">") {
		return unknown
	}
	if text, exact := strings.CutPrefix(c.pattern, "="); exact {
		return truthOf(value == strings.Trim(text, `"`) || c.fold && strings.EqualFold(value, text))
	}
	return expressionHolds(c.pattern, value, c.fold)
}

func expressionHolds(expr, value string, fold bool) truth {
	if fold {
		expr = "(?i)" + expr
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return unknown
	}
	return truthOf(re.MatchString(value))
}

// conditionsHold: those joined by OR count as one.
func conditionsHold(all []apacheCondition, s sample) truth {
	result, any := yes, no
	for _, c := range all {
		any = max(any, c.holds(s))
		if !c.or {
			result, any = min(result, any), no
		}
	}
	return result
}

// satisfy changes a request so that the condition may hold.
func (c apacheCondition) satisfy(s sample) sample {
	text, ok := strings.CutPrefix(c.pattern, "=")
	if !ok {
		text, ok = matching(c.pattern)
	}
	if !ok || c.not || c.holds(s) == yes {
		return s
	}
	name, header := c.field()
	switch {
	case c.variable == "HTTP_HOST", c.variable == "SERVER_NAME":
		if s.host = text; strings.HasSuffix(text, ".") {
			s.host += "example.com"
		}
	case c.variable == "REQUEST_METHOD":
		s.method = text
	case c.variable == "REQUEST_URI":
		if at, ok := matchingPath(c.pattern); ok {
			s.path = at
		}
	case c.variable == "QUERY_STRING":
		s.path += "?" + text
	case header:
		return s.with(name, text)
	}
	return s
}

// satisfy changes a request so that the conditions may hold, and no more than it takes. Of those joined by OR each is begun
// with once.
func (r apacheRewrite) satisfy(s sample) []sample {
	all := []sample{s}
	for i := range r.conditions[:min(len(r.conditions), maxValues)] {
		changed := s
		for _, c := range append(slices.Clone(r.conditions[i:]), r.conditions[:i]...) {
			if conditionsHold(r.conditions, changed) == yes {
				break
			}
			changed = c.satisfy(changed)
		}
		all = append(all, changed)
	}
	return all
}

// holds tells whether the rule applies.
func (r apacheRewrite) holds(s sample) truth {
	at, _, _ := strings.Cut(s.path, "?")
	result := expressionHolds(r.pattern, at, r.flag("NC", "NOCASE"))
	if r.not {
		result = result.not()
	}
	return min(result, conditionsHold(r.conditions, s))
}
