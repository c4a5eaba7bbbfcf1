package probe

import (
	"cmp"
	"fmt"
	"strings"
)

// Request is what the probe sends, as HTTP/1.1 and in this order: request line,
// Host, Header, and what Body and Close add. Nothing is checked or escaped, so a
// request can be wrong on purpose.
type Request struct {
	Method string      // default GET
	Target string      // default /
	Host   string      // default: the dialed address
	Header [][2]string // names and values, in order, as they are to be written
	// Body, unless nil, is sent with a Content-Length, which is left out if
	// Header has one or a Transfer-Encoding; the body then has to be encoded already.
	Body  []byte
	Close bool // adds Connection: close
}

// encode gives the bytes of the request.
func (r Request) encode(host string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", r.method(), cmp.Or(r.Target, "/"))
	field := func(name, value string) { fmt.Fprintf(&b, "%s: %s\r\n", name, value) }
	field("Host", cmp.Or(r.Host, host))
	for _, h := range r.Header {
		field(h[0], h[1])
	}
	if r.Body != nil && !r.has("Content-Length") && !r.has("Transfer-Encoding") {
		field("Content-Length", fmt.Sprint(len(r.Body)))
	}
	if r.Close {
		field("Connection", "close")
	}
	b.WriteString("\r\n")
	b.Write(r.Body)
	return []byte(b.String())
}

func (r Request) method() string { return cmp.Or(r.Method, "GET") }

func (r Request) has(name string) bool {
	for _, h := range r.Header {
		if strings.EqualFold(h[0], name) {
			return true
		}
	}
	return false
}
