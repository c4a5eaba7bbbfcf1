package upstream

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatefault/gatefault/upstream/fault"
	"github.com/gatefault/gatefault/upstream/wire"
)

// Protocol is what an endpoint speaks.
type Protocol string

// HTTP1 is HTTP/1.0 and HTTP/1.1 in the clear.
const HTTP1 Protocol = "http"

// protocols serve a connection from its first byte on, once no fault has broken it at accept.
var protocols = map[Protocol]func(*conn) *wire.Ended{
	HTTP1:   (*conn).serveHTTP1,
	OverTLS: (*conn).serveTLS,
	HTTP2:   (*conn).serveHTTP2,
	FastCGI: (*conn).serveFastCGI,
}

// Protocols lists what endpoints can speak.
func Protocols() []Protocol { return slices.Sorted(maps.Keys(protocols)) }

func (p Protocol) validate() error {
	if protocols[p] != nil {
		return nil
	}
	var names []string
	for _, known := range Protocols() {
		names = append(names, string(known))
	}
	return fmt.Errorf("no protocol is called %q; there are %s", string(p), strings.Join(names, ", "))
}

// speaks tells whether an endpoint of protocol p can do a fault: one that belongs to a protocol needs just that.
func (p Protocol) speaks(f *fault.Fault) bool { return f.Protocol == "" || f.Protocol == string(p) }

// serveHTTP1 serves requests until the connection is over.
func (c *conn) serveHTTP1() *wire.Ended {
	var q request
	for {
		if end := c.next(&q); end != nil {
			return end
		}
	}
}
