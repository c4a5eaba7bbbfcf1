package config

import "strings"

// nginxLexer splits nginx's configuration into statements as src/core/ngx_conf_file.c does in ngx_conf_read_token, but goes on
// where nginx would complain.
type nginxLexer struct {
	text string
	pos  int
	line int
}

// nginxStatement is a directive up to its end: a semicolon, an opening or closing brace, or 0 at the end of the file.
type nginxStatement struct {
	words []string
	line  int // of the first word
	end   byte
}

// next reads one statement. A closing brace ends an unfinished one and is then read again, by itself.
func (l *nginxLexer) next() nginxStatement {
	var s nginxStatement
	for {
		l.space()
		if l.pos >= len(l.text) {
			return s
		}
		switch c := l.text[l.pos]; c {
		case '}':
			if len(s.words) > 0 {
				s.end = ';'
				return s
			}
			fallthrough
		case ';', '{':
			l.pos++
			s.end = c
			return s
		}
		if len(s.words) == 0 {
			s.line = l.line
		}
		s.words = append(s.words, l.word())
	}
}

// space passes over blanks and comments.
func (l *nginxLexer) space() {
	for ; l.pos < len(l.text); l.pos++ {
		switch l.text[l.pos] {
		case '\n':
			l.line++
		case ' ', '\t', '\r':
		case '#':
			l.pos += lineLength(l.text[l.pos:]) - 1
		default:
			return
		}
	}
}

// lineLength is where the line ends that a text begins with.
func lineLength(text string) int {
	if end := strings.IndexByte(text, '\n'); end >= 0 {
		return end
	}
	return len(text)
}

func (l *nginxLexer) word() string {
	if c := l.text[l.pos]; c == '"' || c == '\'' {
		return l.quoted(c)
	}
	start := l.pos
	for variable := false; l.pos < len(l.text); l.pos++ {
		switch c := l.text[l.pos]; {
		case c == '\\':
			l.escape()
			variable = false
		case c == '{' && variable: // ${name}
			variable = false
		case strings.IndexByte(" \t\r\n;{", c) >= 0:
			return unescape(l.text[start:l.pos])
		default:
			variable = c == '$'
		}
	}
	return unescape(l.text[start:])
}

func (l *nginxLexer) quoted(quote byte) string {
	l.pos++
	start := l.pos
	for ; l.pos < len(l.text); l.pos++ {
		switch l.text[l.pos] {
		case '\\':
			l.escape()
		case '\n':
			l.line++
		case quote:
			l.pos++
			return unescape(l.text[start : l.pos-1])
		}
	}
	return unescape(l.text[start:])
}

// escape passes over a backslash; what it stands before is passed over by the caller.
func (l *nginxLexer) escape() {
	if l.pos+1 < len(l.text) {
		l.pos++
		if l.text[l.pos] == '\n' {
			l.line++
		}
	}
}

// unescape undoes the escapes that nginx knows; of others, as in a regular expression, the backslash stays.
func unescape(word string) string {
	if !strings.Contains(word, `\`) {
		return word
	}
	return nginxEscapes.Replace(word)
}

var nginxEscapes = strings.NewReplacer(`\"`, `"`, `\'`, `'`, `\\`, `\`, `\t`, "\t", `\r`, "\r", `\n`, "\n")

// lua passes over the body of a *_by_lua_block, whose braces are Lua's and not nginx's.
// See https://github.com/openresty/lua-nginx-module#content_by_lua_block.
func (l *nginxLexer) lua() {
	for depth := 1; l.pos < len(l.text) && depth > 0; {
		rest := l.text[l.pos:]
		switch c := rest[0]; {
		case c == '"' || c == '\'':
			l.quoted(c)
			continue
		case luaLong(rest) > 0:
			l.skip(luaLong(rest))
			continue
		case strings.HasPrefix(rest, "--"):
			l.luaComment()
			continue
		case c == '{':
			depth++
		case c == '}':
			depth--
		}
		l.skip(1)
	}
}

func (l *nginxLexer) luaComment() {
	rest := l.text[l.pos+2:]
	n := luaLong(rest)
	if n == 0 {
		n = lineLength(rest)
	}
	l.skip(2 + n)
}

// luaLong is the length of a text in long brackets, [[...]] or [==[...]==], at the beginning; 0 without one.
func luaLong(text string) int {
	if !strings.HasPrefix(text, "[") {
		return 0
	}
	level := len(text[1:]) - len(strings.TrimLeft(text[1:], "="))
	if !strings.HasPrefix(text[1+level:], "[") {
		return 0
	}
	end := strings.Index(text, "]"+strings.Repeat("=", level)+"]")
	if end < 0 {
		return len(text)
	}
	return end + level + 2
}

func (l *nginxLexer) skip(n int) {
	n = min(n, len(l.text)-l.pos)
	l.line += strings.Count(l.text[l.pos:l.pos+n], "\n")
	l.pos += n
}
