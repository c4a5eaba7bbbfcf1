// Package diagnose goes from symptoms back to the cause: it reads a gateway's logs and tells which of the catalogue's
// scenarios may have made the failures in them, what tells those apart, and what to do.
//
// What a cause looks like stands in the catalogue, as the signs of each scenario. This package only turns that round; what
// the catalogue cannot say, such as lines that healthy traffic logs, too, stands in knowledge.yaml.
package diagnose

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/gatefault/gatefault/scenarios"
)

// maxRules bounds the patterns of one gateway.
const maxRules = 192

// ruleSet is a set of rules, by their numbers.
type ruleSet [maxRules / 64]uint64

func (s *ruleSet) add(i int)     { s[i/64] |= 1 << (i % 64) }
func (s ruleSet) has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }
func (s ruleSet) empty() bool    { return s == ruleSet{} }

func (s ruleSet) meets(o ruleSet) bool { return s.without(o) != s }

func (s *ruleSet) join(other ruleSet) {
	for i := range s {
		s[i] |= other[i]
	}
}

func (s ruleSet) without(other ruleSet) ruleSet {
	for i := range s {
		s[i] &^= other[i]
	}
	return s
}

// each goes through the numbers in order.
func (s ruleSet) each() iter.Seq[int] { return ones(s[:]) }

// rule is a pattern of a line and what it is a sign of.
type rule struct {
	pattern string
	re      *regexp.Regexp
	there   *regexp.Regexp // the same at the beginning of a text
	needs   needs
	texts   []found // of each set that the line needs, the numbers of its texts
	weight  int
	answer  bool // it fits access lines
	// elsewhere says that the catalogue's profiles do not write such lines.
	elsewhere bool
	of        []*suspect // whose sign it is
	causes    int        // how many causes have scenarios whose logs had it
}

// suspect is a scenario that a log may be of.
type suspect struct {
	*scenarios.Scenario
	signs    ruleSet      // all of its signs at this gateway
	logs     ruleSet      // what else its log had, too
	statuses map[int]bool // that clients get of it at this gateway
	prior    float64      // how often it is met, compared with others
}

// Rules are what is known of one gateway's logs.
type Rules struct {
	Gateway string

	rules    []*rule
	suspects []*suspect
	idle     ruleSet        // fit lines of healthy traffic, too
	idleWhy  map[int]string // why they are no sign
	numbers  map[string]int // of rules, by pattern
	finder   *automaton
	roused   [][]int // by text, the rules of which it is the most telling one
	always   []int   // rules that have to be tried on every line
}

