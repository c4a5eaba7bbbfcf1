package fault

// Body faults are late: the head and 4 KiB of good body go out, 300 ms pass, so that a gateway has passed them on, and
// then the fault comes.
const (
	lengthHead  = "read-request\nsend \"HTTP/1.1 200 OK\\r\\n${sentinel}Content-Length: 8192\\r\\n\\r\\n\"\nfill 4096\nsleep 300ms\n"
	chunkedHead = "read-request\nsend \"HTTP/1.1 200 OK\\r\\n${sentinel}Transfer-Encoding: chunked\\r\\n\\r\\n\"\nfill-chunk 4096\nsleep 300ms\n"
)

var body = []*Fault{
	{Name: "body.truncate", Doc: "closes with FIN when half of the declared body is sent", Level: Request, Evidence: Event,
		Incomplete: true, Script: lengthHead + "fire\nclose"},
	{Name: "body.reset", Doc: "resets the connection when half of the declared body is sent", Level: Request, Evidence: Event,
		Incomplete: true, Script: lengthHead + "fire\nreset"},
	{Name: "body.stall", Doc: "sends half of the declared body and then nothing more", Level: Request, Evidence: Event,
		Incomplete: true, Script: lengthHead + "fire\nstall"},
	{Name: "body.bad-chunk", Doc: "sends a chunk size that is no hexadecimal number", Level: Request, Evidence: Event,
		Incomplete: true, Script: chunkedHead + "fire\nsend \"zz\\r\\nnot a chunk\\r\\n\"\nclose"},
	{Name: "body.no-last-chunk", Doc: "closes without the last chunk that ends a chunked body", Level: Request, Evidence: Event,
		Incomplete: true, Script: chunkedHead + "fire\nclose"},
}
