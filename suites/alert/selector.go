package alert

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Selector chooses series: a metric's name and what its labels must be, written as in Prometheus:
// http_requests_total{code=~"500|503"}. It knows the matchers = and =~.
type Selector struct {
	Metric string
	Match  []Matcher
}

// Matcher is a condition on a label. A pattern has to fit the whole value, as in Prometheus.
type Matcher struct {
	Label, Value string
	pattern      *regexp.Regexp // nil: the value itself
}

var (
	selectorForm = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})?$`)
	matcherForm  = regexp.MustCompile(`^([a-zA-Z_][a-zA-Z0-9_]*)(=~|=)("(?:[^"\\]|\\.)*")(?:,|$)`)
)

// UnmarshalText reads the form of Prometheus.
func (s *Selector) UnmarshalText(text []byte) error {
	parts := selectorForm.FindStringSubmatch(string(text))
	if parts == nil {
		return fmt.Errorf("%q is no selector; write name{label=\"value\"}", text)
	}
	s.Metric = parts[1]
	for rest := parts[2]; rest != ""; {
		m := matcherForm.FindStringSubmatch(rest)
		if m == nil {
			return fmt.Errorf("%q is no matcher; write label=\"value\" or label=~\"pattern\"", rest)
		}
		rest = rest[len(m[0]):]
		value, err := strconv.Unquote(m[3])
		if err != nil {
			return fmt.Errorf("%s: %w", m[3], err)
		}
		matcher := Matcher{Label: m[1], Value: value}
		if m[2] == "=~" {
			if matcher.pattern, err = regexp.Compile("^(?:" + value + ")$"); err != nil {
				return err
			}
		}
		s.Match = append(s.Match, matcher)
	}
	return nil
}

// MarshalText gives the form of Prometheus.
func (s Selector) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String gives the form of Prometheus.
func (s Selector) String() string {
	if len(s.Match) == 0 {
		return s.Metric
	}
	var all []string
	for _, m := range s.Match {
		op := "="
		if m.pattern != nil {
			op = "=~"
		}
		all = append(all, m.Label+op+strconv.Quote(m.Value))
	}
	return s.Metric + "{" + strings.Join(all, ",") + "}"
}

// fits tells whether a series is chosen.
func (s Selector) fits(metric string, labels map[string]string) bool {
	return s.Metric == metric && !slices.ContainsFunc(s.Match, func(m Matcher) bool {
		if m.pattern != nil {
			return !m.pattern.MatchString(labels[m.Label])
		}
		return labels[m.Label] != m.Value
	})
}

// buckets is the selector of a histogram's buckets.
func (s Selector) buckets() Selector { return Selector{s.Metric + "_bucket", s.Match} }
