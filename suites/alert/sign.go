package alert

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gatefault/gatefault/scenarios"
)

// LineMetric counts log lines by the sign that they fit. The program for mtail that [Mtail] writes exports it.
const LineMetric = "gateway_log_signs_total"

// Sign is a counter of log lines: the patterns of one gateway's log that fit the same kinds of failure, which are RFC 9209's
// error types. Lines of one counter cannot be told apart by their text.
type Sign struct {
	Gateway   string   `json:"gateway"`
	Name      string   `json:"name"` // of the metric's label
	Errors    []string `json:"errors"`
	Patterns  []string `json:"patterns"`
	Scenarios []string `json:"scenarios"`

	causes   map[string][]scenarios.Cause // by scenario: its own, and those whose lines look alike
	compiled []*regexp.Regexp             // of Patterns
}

// Fits tells whether a log line counts.
func (s *Sign) Fits(line string) bool {
	return slices.ContainsFunc(s.compiled, func(p *regexp.Regexp) bool { return p.MatchString(line) })
}

// passedError is the type of answers that the upstream made itself.
const passedError = "passed"

// signs groups the catalogue's signs of each gateway by the error types that they are signs of.
func signs(catalogue *scenarios.Catalogue) (out []Sign) {
	type key struct{ gateway, pattern string }
	uses := map[key][]*scenarios.Scenario{}
	for _, s := range catalogue.All() {
		for gateway, all := range s.Signs {
			for _, sign := range all {
				k := key{gateway, sign.Pattern}
				if !slices.Contains(uses[k], s) {
					uses[k] = append(uses[k], s)
				}
			}
		}
	}
	groups := map[string]*Sign{}
	for k, by := range uses {
		if mixed(k.pattern, by) {
			continue
		}
		var types []string
		for _, s := range by {
			types = append(types, s.Error)
		}
		slices.Sort(types)
		types = slices.Compact(types)
		name := k.gateway + " " + strings.Join(types, " ")
		g := groups[name]
		if g == nil {
			g = &Sign{Gateway: k.gateway, Errors: types, causes: map[string][]scenarios.Cause{}}
			groups[name] = g
		}
		g.Patterns = append(g.Patterns, k.pattern)
		for _, s := range by {
			g.Scenarios = append(g.Scenarios, s.ID)
			g.causes[s.ID] = append([]scenarios.Cause{s.Cause}, s.Alike[k.gateway]...)
		}
	}
	for _, g := range groups {
		g.Patterns, g.Scenarios = distinct(g.Patterns), distinct(g.Scenarios)
		for _, p := range g.Patterns {
			g.compiled = append(g.compiled, regexp.MustCompile(p)) // checked by the catalogue's loader
		}
		out = append(out, *g)
	}
	slices.SortFunc(out, func(a, b Sign) int {
		return cmp.Or(cmp.Compare(a.Gateway, b.Gateway), cmp.Compare(len(a.Errors), len(b.Errors)), slices.Compare(a.Errors, b.Errors))
	})
	name(out)
	return out
}

// mixed tells whether a pattern is only one of traffic, in which several failures come together, each of which has a sign of its own.
func mixed(pattern string, by []*scenarios.Scenario) bool {
	return strings.Contains(pattern, "|") && !slices.ContainsFunc(by, func(s *scenarios.Scenario) bool { return s.Traffic == nil })
}

// name calls each sign by its only error type, or by the first of several and a number.
func name(all []Sign) {
	taken := map[string]int{}
	for i := range all {
		s := &all[i]
		s.Name = s.Errors[0]
		if len(s.Errors) > 1 {
			s.Name += "_or_others"
		}
		id := s.Gateway + " " + s.Name
		if taken[id]++; taken[id] > 1 {
			s.Name = fmt.Sprintf("%s_%d", s.Name, taken[id])
		}
	}
}

func distinct[T cmp.Ordered](all []T) []T {
	slices.Sort(all)
	return slices.Compact(all)
}

// lineRules makes one rule of each sign: such lines at more than one in ten seconds.
func lineRules(all []Sign) (out []*Rule) {
	for _, s := range all {
		above := 0.1
		r := &Rule{Alert: camel(s.Gateway) + "Logs" + camel(s.Name), Gateway: s.Gateway, Title: lineTitle(s), Above: &above, For: time.Minute, Severity: Warning,
			Rate: &Rate{Of: Selector{LineMetric, []Matcher{{Label: "gateway", Value: s.Gateway}, {Label: "sign", Value: s.Name}}}, Over: 2 * time.Minute}}
		for _, id := range s.Scenarios {
			r.add(id, s.causes[id]...)
		}
		out = append(out, r)
	}
	return out
}

func lineTitle(s Sign) string {
	text := "The gateway's log tells of " + strings.Join(s.Errors, ", ")
	if slices.Equal(s.Errors, []string{passedError}) {
		text = "The gateway's log tells of failures that the application answers itself"
	}
	return text
}

func camel(text string) string {
	var out strings.Builder
	for part := range strings.SplitSeq(text, "_") {
		if part == "" {
			continue
		}
		out.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return out.String()
}

// Count adds the lines to the signs of a gateway that they fit, by the sign's name.
func (b *Book) Count(gateway string, lines []string) map[string]int {
	out := map[string]int{}
	for i := range b.Signs {
		if s := &b.Signs[i]; s.Gateway == gateway {
			for _, line := range lines {
				if s.Fits(line) {
					out[s.Name]++
				}
			}
		}
	}
	return out
}
