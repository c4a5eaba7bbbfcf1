package upstream_test

import (
	"io"
	"strings"
	"testing"

	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/fault"
)

// What most answers have: a good status line and provenance.
const (
	good  = "HTTP/1.1 200 OK\r\n"
	nonce = "\r\nGatefault-Nonce: "
)

// headsOnTheWire goes on with onTheWire: answers whose head is wrong or says too little.
var headsOnTheWire = map[string]sight{
	"head.http09":      {prefix: "<html>\n<body>", end: "fin"},
	"head.bad-version": {params: fault.Args{"major": "1", "minor": "10"}, prefix: "HTTP/1.10 200 OK\r\n", has: nonce, end: "fin"},
	"head.status-099":  {prefix: "HTTP/1.1 099 ", has: nonce, end: "fin"},
	"head.status-1000": {prefix: "HTTP/1.1 1000 ", has: nonce, end: "fin"},
	"head.huge-cookies": {params: fault.Args{"count": "2", "size": "3"}, prefix: good,
		has: strings.Repeat("Set-Cookie: gatefault=xxx; Path=/\r\n", 2) + "\r\nok\n", end: "fin"},
	"head.many-fields": {params: fault.Args{"count": "2000"}, prefix: good,
		has: strings.Repeat("X-Many: 1\r\n", 2000) + "\r\nok\n", end: "fin"},
	"head.bad-name":           {prefix: good, has: "\r\nX Bad: 1\r\n", end: "fin"},
	"head.bad-name-control":   {prefix: good, has: "\r\nX-B\x01d: 1\r\n", end: "fin"},
	"head.space-before-colon": {prefix: good, has: "\r\nGatefault-Nonce : ", end: "fin"},
	"head.no-colon":           {prefix: good, has: "\r\nX-No-Colon\r\n", end: "fin"},
	"head.folded":             {prefix: good, has: "\r\nGatefault-Nonce:\r\n ", end: "fin"},
	"head.length-and-chunked": {prefix: good,
		has: "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nok\n\r\n0\r\n\r\n", end: "fin"},
	"head.length-negative":        {prefix: good, has: "Content-Length: -3\r\n\r\nok\n", end: "fin"},
	"head.length-overflow":        {prefix: good, has: "Content-Length: 18446744073709551619\r\n\r\nok\n", end: "fin"},
	"head.length-overflow-signed": {prefix: good, has: "Content-Length: 9223372036854775808\r\n\r\nok\n", end: "fin"},
	"head.unknown-coding":         {prefix: good, has: "Transfer-Encoding: gatefault-unknown\r\n\r\nok\n", end: "fin"},
	"head.interim-flood": {params: fault.Args{"count": "5000"},
		prefix: strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 5000) + good, end: "fin"},
	"head.chunked-to-http10":   {prefix: good, has: "Transfer-Encoding: chunked\r\n\r\n3\r\nok\n\r\n0\r\n\r\n", end: "fin"},
	"body.close-delimited-fin": {prefix: "HTTP/1.0 200 OK\r\nGatefault-Endpoint: app\r\n", has: "xxx\n", end: "fin"},
}

func TestEarlyCloseLeavesTheUploadUnread(t *testing.T) {
	up, ep := start(t, upstream.EndpointConfig{})
	setPlan(t, ep, upstream.Rule{Fault: "head.early-close-on-upload"})
	const size = 16 << 20 // more than the buffers of both sockets hold
	c := dial(t, ep)
	_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 16777216\r\n\r\n")
	n, err := c.Write(make([]byte, size))
	if !isReset(err) {
		t.Errorf("wrote %d of %d bytes, then %v, want a reset", n, size, err)
	}
	if got, _ := io.ReadAll(c); len(got) > 0 {
		t.Errorf("got %q, want no answer", got)
	}
	await(t, up, "evidence", func(e upstream.Event) bool {
		return e.Kind == upstream.Fired && e.Fault == "head.early-close-on-upload"
	})
}
