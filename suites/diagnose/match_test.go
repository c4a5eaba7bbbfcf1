package diagnose

import (
	"bytes"
	"regexp"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestEveryPatternIsFoundWithoutTryingItOnEveryLine(t *testing.T) {
	for _, gateway := range Gateways() {
		r, err := NewRules(catalogue(t), gateway, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range r.always {
			t.Errorf("%s: %q has no text that a line must have, so it would be tried on every line", gateway, r.rules[n].pattern)
		}
	}
}

// TestMatchIsWhatTheExpressionsSay compares the search by texts with the regular expressions on lines of real logs.
func TestMatchIsWhatTheExpressionsSay(t *testing.T) {
	rules := map[string]*Rules{}
	for _, c := range cellsOf(t, "forky") {
		if rules[c.Gateway] == nil {
			r, err := NewRules(catalogue(t), c.Gateway, "")
			if err != nil {
				t.Fatal(err)
			}
			rules[c.Gateway] = r
		}
		r, p := rules[c.Gateway], formats[c.Gateway]()
		for _, line := range c.Log[:min(len(c.Log), 8)] {
			var e entry
			reads(p, []byte(line), &e)
			got := r.match(e.text)
			for n, rule := range r.rules {
				if want := rule.re.Match(e.text); got.has(n) != want {
					t.Errorf("%s: %q fits: %v, the expression says %v: %s", c.Gateway, rule.pattern, got.has(n), want, e.text)
				}
			}
		}
	}
}

func TestNeedsAreNeeded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.SampledFrom([]string{`ab|cd`, `a(b|c)+d`, `x.*yz?`, `(ab)?c.*d`, `[ab]c\d+e`, `^a.*b$`, `a{2}b`, `(a|b|)c`, `\ba b`, `(?i)ab`, `a.b`}).Draw(t, "pattern")
		line := rapid.StringOfN(rapid.SampledFrom([]rune("abcdexyzAB1 ")), 0, 12, -1).Draw(t, "line")
		n, err := needsOf(pattern)
		if err != nil {
			t.Fatal(err)
		}
		fits := regexp.MustCompile(pattern).MatchString(line)
		for _, set := range n.sets {
			has := slices.ContainsFunc(set, func(text string) bool { return bytes.Contains([]byte(line), []byte(text)) })
			if fits && !has {
				t.Fatalf("%q fits %q, which has none of %q", pattern, line, set)
			}
		}
		if n.whole && len(n.sets) > 0 && n.inOrder(line) != fits {
			t.Fatalf("%q: in order %v, the expression says %v of %q", pattern, n.inOrder(line), fits, line)
		}
	})
}

func TestAutomatonFindsAllTexts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.SampledFrom([]rune("abc")), 1, 4, -1)
		texts := rapid.SliceOfNDistinct(text, 1, 12, rapid.ID[string]).Draw(t, "texts")
		line := []byte(rapid.StringOfN(rapid.SampledFrom([]rune("abcd")), 0, 30, -1).Draw(t, "line"))
		var f found
		hit := newAutomaton(texts).scan(line, &f)
		for n, text := range texts {
			want := bytes.Contains(line, []byte(text))
			if f.has(n) != want {
				t.Fatalf("%q in %q: found %v", text, line, f.has(n))
			}
			if want && !hit {
				t.Fatalf("%q in %q: scan says that there is nothing", text, line)
			}
		}
	})
}
