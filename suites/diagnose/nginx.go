package diagnose

import "bytes"

// nginxParser reads nginx's error log (src/core/ngx_log.c ngx_log_error_core) and access logs in the combined form or one
// that has more before or behind it.
type nginxParser struct {
	ncsa ncsa
	day  [19]byte // the time of the event before, as it was written
	at   int64
}

var (
	requestMark = []byte(`, request: "`)
	quietLevels = [][]byte{[]byte("notice]"), []byte("info]"), []byte("debug]")}
)

func (p *nginxParser) parse(line []byte, e *entry) {
	if len(line) > 22 && line[4] == '/' && line[19] == ' ' && line[20] == '[' {
		p.event(line, e)
		return
	}
	if _, request := p.ncsa.parse(line, e); e.kind == access {
		e.request = hash(request)
	}
}

func (p *nginxParser) event(line []byte, e *entry) {
	if string(line[:19]) != string(p.day[:]) {
		at, ok := dateTime(line)
		if !ok {
			return
		}
		copy(p.day[:], line)
		p.at = at
	}
	e.kind, e.at = event, p.at
	for _, level := range quietLevels {
		if bytes.HasPrefix(line[21:], level) {
			e.kind = quiet
		}
	}
	if i := bytes.Index(line, requestMark); i >= 0 {
		rest := line[i+len(requestMark):]
		if n := quoted(rest); n >= 0 {
			e.request = hash(rest[:n])
		}
	}
}
