package config

import (
	"regexp"
	"regexp/syntax"
	"strings"
)

// matching makes a text that a regular expression matches, so that a request can be made that leads where the expression
// stands. ok is false for an expression that Go does not know (look-around) and where no such text was found.
func matching(expr string) (text string, ok bool) {
	re, err := regexp.Compile(expr)
	if err != nil {
		return "", false
	}
	parsed, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return "", false
	}
	var b strings.Builder
	writeMatch(&b, parsed)
	return b.String(), re.MatchString(b.String())
}

// matchingPath makes a path that a regular expression matches: one that people ask for, if it will do.
func matchingPath(expr string) (text string, ok bool) {
	re, err := regexp.Compile(expr)
	if err != nil {
		return "", false
	}
	for _, common := range []string{"/", "/index.php", "/index.html"} {
		if re.MatchString(common) {
			return common, true
		}
	}
	text, ok = matching(expr)
	if !strings.HasPrefix(text, "/") {
		text = "/" + text
	}
	return text, ok && re.MatchString(text)
}

// writeMatch writes the shortest text that comes to mind: the first of alternatives, no repetition that can be left out.
func writeMatch(b *strings.Builder, re *syntax.Regexp) {
	switch re.Op {
	case syntax.OpLiteral:
		b.WriteString(literal(re))
	case syntax.OpCharClass:
		b.WriteRune(oneOf(re.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte('x')
	case syntax.OpPlus, syntax.OpCapture, syntax.OpAlternate:
		writeMatch(b, re.Sub[0])
	case syntax.OpRepeat:
		for range re.Min {
			writeMatch(b, re.Sub[0])
		}
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			writeMatch(b, sub)
		}
	}
}

// literal keeps small letters where their case does not matter.
func literal(re *syntax.Regexp) string {
	if re.Flags&syntax.FoldCase != 0 {
		return strings.ToLower(string(re.Rune))
	}
	return string(re.Rune)
}

// oneOf picks a character of a class, which is a list of ranges: a letter or digit if it has one, and no slash or space if
// it can be helped.
func oneOf(ranges []rune) rune {
	for _, want := range "a1A-._" {
		for i := 0; i+1 < len(ranges); i += 2 {
			if ranges[i] <= want && want <= ranges[i+1] {
				return want
			}
		}
	}
	for i := 0; i+1 < len(ranges); i += 2 {
		if ranges[i] > ' ' {
			return ranges[i]
		}
	}
	if len(ranges) == 0 {
		return 'x'
	}
	return ranges[0]
}
