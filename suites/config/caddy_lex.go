package config

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// caddyToken is a word of a Caddyfile.
type caddyToken struct {
	text   string
	quoted bool
	first  bool // on its line
	at     Position
}

// opens and closes tell of braces that stand alone.
func (t caddyToken) opens() bool  { return t.text == "{" && !t.quoted }
func (t caddyToken) closes() bool { return t.text == "}" && !t.quoted }

// caddyEnv puts variables in the place of {$NAME} and {$NAME:default}, before anything else is read
// (https://caddyserver.com/docs/caddyfile/concepts#environment-variables).
func caddyEnv(text string, env map[string]string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "{$")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		inner, after, closed := strings.Cut(rest, "}")
		if !closed || inner == "" {
			b.WriteString("{$")
			text = rest
			continue
		}
		name, other, _ := strings.Cut(inner, ":")
		if value, set := env[name]; set {
			other = value
		}
		b.WriteString(other)
		text = after
	}
}

// caddyLexer cuts a Caddyfile into words as caddyconfig/caddyfile/lexer.go does.
type caddyLexer struct {
	rest   string
	file   string
	line   int
	fresh  bool // no word stands on this line yet
	tokens []caddyToken
}

func caddyTokens(text, file string) []caddyToken {
	l := caddyLexer{rest: text, file: file, line: 1, fresh: true}
	for l.rest != "" {
		l.next()
	}
	return l.tokens
}

func (l *caddyLexer) next() {
	c, size := utf8.DecodeRuneInString(l.rest)
	switch {
	case strings.HasPrefix(l.rest, "\\\n"), strings.HasPrefix(l.rest, "\\\r\n"):
		l.skip(strings.IndexByte(l.rest, '\n') + 1) // the line goes on
	case c == '\n':
		l.skip(1)
		l.fresh = true
	case unicode.IsSpace(c):
		l.skip(size)
	case c == '#':
		l.skip(lineEnd(l.rest))
	case c == '"':
		l.quoted()
	case c == '`':
		l.raw()
	default:
		l.bare()
	}
}

// skip goes past bytes and counts their lines.
func (l *caddyLexer) skip(n int) {
	l.line += strings.Count(l.rest[:n], "\n")
	l.rest = l.rest[n:]
}

func lineEnd(text string) int {
	if i := strings.IndexByte(text, '\n'); i >= 0 {
		return i
	}
	return len(text)
}

func (l *caddyLexer) add(text string, quoted bool, line int) {
	l.tokens = append(l.tokens, caddyToken{text: text, quoted: quoted, first: l.fresh, at: Position{File: l.file, Line: line}})
	l.fresh = false
}

// quoted takes a word in double quotes, where a backslash escapes a quote and nothing else. One that never ends takes the rest.
func (l *caddyLexer) quoted() {
	line, end := l.line, 1
	for end < len(l.rest) && l.rest[end] != '"' {
		if strings.HasPrefix(l.rest[end:], `\"`) {
			end++
		}
		end++
	}
	end = min(end, len(l.rest))
	text := strings.ReplaceAll(l.rest[1:end], `\"`, `"`)
	l.skip(min(end+1, len(l.rest)))
	l.add(text, true, line)
}

func (l *caddyLexer) raw() {
	line := l.line
	text, _, _ := strings.Cut(l.rest[1:], "`")
	l.skip(min(len(text)+2, len(l.rest)))
	l.add(text, true, line)
}

// bare takes a word without quotes, or the text that <<MARKER begins.
func (l *caddyLexer) bare() {
	end := strings.IndexFunc(l.rest, unicode.IsSpace)
	if end < 0 {
		end = len(l.rest)
	}
	word, line := l.rest[:end], l.line
	if marker, here := strings.CutPrefix(word, "<<"); here && marker != "" && strings.HasPrefix(strings.TrimPrefix(l.rest[end:], "\r"), "\n") {
		l.skip(end)
		l.heredoc(marker, line)
		return
	}
	l.skip(end)
	l.add(strings.TrimPrefix(word, `\`), false, line)
}

// heredoc takes the lines up to the marker, which may be indented; so much is cut from each line.
func (l *caddyLexer) heredoc(marker string, line int) {
	l.skip(lineEnd(l.rest) + 1)
	var lines []string
	for l.rest != "" {
		text := l.rest[:lineEnd(l.rest)]
		if indent, found := strings.CutSuffix(text[:markerEnd(text, marker)], marker); found && strings.TrimSpace(indent) == "" {
			for i := range lines {
				lines[i] = strings.TrimPrefix(lines[i], indent)
			}
			l.skip(len(indent) + len(marker))
			break
		}
		lines = append(lines, strings.TrimSuffix(text, "\r"))
		l.skip(min(len(text)+1, len(l.rest)))
	}
	l.add(strings.Join(lines, "\n"), true, line)
}

// markerEnd is where the marker that a line begins with ends; 0 if it begins with something else.
func markerEnd(text, marker string) int {
	indent := len(text) - len(strings.TrimLeft(text, " \t"))
	if strings.HasPrefix(text[indent:], marker) {
		return indent + len(marker)
	}
	return 0
}
