package config

import (
	"regexp"
	"slices"
	"strings"
)

// haproxyRule is a line with a condition: one that chooses a backend, or one that ends a request's way.
type haproxyRule struct {
	backend   string
	condition haproxyCondition
	at        Position
	asks      bool // for a password
	limits    bool // counts requests
}

// haproxyFinal are actions after which a request goes no further (configuration manual, section 4.4 "Actions").
var haproxyFinal = []string{"auth", "deny", "redirect", "reject", "return", "silent-drop", "tarpit", "use-service"}

var haproxyCounter = regexp.MustCompile(`^(sc\d?_|src_|table_).*(rate|cnt|gpc)`)

// stops are the rules of a section that end a request's way.
func (h *haproxyReader) stops(s *haproxySection) []haproxyRule {
	acls := h.acls(s)
	var rules []haproxyRule
	for _, d := range s.lines {
		if t, ok := answersItself(d); ok {
			rules = append(rules, haproxyRule{condition: haproxyCondition{}.and(t), at: d.at})
		}
		action := d.name
		words := d.args
		if d.name == "http-request" {
			action, words = d.arg(0), words[min(1, len(words)):]
		}
		if action != d.name && slices.Contains(haproxyFinal, action) || d.name == "redirect" || d.name == "block" {
			_, condition := acls.condition(words)
			rules = append(rules, haproxyRule{condition: condition, at: d.at, asks: action == "auth", limits: counts(condition)})
		}
	}
	return rules
}

// answersItself tests for the paths of HAProxy's own pages.
func answersItself(d directive) (haproxyTest, bool) {
	switch {
	case d.name == "stats" && d.arg(0) == "uri" && len(d.args) > 1:
		return haproxyTest{raw: "stats uri", fetch: "path", match: "beg", values: d.args[1:2]}, true
	case d.name == "monitor-uri" && len(d.args) > 0:
		return haproxyTest{raw: "monitor-uri", fetch: "path", match: "str", values: d.args[:1]}, true
	}
	return haproxyTest{}, false
}

func counts(c haproxyCondition) bool {
	for t := range c.tests {
		if haproxyCounter.MatchString(t.raw) {
			return true
		}
	}
	return false
}

// maxRules bounds the rules of one frontend, which maps may multiply.
const maxRules = 400

// choices are the rules of a section that choose a backend, in their order: the default comes last.
func (h *haproxyReader) choices(s *haproxySection) []haproxyRule {
	acls := h.acls(s)
	var rules []haproxyRule
	for _, d := range s.lines {
		if d.name != "use_backend" || len(d.args) == 0 {
			continue
		}
		_, condition := acls.condition(d.args[1:])
		rules = append(rules, h.dynamic(haproxyRule{backend: d.args[0], condition: condition, at: d.at})...)
	}
	rules = rules[:min(len(rules), maxRules)]
	if d, ok := s.last("default_backend"); ok {
		return append(rules, haproxyRule{backend: d.arg(0), at: d.at})
	}
	if s.kind == "listen" {
		return append(rules, haproxyRule{backend: s.name, at: s.at})
	}
	return rules
}

var haproxyMap = regexp.MustCompile(`^(.*)%\[(.+),(map(?:_[a-z]+)*)\(([^,)]+)(?:,([^)]*))?\)\](.*)$`)

// dynamic makes a rule for each line of the map that a backend's name is taken from:
// use_backend %[req.hdr(host),lower,map(hosts.map,www)].
func (h *haproxyReader) dynamic(rule haproxyRule) []haproxyRule {
	if !strings.Contains(rule.backend, "%[") {
		return []haproxyRule{rule}
	}
	parts := haproxyMap.FindStringSubmatch(rule.backend)
	if parts == nil {
		return nil
	}
	before, fetch, kind, file, other, after := parts[1], parts[2], parts[3], parts[4], parts[5], parts[6]
	match := strings.TrimPrefix(strings.TrimPrefix(kind, "map"), "_")
	if match == "" {
		match = "str"
	}
	var rules []haproxyRule
	for _, line := range linesOf(h.files, absolute(h.home, file)) {
		test := parseHAProxyTest([]string{fetch, "-m", match, line[0]}, h.files, h.home)
		rules = append(rules, haproxyRule{
			backend: before + strings.Join(line[1:], " ") + after, at: rule.at,
			condition: rule.condition.and(test),
		})
	}
	if other != "" {
		rules = append(rules, haproxyRule{backend: before + other + after, at: rule.at, condition: rule.condition})
	}
	return rules
}

func (c haproxyCondition) reverse() haproxyCondition {
	c.unless = !c.unless
	return c
}

// and narrows a condition by one more test.
func (c haproxyCondition) and(t haproxyTest) haproxyCondition {
	a := haproxyACL{tests: []haproxyTest{t}}
	if len(c.any) == 0 {
		return haproxyCondition{any: [][]haproxyACL{{a}}}
	}
	both := haproxyCondition{unless: c.unless}
	for _, list := range c.any {
		both.any = append(both.any, append(slices.Clip(list), a))
	}
	return both
}

// linesOf gives the words of each line of a map or pattern file; none if the user did not bring it.
func linesOf(files *Files, at string) [][]string {
	text, err := files.Read(at)
	if err != nil {
		return nil
	}
	var lines [][]string
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) > 0 && !strings.HasPrefix(words[0], "#") && len(lines) < maxRules {
			lines = append(lines, words)
		}
	}
	return lines
}

func patternsOf(files *Files, at string) []string {
	var patterns []string
	for _, words := range linesOf(files, at) {
		patterns = append(patterns, strings.Join(words, " "))
	}
	return patterns
}
