package diagnose

import "bytes"

// haproxyParser reads lines of option httplog, with what a log server puts before them, and HAProxy's own messages.
// Fields: HAProxy configuration manual, section 8.2.3, HTTP log format.
type haproxyParser struct {
	ncsa ncsa
	buf  []byte
}

func (p *haproxyParser) parse(line []byte, e *entry) {
	open := bytes.IndexByte(line, '[')
	if open >= 0 && len(line) > open+26 && line[open+25] == ']' && line[open+12] == ':' && p.ncsa.time(line[open+1:open+21], e) {
		if p.request(line, open+27, e) {
			return
		}
		// The client's connection failed before there was a request: frontend/1: SSL handshake failure.
		e.kind = quiet
		return
	}
	if isMessage(line) {
		e.kind = event
	}
}

// isMessage tells what HAProxy says of itself from other lines.
func isMessage(line []byte) bool {
	for _, mark := range [][]byte{[]byte("[WARNING]"), []byte("[ALERT]"), []byte("Server "), []byte("Health check for "), []byte("backend "), []byte("Backup Server ")} {
		if bytes.HasPrefix(line, mark) {
			return true
		}
	}
	return false
}

// request reads frontend backend/server timers status bytes cookie cookie flags conns queues. Patterns expect the form of
// the catalogue's own profiles, which capture no cookies.
func (p *haproxyParser) request(line []byte, from int, e *entry) bool {
	if from >= len(line) {
		return false
	}
	var fields [10][]byte
	rest := line[from:]
	for i := range fields {
		fields[i] = field(rest)
		rest = rest[min(len(fields[i])+1, len(rest)):]
	}
	timers, status, sent, flags, counts := fields[2], fields[3], bytes.TrimPrefix(fields[4], []byte("+")), fields[7], fields[8]
	if bytes.Count(timers, []byte("/")) < 4 || len(flags) != 4 || bytes.Count(counts, []byte("/")) != 4 || bytes.IndexByte(fields[1], '/') < 0 {
		return false
	}
	n, ok := number(status)
	if !ok && string(status) != "-1" {
		return false
	}
	e.kind, e.status, e.alone = access, n, true
	e.well = n >= 200 && n < 400 && string(flags[:2]) == "--" && bytes.HasSuffix(counts, []byte("/0"))
	if len(sent) == len(fields[4]) && string(fields[5]) == "-" && string(fields[6]) == "-" && string(flags[2:]) == "--" {
		return true
	}
	p.buf = append(p.buf[:0], line[:from]...)
	for i, f := range fields {
		switch i {
		case 4:
			f = sent
		case 5, 6:
			f = []byte("-")
		case 7: // the third and fourth letters are about persistence cookies
			p.buf = append(append(p.buf, f[:2]...), "-- "...)
			continue
		}
		p.buf = append(append(p.buf, f...), ' ')
	}
	p.buf = append(p.buf, rest...)
	e.text = p.buf
	return true
}
