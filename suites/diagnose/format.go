package diagnose

import (
	"bytes"
	"hash/maphash"
	"net/netip"
)

// kind is what a line tells of.
type kind uint8

const (
	foreign kind = iota // not a line of this product
	access              // a request and how it was answered
	event               // something that went wrong
	quiet               // something that did not
)

// entry is what a parser reads from a line.
type entry struct {
	kind   kind
	status int    // of an access line; 0: it has none
	at     int64  // seconds, by the clock on the gateway's wall; 0: the line has no time
	text   []byte // what patterns are compared with; valid until the next line
	// request joins lines of one request, and thread those of one worker of the gateway; 0: the line names none.
	request, thread uint64
	// alone says that the line tells all that the gateway logs of the request, and well that nothing was wrong with it, so
	// that it need not be compared with patterns.
	alone, well bool
}

// parser reads the lines of one file of one product. It keeps nothing of them but buffers.
type parser interface {
	parse(line []byte, e *entry)
}

// formats makes the parsers by product.
var formats = map[string]func() parser{
	"apache":  func() parser { return &apacheParser{} },
	"caddy":   func() parser { return &caddyParser{} },
	"go":      func() parser { return &goParser{} },
	"haproxy": func() parser { return &haproxyParser{} },
	"nginx":   func() parser { return &nginxParser{} },
}

var seed = maphash.MakeSeed()

// hash names a part of a line.
func hash(b []byte) uint64 {
	if len(b) == 0 {
		return 0
	}
	return maphash.Bytes(seed, b) | 1
}

// reads parses a line, and what is left of it without the prefix of a log server or of a container engine.
func reads(p parser, line []byte, e *entry) {
	*e = entry{text: line}
	p.parse(line, e)
	if e.kind != foreign {
		return
	}
	if rest, at := unwrap(line); rest != nil {
		*e = entry{text: rest}
		p.parse(rest, e)
		if e.at == 0 {
			e.at = at
		}
	}
}

// unwrap takes off what syslog (RFC 3164, or with an RFC 3339 time), docker logs -t and docker compose put before a line.
func unwrap(line []byte) (rest []byte, at int64) {
	if i := bytes.Index(line, []byte(" | ")); i > 0 && i < 64 && bytes.IndexByte(line[:i], '[') < 0 && bytes.IndexByte(line[:i], '"') < 0 {
		return line[i+3:], 0
	}
	line = unnumber(line)
	switch {
	case len(line) > 20 && line[4] == '-' && line[10] == 'T':
		i := bytes.IndexByte(line, ' ')
		if i < 0 {
			return nil, 0
		}
		at, _ = dateTime(line)
		line = line[i+1:]
	case len(line) > 16 && line[3] == ' ' && line[9] == ':' && line[12] == ':' && line[15] == ' ':
		line = line[16:] // without a year it tells no time
	default:
		return nil, 0
	}
	return untag(line), at
}

// unnumber takes off the priority of syslog, such as <190>.
func unnumber(line []byte) []byte {
	if len(line) > 3 && line[0] == '<' {
		if i := bytes.IndexByte(line[:min(6, len(line))], '>'); i > 1 {
			return line[i+1:]
		}
	}
	return line
}

// untag takes off "host program[pid]: ", if it is there.
func untag(line []byte) []byte {
	if i := bytes.Index(line, []byte(": ")); i > 0 && i < 128 && bytes.Count(line[:i], []byte(" ")) <= 1 &&
		bytes.IndexByte(line[:i], '"') < 0 && line[0] != '[' && line[0] != '{' {
		return line[i+2:]
	}
	return line
}

// ncsa reads access lines in the forms that go back to NCSA httpd: [time] "request" status.
type ncsa struct {
	last  [20]byte // the time of the line before, as it was written
	clock int64
}

// parse reads the line; before is what stands before the time.
func (n *ncsa) parse(line []byte, e *entry) (before, request []byte) {
	open := bytes.IndexByte(line, '[')
	if open < 0 || len(line) < open+28 || line[open+12] != ':' {
		return nil, nil
	}
	if !n.time(line[open+1:open+21], e) {
		return nil, nil
	}
	rest := line[open+21:]
	for {
		from := bytes.IndexByte(rest, '"')
		if from < 0 {
			return nil, nil
		}
		to := quoted(rest[from+1:])
		if to < 0 {
			return nil, nil
		}
		request, rest = rest[from+1:from+1+to], rest[from+to+2:]
		if status, ok := statusAfter(rest); ok {
			e.kind, e.status = access, status
			return line[:open], request
		}
	}
}

// time reads 28/Nov/2026:20:39:05, and remembers it for the next line.
func (n *ncsa) time(text []byte, e *entry) bool {
	if string(text) != string(n.last[:]) {
		at, ok := ncsaTime(text)
		if !ok {
			return false
		}
		copy(n.last[:], text)
		n.clock = at
	}
	e.at = n.clock
	return true
}

// quoted gives the length of a text up to its closing quote.
func quoted(text []byte) int {
	for i := 0; ; i++ {
		n := bytes.IndexByte(text[i:], '"')
		if n < 0 {
			return -1
		}
		i += n
		slashes := 0
		for slashes < i && text[i-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return i
		}
	}
}

// statusAfter reads " 502 ", with two to four digits, since gateways pass odd ones on.
func statusAfter(rest []byte) (status int, ok bool) {
	if len(rest) < 3 || rest[0] != ' ' {
		return 0, false
	}
	return number(field(rest[1:]))
}

// field is what comes before the next space.
func field(text []byte) []byte {
	if i := bytes.IndexByte(text, ' '); i >= 0 {
		return text[:i]
	}
	return text
}

// number reads a few digits.
func number(text []byte) (n int, ok bool) {
	if len(text) == 0 || len(text) > 4 {
		return 0, false
	}
	for _, b := range text {
		if b < '0' || b > '9' {
			return 0, false
		}
		n = n*10 + int(b-'0')
	}
	return n, true
}

// address finds the first word that is an IP address.
func address(text []byte) []byte {
	for len(text) > 0 {
		word := field(text)
		text = text[min(len(word)+1, len(text)):]
		if isAddress(word) {
			return word
		}
	}
	return nil
}

// isAddress is what [netip.ParseAddr] would say, at a glance.
func isAddress(word []byte) bool {
	if len(word) < 3 || len(word) > 45 {
		return false
	}
	dots, colons := 0, 0
	for _, b := range word {
		switch {
		case b == '.':
			dots++
		case b == ':':
			colons++
		case b >= '0' && b <= '9', b >= 'a' && b <= 'f', b >= 'A' && b <= 'F':
		default:
			return false
		}
	}
	if dots == 3 && colons == 0 {
		return true
	}
	if colons < 2 {
		return false
	}
	_, err := netip.ParseAddr(string(word))
	return err == nil
}