// NewRules reads the catalogue the other way round, for a gateway. An empty version means that it is not known: the signs
// of all versions are looked for.
func NewRules(catalogue *scenarios.Catalogue, gateway, version string) (*Rules, error) {
	if err := isOne(gateway); err != nil {
		return nil, err
	}
	known, err := loadKnowledge()
	if err != nil {
		return nil, err
	}
	r := &Rules{Gateway: gateway, idleWhy: map[int]string{}, numbers: map[string]int{}}
	for _, s := range catalogue.All() {
		if s.Cause == noCause {
			continue
		}
		x := &suspect{Scenario: s, statuses: statusesOf(s, gateway), prior: known.prior(s.ID)}
		r.suspects = append(r.suspects, x)
		for _, sign := range s.Signs[gateway] {
			if (version == "" || sign.Of(version)) && !known.coincides(gateway, sign.Pattern) {
				err = errors.Join(err, r.sign(x, sign.Pattern, false))
			}
		}
		for _, pattern := range known.furtherSigns(s.ID, gateway) {
			err = errors.Join(err, r.sign(x, pattern, true))
		}
		x.logs = x.signs
	}
	for _, h := range known.Healthy {
		if h.Gateway == gateway {
			n, err2 := r.number(h.Pattern)
			err = errors.Join(err, err2)
			r.idle.add(n)
			r.idleWhy[n] = h.Why
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read the signs of %s: %w", gateway, err)
	}
	r.observe(known.observed[gateway])
	return r, r.build()
}

// observe takes in what the logs of real runs had besides the signs.
func (r *Rules) observe(seen seenLogs) {
	for _, pattern := range seen.Answers {
		if n, ok := r.numbers[pattern]; ok {
			r.rules[n].answer = true
		}
	}
	for _, x := range r.suspects {
		for _, i := range seen.Scenarios[x.ID] {
			if n, ok := r.numbers[seen.Patterns[i]]; ok && !r.idle.has(n) {
				x.logs.add(n)
			}
		}
	}
	for n, rule := range r.rules {
		of := map[scenarios.Cause]bool{}
		for _, x := range r.suspects {
			if x.logs.has(n) {
				of[x.Cause] = true
			}
		}
		rule.causes = len(of)
	}
}

// noCause is what the healthy scenario has.
const noCause scenarios.Cause = "none"

func (r *Rules) sign(x *suspect, pattern string, elsewhere bool) error {
	n, err := r.number(pattern)
	if err != nil {
		return fmt.Errorf("%s: %w", x.ID, err)
	}
	if !x.signs.has(n) {
		x.signs.add(n)
		r.rules[n].of = append(r.rules[n].of, x)
		r.rules[n].elsewhere = elsewhere
	}
	return nil
}

// number gives the rule of a pattern, a new one when there is none.
func (r *Rules) number(pattern string) (int, error) {
	if n, ok := r.numbers[pattern]; ok {
		return n, nil
	}
	if len(r.rules) == maxRules {
		return 0, fmt.Errorf("%s has more than %d patterns", r.Gateway, maxRules)
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return 0, err
	}
	need, err := needsOf(pattern)
	if err != nil {
		return 0, err
	}
	there, err := regexp.Compile("^(?:" + pattern + ")")
	if err != nil {
		return 0, err
	}
	n := len(r.rules)
	r.numbers[pattern] = n
	r.rules = append(r.rules, &rule{pattern: pattern, re: re, there: there, needs: need, weight: need.weight()})
	return n, nil
}

// build makes the automaton that finds what lines need.
func (r *Rules) build() error {
	numbers := map[string]int{}
	for i, rule := range r.rules {
		for _, set := range rule.needs.sets {
			var texts found
			for _, text := range set {
				n, ok := numbers[text]
				if !ok {
					n = len(numbers)
					if n == maxTexts {
						return fmt.Errorf("the patterns of %s need more than %d texts", r.Gateway, maxTexts)
					}
					numbers[text] = n
				}
				texts.add(n)
			}
			rule.texts = append(rule.texts, texts)
		}
		if len(rule.texts) == 0 {
			r.always = append(r.always, i)
		}
	}
	texts := make([]string, len(numbers))
	for text, n := range numbers {
		texts[n] = text
	}
	r.finder = newAutomaton(texts)
	r.roused = make([][]int, len(texts))
	for i, rule := range r.rules {
		for _, text := range rule.needs.mostTelling() {
			r.roused[numbers[text]] = append(r.roused[numbers[text]], i)
		}
	}
	return nil
}

// match gives the rules that fit a line.
func (r *Rules) match(line []byte) (set ruleSet) {
	for _, n := range r.always {
		if r.rules[n].re.Match(line) {
			set.add(n)
		}
	}
	var texts found
	if !r.finder.scan(line, &texts) {
		return set
	}
	for text := range texts.each() {
		for _, n := range r.roused[text] {
			if !set.has(n) && r.rules[n].fits(line, &texts) {
				set.add(n)
			}
		}
	}
	return set
}

// fits tells whether the rule fits a line that has these texts.
func (r *rule) fits(line []byte, texts *found) bool {
	for i := range r.texts {
		if !texts.meets(&r.texts[i]) {
			return false
		}
	}
	switch {
	case !r.needs.whole && r.needs.first != nil:
		return r.begins(line)
	case !r.needs.whole:
		return r.re.Match(line)
	case len(r.texts) > 1:
		return r.needs.inOrder(string(line))
	}
	return true
}

// begins tries the expression where a match can begin only: most are then decided within a few bytes.
func (r *rule) begins(line []byte) bool {
	for _, text := range r.needs.first {
		for rest := line; ; rest = rest[1:] {
			i := bytes.Index(rest, []byte(text))
			if i < 0 {
				break
			}
			rest = rest[i:]
			if r.there.Match(rest) {
				return true
			}
		}
	}
	return false
}

// statusesOf gives every status that a client may get of a scenario, as far as it is known of the gateway.
func statusesOf(s *scenarios.Scenario, gateway string) map[int]bool {
	all := map[int]bool{}
	note := func(o scenarios.Outcome) {
		if o.Status > 0 {
			all[o.Status] = true
		}
	}
	for _, p := range s.Pins {
		if p.Gateway != gateway {
			continue
		}
		note(p.Outcome)
		note(p.Race)
		for _, o := range p.Shares.Outcomes() {
			note(o)
		}
	}
	return all
}

// Patterns lists what the gateway's log is searched for.
func (r *Rules) Patterns() []string {
	all := make([]string, len(r.rules))
	for i, rule := range r.rules {
		all[i] = rule.pattern
	}
	return all
}

// title names a set of rules by its most telling pattern.
func (r *Rules) title(set ruleSet) string {
	numbers := slices.Collect(set.without(r.idle).each())
	if len(numbers) == 0 {
		return ""
	}
	most := slices.MaxFunc(numbers, func(a, b int) int {
		return cmp.Or(cmp.Compare(r.rules[a].weight, r.rules[b].weight), cmp.Compare(b, a))
	})
	return r.rules[most].pattern
}

// Gateways lists the products whose logs are understood.
func Gateways() []string { return slices.Sorted(maps.Keys(formats)) }

// isOne tells whether a product's logs are understood.
func isOne(gateway string) error {
	if formats[gateway] == nil {
		return fmt.Errorf("gateway %q: logs are read of %s", gateway, strings.Join(Gateways(), ", "))
	}
	return nil
}
