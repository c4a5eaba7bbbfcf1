package diagnose

import (
	"bytes"
	"strconv"
	"time"
)

// caddyParser reads Caddy's JSON logs: zap's encoder writes the keys in the order that they were given, so they need not
// be decoded.
type caddyParser struct{ buf []byte }

// Keys, with what stands before them in a line of Caddy's.
var (
	keyLevel   = []byte(`"level":"`)
	keyTime    = []byte(`"ts":`)
	keyMessage = []byte(`"msg":"`)
	keyRequest = []byte(`"request":{`)
	keyURI     = []byte(`"uri":"`)
	keyStatus  = []byte(`,"status":`)
	keySize    = []byte(`"size":`)
	keyLength  = []byte(`"Content-Length":["`)
	handled    = []byte(`handled request"`)
	headMethod = []byte(`"method":"HEAD"`)
)

// shortAnswer is added to lines of answers that have fewer bytes than they announced, since no pattern can compare.
const shortAnswer = " (gatefault: fewer bytes than announced)"

func (p *caddyParser) parse(line []byte, e *entry) {
	if len(line) < 2 || line[0] != '{' || !bytes.Contains(line[:min(200, len(line))], keyLevel) {
		return
	}
	message := after(line, keyMessage)
	if message == nil {
		return
	}
	e.kind, e.at = event, caddyTime(after(line, keyTime))
	level := after(line, keyLevel)
	request := after(line, keyRequest)
	if request != nil {
		if uri := after(request, keyURI); uri != nil {
			if n := quoted(uri); n >= 0 {
				e.request = hash(request[:len(request)-len(uri)+n])
			}
		}
	}
	if i := bytes.LastIndex(line, keyStatus); i >= 0 && !bytes.HasPrefix(message, handled) {
		e.text = line[:i] // what is answered is told by the access line
	}
	switch {
	case bytes.HasPrefix(message, handled):
		p.access(line, request, e)
	case bytes.HasPrefix(level, []byte("info")), bytes.HasPrefix(level, []byte("debug")):
		e.kind = quiet
	}
}

func (p *caddyParser) access(line, request []byte, e *entry) {
	i := bytes.LastIndex(line, keyStatus)
	if i < 0 {
		return
	}
	e.kind = access
	rest := line[i+len(keyStatus):]
	e.status = min(decimal(rest), 9999)
	size := after(line[max(0, i-40):i], keySize)
	announced := after(rest, keyLength)
	if size == nil || announced == nil || e.status != 200 || bytes.Contains(request, headMethod) {
		return
	}
	if decimal(size) < decimal(announced) {
		p.buf = append(append(p.buf[:0], line...), shortAnswer...)
		e.text = p.buf
	}
}

// after gives what follows a mark, or nil.
func after(line, mark []byte) []byte {
	if i := bytes.Index(line, mark); i >= 0 {
		return line[i+len(mark):]
	}
	return nil
}

// decimal reads the digits that a text begins with.
func decimal(text []byte) (n int) {
	for _, b := range text[:min(len(text), 15)] {
		if b < '0' || b > '9' {
			break
		}
		n = n*10 + int(b-'0')
	}
	return n
}

// caddyTime reads the forms of the time_format setting that are numbers or begin with a date.
func caddyTime(text []byte) int64 {
	if len(text) > 1 && text[0] == '"' {
		at, _ := dateTime(text[1:])
		return at
	}
	n := 0
	for n < len(text) && (text[n] >= '0' && text[n] <= '9') {
		n++
	}
	if n == 0 || n > 19 {
		return 0
	}
	at, err := strconv.ParseInt(string(text[:n]), 10, 64)
	if err != nil {
		return 0
	}
	for at > int64(1e11) { // milliseconds, or nanoseconds
		at /= 1000
	}
	if at < int64(24*time.Hour/time.Second) {
		return 0
	}
	return at
}
