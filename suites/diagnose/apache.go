package diagnose

import "bytes"

// apacheParser reads Apache's error log in its default form and in those that have the same parts in another order
// (ErrorLogFormat), and access logs in the common, combined and vhost_combined forms.
type apacheParser struct {
	ncsa ncsa
	buf  []byte
}

var (
	clientMark = []byte("[client ")
	pidMark    = []byte("[pid ")
	pathMark   = []byte("[path ")
)

func (p *apacheParser) parse(line []byte, e *entry) {
	if len(line) > 30 && line[0] == '[' {
		if at, n, ok := longTime(line[1:]); ok && n+1 < len(line) && line[n+1] == ']' {
			e.at = at
			p.event(line, n+2, e)
			return
		}
	}
	if before, _ := p.ncsa.parse(line, e); e.kind == access {
		e.request = hash(address(before))
	}
}

// event reads [module:level] [pid:tid] and [client], wherever they stand, and leaves the client out of the text: by
// default it stands between the error of the system and the message.
func (p *apacheParser) event(line []byte, from int, e *entry) {
	e.kind = event
	if i := bytes.IndexByte(line[from:], ':'); i >= 0 {
		level := line[from+i+1:]
		for _, name := range quietLevels {
			if bytes.HasPrefix(level, name) {
				e.kind = quiet
			}
		}
		if bytes.HasPrefix(level, []byte("trace")) {
			e.kind = quiet
		}
	}
	if pid := bracket(line, pidMark); pid != nil {
		e.thread = hash(pid)
	}
	text := line
	if client := bracket(line, clientMark); client != nil {
		if i := bytes.LastIndexByte(client, ':'); i > 0 && bytes.IndexByte(client, '.') > 0 {
			e.request = hash(client[:i])
		} else {
			e.request = hash(client)
		}
		text = p.without(text, clientMark)
	}
	if bytes.Contains(text, pathMark) {
		text = p.without(text, pathMark)
	}
	e.text = text
}

// bracket gives what stands between a mark and the next closing bracket.
func bracket(line, mark []byte) []byte {
	rest := after(line, mark)
	if i := bytes.IndexByte(rest, ']'); i >= 0 {
		return rest[:i]
	}
	return nil
}

// without leaves out a bracket and the space after it. The text may be the parser's own buffer.
func (p *apacheParser) without(text, mark []byte) []byte {
	i := bytes.Index(text, mark)
	n := bytes.IndexByte(text[i:], ']')
	if n < 0 {
		return text
	}
	rest := text[i+n+1:]
	if len(rest) > 0 && rest[0] == ' ' {
		rest = rest[1:]
	}
	p.buf = append(append(p.buf[:0], text[:i]...), rest...)
	return p.buf
}
