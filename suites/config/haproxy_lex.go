package config

import (
	"strconv"
	"strings"
)

// haproxyWords cuts a line into words as HAProxy does (configuration manual, sections 2.2 "Quoting and escaping" and 2.3
// "Environment variables"): single quotes take all as it is, double quotes let variables stand for their values, a backslash
// takes away the meaning of the next character, # begins a comment. A quote that is left open ends with the line.
func haproxyWords(line string, env map[string]string) []string {
	l := haproxyLine{rest: line, env: env}
	for l.rest != "" {
		l.next()
	}
	l.end()
	return l.words
}

type haproxyLine struct {
	rest   string
	env    map[string]string
	words  []string
	word   strings.Builder
	within bool // a word has begun, be it an empty one in quotes
}

func (l *haproxyLine) next() {
	c := l.rest[0]
	l.rest = l.rest[1:]
	switch c {
	case ' ', '\t', '\r':
		l.end()
	case '#':
		l.rest = ""
	case '\'':
		l.single()
	case '"':
		l.double()
	case '\\':
		l.escaped()
	default:
		l.put(c)
	}
}

func (l *haproxyLine) add(text string) {
	l.word.WriteString(text)
	l.within = true
}

func (l *haproxyLine) put(c byte) {
	l.word.WriteByte(c)
	l.within = true
}

func (l *haproxyLine) end() {
	if l.within {
		l.words = append(l.words, l.word.String())
		l.word.Reset()
		l.within = false
	}
}

func (l *haproxyLine) single() {
	text, rest, _ := strings.Cut(l.rest, "'")
	l.add(text)
	l.rest = rest
}

func (l *haproxyLine) double() {
	l.add("")
	for l.rest != "" {
		c := l.rest[0]
		if c == '$' {
			l.variable()
			continue
		}
		l.rest = l.rest[1:]
		switch {
		case c == '"':
			return
		case c == '\\' && strings.HasPrefix(l.rest, "$"):
			l.add("$")
			l.rest = l.rest[1:]
		case c == '\\':
			l.escaped()
		default:
			l.put(c)
		}
	}
}

// escapes are the sequences that stand for something else.
var escapes = map[byte]string{'n': "\n", 'r': "\r", 't': "\t", '\\': "\\", '"': "\"", '\'': "'", ' ': " ", '#': "#"}

// escaped takes what follows a backslash, which stands for itself where it escapes nothing, as in regular expressions.
func (l *haproxyLine) escaped() {
	if l.rest == "" {
		return
	}
	c := l.rest[0]
	l.rest = l.rest[1:]
	if text, known := escapes[c]; known {
		l.add(text)
		return
	}
	if code, err := strconv.ParseUint(l.rest[:min(2, len(l.rest))], 16, 8); c == 'x' && err == nil && len(l.rest) >= 2 {
		l.rest = l.rest[2:]
		l.put(byte(code))
		return
	}
	l.put('\\')
	l.put(c)
}

// variable takes $NAME, ${NAME}, ${NAME-default} or ${NAME[*]}, which becomes one word for each of the value's.
func (l *haproxyLine) variable() {
	name, rest := cutVariable(l.rest)
	if name == "" {
		l.add("$")
		l.rest = l.rest[1:]
		return
	}
	l.rest = rest
	list := strings.HasSuffix(name, "[*]")
	value := haproxyVariable(strings.TrimSuffix(name, "[*]"), l.env)
	if !list {
		l.add(value)
		return
	}
	for i, word := range strings.Fields(value) {
		if i > 0 {
			l.end()
		}
		l.add(word)
	}
}

// cutVariable gives what stands between the braces of a variable, or its bare name, and what follows it. The name is empty
// where none begins.
func cutVariable(text string) (name, rest string) {
	if inner, braced := strings.CutPrefix(text, "${"); braced {
		name, rest, closed := strings.Cut(inner, "}")
		if !closed {
			return "", text
		}
		return name, rest
	}
	end := 1
	for end < len(text) && nameByte(text[end]) {
		end++
	}
	return text[1:end], text[end:]
}

func nameByte(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}

func haproxyVariable(name string, env map[string]string) string {
	name, other, _ := strings.Cut(name, "-")
	if value, set := env[name]; set {
		return value
	}
	return other
}

// expandAddress puts values in the place of variables in an address, where they stand without quotes, too.
func expandAddress(text string, env map[string]string) string {
	var b strings.Builder
	for {
		before, _, found := strings.Cut(text, "$")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		name, rest := cutVariable(text[len(before):])
		if name == "" {
			b.WriteByte('$')
			rest = text[len(before)+1:]
		} else {
			b.WriteString(haproxyVariable(name, env))
		}
		text = rest
	}
}
