package fault

// Body faults are late unless their name says early. Late: the head and 4 KiB of good body go out, 300 ms pass, so that a
// gateway has passed them on, and then the fault comes. Early: head, fault and the close's FIN leave in one packet, so that
// a gateway sees them at once; only a reset needs a packet of its own.
const (
	lengthHead  = "read-request\nsend \"HTTP/1.1 200 OK\\r\\n${sentinel}Content-Length: 8192\\r\\n\\r\\n\"\nfill 4096\nsleep 300ms\n"
	chunkedHead = "read-request\nsend \"HTTP/1.1 200 OK\\r\\n${sentinel}Transfer-Encoding: chunked\\r\\n\\r\\n\"\nfill-chunk 4096\nsleep 300ms\n"
)

var body = []*Fault{
	{Name: "body.truncate", Doc: "closes with FIN when half of the declared body is sent", Level: Request, Evidence: Event,
		Incomplete: true, Script: lengthHead + "fire\nclose"},
	{Name: "body.truncate-early", Doc: "sends the head and too little body in one packet with the FIN", Level: Request, Evidence: Event,
		Incomplete: true, Script: `read-request
cork
send "HTTP/1.1 200 OK\r\n${sentinel}Content-Length: 8192\r\n\r\n"
fill 512
close`},
	{Name: "body.reset", Doc: "resets the connection when half of the declared body is sent", Level: Request, Evidence: Event,
		Incomplete: true, Script: lengthHead + "fire\nreset"},
	{Name: "body.reset-early", Doc: "sends the head and too little body in one packet and resets the connection at once",
		Level: Request, Evidence: Event, Incomplete: true, Script: `read-request
send "HTTP/1.1 200 OK\r\n${sentinel}Content-Length: 8192\r\n\r\nthe first of many lines\n"
reset`},
	{Name: "body.stall", Doc: "sends half of the declared body and then nothing more", Level: Request, Evidence: Event,
		Incomplete: true, Script: lengthHead + "fire\nstall"},
	{Name: "body.drip", Doc: "sends a complete body so slowly that single reads stay in time and the whole takes long",
		Level: Request, Evidence: Event,
		Params: []Param{{"interval", Duration, "500ms", "1ms", "1m", "time between two of the body's 8 bytes"}},
		Script: `read-request
send "HTTP/1.1 200 OK\r\n${sentinel}Content-Length: 8\r\n\r\n"
fire
drip "trickle" ${interval}
send "\n"`},
	{Name: "body.bad-chunk", Doc: "sends a chunk size that is no hexadecimal number", Level: Request, Evidence: Event,
		Incomplete: true, Script: chunkedHead + "fire\nsend \"zz\\r\\nnot a chunk\\r\\n\"\nclose"},
	{Name: "body.bad-chunk-early", Doc: "sends the head and a first chunk size that is no number in one packet with the FIN",
		Level: Request, Evidence: Event, Incomplete: true, Script: `read-request
cork
send "HTTP/1.1 200 OK\r\n${sentinel}Transfer-Encoding: chunked\r\n\r\nzz\r\nnot a chunk\r\n"
close`},
	// 2^64 + 5: who loses the overflow reads five bytes and then a well-formed end.
	{Name: "body.chunk-overflow", Doc: "sends a chunk size beyond 2^64 that is 5 for a parser that overflows", Level: Request, Evidence: Event,
		Incomplete: true, Script: chunkedHead + "fire\nsend \"10000000000000005\\r\\nfives\\r\\n0\\r\\n\\r\\n\"\nclose"},
	{Name: "body.no-last-chunk", Doc: "closes without the last chunk that ends a chunked body", Level: Request, Evidence: Event,
		Incomplete: true, Script: chunkedHead + "fire\nclose"},
	// It speaks as a server of HTTP/1.0 would; nothing on the wire tells that the other half is missing.
	{Name: "body.close-delimited-fin", Doc: "sends half of a body that only the close ends, and closes with FIN", Level: Request, Evidence: Event,
		Incomplete: true, Script: `read-request
send "HTTP/1.0 200 OK\r\n${sentinel}\r\n"
fill 4096
sleep 300ms
fire
close`},
	{Name: "body.excess", Doc: "sends more bytes than Content-Length says, and keeps the connection", Level: Request, Evidence: Event,
		Script: `read-request
send "HTTP/1.1 200 OK\r\n${sentinel}Content-Length: 3\r\n\r\nok\nand what was not counted\n"`},
	{Name: "body.close-delimited-reset", Doc: "sends a body that only the close ends, and ends it with a reset", Level: Request, Evidence: Event,
		Incomplete: true, Script: `read-request
send "HTTP/1.1 200 OK\r\n${sentinel}Connection: close\r\n\r\n"
fill 4096
sleep 300ms
fire
reset`},
	// A gzip header, a good stored block and one of the reserved type 3 (RFC 1951 3.2.3), in correct framing.
	{Name: "body.bad-gzip", Doc: "sends a body coded with gzip whose stream breaks halfway, in correct framing", Level: Request, Evidence: Event,
		Script: `read-request
send "HTTP/1.1 200 OK\r\n${sentinel}Content-Type: text/html\r\nContent-Encoding: gzip\r\nGatefault-Length: 44\r\nContent-Length: 44\r\n\r\n"
send "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x00\x0d\x00\xf2\xffa good start\n"
sleep 300ms
fire
send "\xff\xffbroken stream\n"`},
}
