package fault

import (
	"strings"

	"github.com/gatefault/gatefault/upstream/wire"
)

// http2 names the protocol of endpoints that these faults need.
const http2 = "h2"

var h2Code = Param{"code", Word, "INTERNAL_ERROR", "", strings.Join(wire.H2Codes(), " "), "error code of RFC 9113 §7"}

var h2 = []*Fault{
	{Name: "h2.goaway", Doc: "says GOAWAY: the request was not processed and may be sent again on another connection",
		Level: Request, Protocol: http2, Evidence: Event,
		Script: "read-request\nh2-goaway before NO_ERROR\nclose"},
	{Name: "h2.rst-stream", Doc: "resets the request's stream; the connection lives on", Level: Request, Protocol: http2, Evidence: Event,
		Params: []Param{h2Code},
		Script: "read-request\nh2-rst-stream ${code}"},
	{Name: "h2.rst-stream-late", Doc: "sends a good header and a part of the body and then resets the request's stream",
		Level: Request, Protocol: http2, Evidence: Event, Incomplete: true,
		Params: []Param{h2Code},
		Script: `read-request
h2-headers ":status: 200\r\ncontent-type: text/plain\r\n${sentinel}"
h2-data "half of the page\n"
sleep 300ms
fire
h2-rst-stream ${code}`},
	// A field index of 127, which no table has (RFC 7541 §2.3.3).
	{Name: "h2.bad-frame", Doc: "answers with a HEADERS frame that cannot be decoded", Level: Request, Protocol: http2, Evidence: Event,
		Script: "read-request\nh2-frame 1 5 2\nsend \"\\xff\\x00\"\nstall"},
	{Name: "h2.bad-frame-size", Doc: "answers with a frame larger than the peer takes", Level: Request, Protocol: http2, Evidence: Event,
		Params: []Param{{"size", Int, "16777215", "16385", "16777215", "payload in bytes that the frame's header announces"}},
		Script: "read-request\nh2-frame 0 0 ${size}\nstall"},
	{Name: "h2.settings-hang", Doc: "accepts the connection and never sends its SETTINGS", Level: Accept, Protocol: http2, Evidence: Event,
		Script: "await-data\nfire\nstall"},
	{Name: "h2.zero-window", Doc: "never gives room for more of the request's body than the first 64 KiB",
		Level: Request, Protocol: http2, Evidence: Event,
		Script: "read-head\nfire\nstall"},
	{Name: "h2.http1-answer", Doc: "speaks HTTP/1.1 only and answers HTTP/2's preface with 400", Level: Accept, Protocol: http2, Evidence: Event,
		Script: `await-data
send "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 12\r\nConnection: close\r\n\r\nBad Request\n"
close`},
}

// gRPC over HTTP/2: the status of a call stands in the trailer section.
var grpc = []*Fault{
	{Name: "grpc.no-trailers", Doc: "ends a gRPC answer without the trailer section that tells the call's status",
		Level: Request, Protocol: http2, Evidence: Event,
		Script: `read-request
h2-headers ":status: 200\r\ncontent-type: application/grpc\r\n${sentinel}"
h2-data "\x00\x00\x00\x00\x05hello" end`},
	{Name: "grpc.unavailable", Doc: "answers a gRPC call with the status 14, UNAVAILABLE, in one header section and no body",
		Level: Request, Protocol: http2, Evidence: Event,
		Script: `read-request
h2-headers ":status: 200\r\ncontent-type: application/grpc\r\n${sentinel}grpc-status: 14\r\ngrpc-message: no backend is ready\r\n" end`},
}
