package diagnose

import (
	"cmp"
	"regexp/syntax"
	"slices"
	"strings"
)

// maxSpellings bounds the texts that one part of a pattern is spelt out to.
const maxSpellings = 24

// needs is what a pattern's match must contain: of each set at least one text, in the order of the sets.
type needs struct {
	sets [][]string
	// first is what a match begins with, where that is spelt out.
	first []string
	// whole says that the sets, in their order with anything in between, are all that the pattern asks for.
	whole bool
}

// needsOf reads from a pattern what a line must contain to fit it. A pattern that has no such text gives no sets.
func needsOf(pattern string) (needs, error) {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return needs{}, err
	}
	s := speller{}
	n := needs{whole: true}
	s.walk(re.Simplify(), &n)
	s.flush(&n)
	return n, nil
}

// speller gathers neighbouring parts of a pattern to texts that are as long as can be.
type speller struct {
	run []string // spellings of the parts since the last gap
}

// walk takes the parts of a concatenation one by one.
func (s *speller) walk(re *syntax.Regexp, n *needs) {
	switch {
	case re.Op == syntax.OpConcat:
		for _, sub := range re.Sub {
			s.walk(sub, n)
		}
	case re.Op == syntax.OpCapture && spell(re) == nil:
		s.walk(re.Sub[0], n)
	case isGap(re):
		s.flush(n)
	default:
		s.part(re, n)
	}
}

// part adds what is spelt out, or ends the text that is being gathered.
func (s *speller) part(re *syntax.Regexp, n *needs) {
	texts := spell(re)
	if texts == nil {
		s.flush(n)
		n.whole = false
		if set := eitherOf(re); set != nil {
			n.sets = append(n.sets, set)
		}
		return
	}
	if s.run == nil {
		s.run = []string{""}
	}
	if len(s.run)*len(texts) > maxSpellings {
		s.flush(n)
		s.run = []string{""}
		n.whole = false // the two parts are neighbours, which the sets do not say
	}
	s.run = combine(s.run, texts)
}

// flush ends a text. One that may be empty asks for nothing.
func (s *speller) flush(n *needs) {
	set := s.run
	s.run = nil
	for _, text := range set {
		if text == "" {
			n.whole = n.whole && len(set) == 1
			return
		}
	}
	if len(set) > 0 {
		if len(n.sets) == 0 && n.whole {
			n.first = set
		}
		n.sets = append(n.sets, set)
	}
}

// eitherOf gives texts of which a line must have one to fit any of some alternatives, or nil.
func eitherOf(re *syntax.Regexp) (all []string) {
	for re.Op == syntax.OpCapture {
		re = re.Sub[0]
	}
	if re.Op != syntax.OpAlternate {
		return nil
	}
	for _, sub := range re.Sub {
		n, s := needs{whole: true}, speller{}
		s.walk(sub, &n)
		s.flush(&n)
		set := n.mostTelling()
		if set == nil || len(all)+len(set) > maxSpellings {
			return nil
		}
		all = append(all, set...)
	}
	return all
}

// isGap tells .* from all else.
func isGap(re *syntax.Regexp) bool {
	return re.Op == syntax.OpStar && (re.Sub[0].Op == syntax.OpAnyCharNotNL || re.Sub[0].Op == syntax.OpAnyChar)
}

// spell gives every text that a part fits, or nil when there are too many.
func spell(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpEmptyMatch:
		return []string{""}
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase != 0 {
			return nil
		}
		return []string{string(re.Rune)}
	case syntax.OpCharClass:
		return spellClass(re.Rune)
	case syntax.OpCapture:
		return spell(re.Sub[0])
	case syntax.OpQuest:
		if texts := spell(re.Sub[0]); texts != nil {
			return append([]string{""}, texts...)
		}
	case syntax.OpConcat:
		all := []string{""}
		for _, sub := range re.Sub {
			texts := spell(sub)
			if texts == nil || len(all)*len(texts) > maxSpellings {
				return nil
			}
			all = combine(all, texts)
		}
		return all
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			texts := spell(sub)
			if texts == nil || len(all)+len(texts) > maxSpellings {
				return nil
			}
			all = append(all, texts...)
		}
		return all
	}
	return nil
}

func spellClass(ranges []rune) []string {
	var all []string
	for i := 0; i+1 < len(ranges); i += 2 {
		if int(ranges[i+1]-ranges[i])+len(all) >= 4 { // such as \d: a pattern's business
			return nil
		}
		for r := ranges[i]; r <= ranges[i+1]; r++ {
			all = append(all, string(r))
		}
	}
	return all
}

func combine(a, b []string) []string {
	out := make([]string, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			out = append(out, x+y)
		}
	}
	return out
}

// weight is how much a pattern asks for: the length of the shortest texts that fit it.
func (n needs) weight() int {
	total := 0
	for _, set := range n.sets {
		total += shortest(set)
	}
	return total
}

// mostTelling is the set whose texts the fewest lines have: the longest ones.
func (n needs) mostTelling() []string {
	if len(n.sets) == 0 {
		return nil
	}
	return slices.MaxFunc(n.sets, func(a, b []string) int { return cmp.Compare(shortest(a), shortest(b)) })
}

func shortest(set []string) int {
	return len(slices.MinFunc(set, func(a, b string) int { return cmp.Compare(len(a), len(b)) }))
}

// inOrder tells whether a line has a text of each set, one after the other.
func (n needs) inOrder(line string) bool {
	for _, set := range n.sets {
		end := -1
		for _, text := range set {
			if i := strings.Index(line, text); i >= 0 && (end < 0 || i+len(text) < end) {
				end = i + len(text)
			}
		}
		if end < 0 {
			return false
		}
		line = line[end:]
	}
	return true
}
