package config

import (
	"regexp"
	"strings"
)

// nginxExpr is a regular expression of PCRE's, as far as Go can tell what it matches. nil matches nothing.
type nginxExpr struct {
	re *regexp.Regexp
	// except is what must not match either, where the expression has a negative look-ahead.
	except *regexp.Regexp
}

// nginxExpression compiles an expression. Of what Go does not know, a negative look-ahead is taken apart, because people write
// ^/(?!api/): a(?!b)c matches what ac matches and ab does not.
func nginxExpression(expr string, fold bool) *nginxExpr {
	if fold {
		expr = "(?i)" + expr
	}
	if re, err := regexp.Compile(expr); err == nil {
		return &nginxExpr{re: re}
	}
	before, rest, found := strings.Cut(expr, "(?!")
	end := closing(rest)
	if !found || end < 0 {
		return nil
	}
	re, err := regexp.Compile(before + rest[end+1:])
	except, failed := regexp.Compile(before + "(?:" + rest[:end] + ")")
	if err != nil || failed != nil {
		return nil
	}
	return &nginxExpr{re, except}
}

// closing is where the parenthesis is closed that stands before the text; -1 if it is not.
func closing(text string) int {
	depth := 1
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

func (e *nginxExpr) matches(text string) bool {
	return e != nil && e.re.MatchString(text) && (e.except == nil || !e.except.MatchString(text))
}

// captures are the texts that the expression and its groups match; nil if it does not.
func (e *nginxExpr) captures(text string) []string {
	if !e.matches(text) {
		return nil
	}
	return e.re.FindStringSubmatch(text)
}

// example is a text that the expression matches.
func (e *nginxExpr) example() (text string, ok bool) {
	if e == nil {
		return "", false
	}
	text, ok = matching(e.re.String())
	return text, ok && e.matches(text)
}
