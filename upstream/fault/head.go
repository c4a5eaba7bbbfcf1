package fault

var head = []*Fault{
	{Name: "head.none", Doc: "reads the request and closes without a byte", Level: Request, Evidence: Event,
		Script: "read-request\nclose"},
	{Name: "head.reset", Doc: "reads the request and resets the connection without a byte", Level: Request, Evidence: Event,
		Script: "read-request\nreset"},
	{Name: "head.slow", Doc: "answers correctly, but late", Level: Request, Evidence: Event,
		Params: []Param{{"delay", Duration, "30s", "0s", "1h", "time before the first byte of the answer"}},
		Script: "read-request\nfire\nsleep ${delay}\nrespond 200"},
	{Name: "head.drip", Doc: "sends a correct head so slowly that single reads stay in time and the whole is late",
		Level: Request, Evidence: Event,
		Params: []Param{{"interval", Duration, "200ms", "1ms", "1m", "time between two bytes of the last field, 30 bytes long"}},
		Script: `read-request
send "HTTP/1.1 200 OK\r\n${sentinel}Content-Length: 0\r\n"
fire
drip "Drip: 0123456789abcdefghij\r\n\r\n" ${interval}
close`},
	{Name: "head.partial-status", Doc: "closes in the middle of the status line", Level: Request, Evidence: Event,
		Script: "read-request\nsend \"HTTP/1.1 2\"\nclose"},
	{Name: "head.partial-fields", Doc: "closes in the middle of a header field", Level: Request, Evidence: Event,
		Script: "read-request\nsend \"HTTP/1.1 200 OK\\r\\n${sentinel}Content-Length: 10\\r\\nX-Cut: he\"\nclose"},
	{Name: "head.garbage", Doc: "answers with binary bytes that are no HTTP, then closes", Level: Request, Evidence: Event,
		Script: `read-request
send "\x15\x03\x01\x00\x02\x02\x46\x00\x7f\xfe\x80\x01\xc3\x28\xa0\xa1\xf0\x9f\x00\x00\x1b\x5b\x32\x4a\x05\x06\x07\x08\x0e\x0f\x10\x11\xde\xad\xbe\xef\xca\xfe\xba\xbe\x00\x01\x02\x03\xff\xfe\xfd\xfc\xe2\x28\xa1\xf8\x88\x80\x80\x80\x00\xff\x55\xaa\x12\x34\x56\x78"
close`},
	{Name: "head.garbage-text", Doc: "answers with lines of plain text in the place of a status line, then closes",
		Level: Request, Evidence: Event,
		Script: `read-request
send "ERROR: could not connect to database\r\nPlease try again later.\r\n\r\n"
close`},
	{Name: "head.status-text", Doc: "sends a status line without a number", Level: Request, Evidence: Event,
		Script: `read-request
send "HTTP/1.1 OK fine\r\n${sentinel}Content-Length: 3\r\n\r\nok\n"
close`},
	{Name: "head.huge-field", Doc: "sends one header field larger than gateways accept", Level: Request, Evidence: Event,
		Params: []Param{{"size", Int, "131072", "1", "4194304", "bytes of the field's value"}},
		Script: `read-request
send "HTTP/1.1 200 OK\r\n${sentinel}Content-Length: 3\r\nX-Huge: "
fill-letters ${size}
send "\r\n\r\nok\n"
close`},
	{Name: "head.nul", Doc: "sends a NUL byte in a field's value", Level: Request, Evidence: Event,
		Script: `read-request
send "HTTP/1.1 200 OK\r\n${sentinel}X-Nul: a\x00b\r\nContent-Length: 3\r\n\r\nok\n"
close`},
	{Name: "head.length-conflict", Doc: "sends two Content-Length fields that differ", Level: Request, Evidence: Event,
		Script: `read-request
send "HTTP/1.1 200 OK\r\n${sentinel}Content-Length: 3\r\nContent-Length: 5\r\n\r\nok\n"
close`},
	{Name: "head.unasked-upgrade", Doc: "switches to a protocol nobody asked for (101)", Level: Request, Evidence: Event,
		Script: `read-request
send "HTTP/1.1 101 Switching Protocols\r\n${sentinel}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
sleep 300ms
close`},
	{Name: "head.http09", Doc: "answers with nothing but a page, as HTTP/0.9 did: no status line, no fields", Level: Request, Evidence: Event,
		Script: `read-request
send "<html>\n<body>It works!</body>\n</html>\n"
close`},
	{Name: "head.bad-version", Doc: "sends a status line of an HTTP version that nobody spoke", Level: Request, Evidence: Event,
		Params: []Param{
			{"major", Int, "3", "0", "99", "number before the dot"},
			{"minor", Int, "7", "0", "99", "number after the dot"}},
		Script: `read-request
send "HTTP/${major}.${minor} 200 OK\r\n${sentinel}Content-Length: 3\r\n\r\nok\n"
close`},
	{Name: "head.status-099", Doc: "sends a status below 100", Level: Request, Evidence: Event,
		Script: `read-request
send "HTTP/1.1 099 Odd\r\n${sentinel}Content-Length: 3\r\n\r\nok\n"
close`},
	{Name: "head.status-1000", Doc: "sends a status of four digits", Level: Request, Evidence: Event,
		Script: `read-request
send "HTTP/1.1 1000 Odd\r\n${sentinel}Content-Length: 3\r\n\r\nok\n"
close`},
	{Name: "head.huge-cookies", Doc: "sets so many cookies, each small, that the head is larger than gateways accept",
		Level: Request, Evidence: Event,
		Params: []Param{
			{"count", Int, "64", "1", "1000", "Set-Cookie fields"},
			{"size", Int, "500", "1", "4000", "bytes of each cookie's value"}},
		Script: `read-request
send "HTTP/1.1 200 OK\r\n${sentinel}Content-Length: 3\r\n"
repeat ${count}
send "Set-Cookie: gatefault="
fill-letters ${size}
send "; Path=/\r\n"
end
send "\r\nok\n"
close`},
	{Name: "head.many-fields", Doc: "sends many header fields that are small also taken together", Level: Request, Evidence: Event,
		Params: []Param{{"count", Int, "300", "1", "100000", "fields, 11 bytes each"}},
		Script: `read-request
send "HTTP/1.1 200 OK\r\n${sentinel}Content-Length: 3\r\n"
repeat ${count}
send "X-Many: 1\r\n"
end
send "\r\nok\n"
close`},
	{Name: "head.bad-name", Doc: "sends a header field with a space in its name", Level: Request, Evidence: Event,
		Script: `read-request
send "HTTP/1.1 200 OK\r\n${sentinel}X Bad: 1\r\nContent-Length: 3\r\n\r\nok\n"
close`},
	{Name: "head.bad-name-control", Doc: "sends a header field with a control byte in its name", Level: Request, Evidence: Event,
		Script: `read-request
send "HTTP/1.1 200 OK\r\n${sentinel}X-B\x01d: 1\r\nContent-Length: 3\r\n\r\nok\n"
close`},
	{Name: "head.space-before-colon", Doc: "sends a space between a field's name and its colon; that field is the nonce", Level: Request, Evidence: Event,
		Script: `read-request
send "HTTP/1.1 200 OK\r\nGatefault-Endpoint: ${endpoint}\r\nGatefault-Nonce : ${nonce}\r\nContent-Length: 3\r\n\r\nok\n"
close`},
	{Name: "head.no-colon", Doc: "sends a line without a colon among the header fields", Level: Request, Evidence: Event,
		Script: `read-request
send "HTTP/1.1 200 OK\r\n${sentinel}X-No-Colon\r\nContent-Length: 3\r\n\r\nok\n"
close`},
	{Name: "head.folded", Doc: "folds a header field over two lines (obs-fold, RFC 9112 §5.2); that field is the nonce", Level: Request, Evidence: Event,
		Script: `read-request
send "HTTP/1.1 200 OK\r\nGatefault-Endpoint: ${endpoint}\r\nGatefault-Nonce:\r\n ${nonce}\r\nContent-Length: 3\r\n\r\nok\n"
close`},
	{Name: "head.length-and-chunked", Doc: "sends both Content-Length and a chunked body", Level: Request, Evidence: Event,
		Script: `read-request
send "HTTP/1.1 200 OK\r\n${sentinel}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nok\n\r\n0\r\n\r\n"
close`},
	{Name: "head.length-negative", Doc: "sends a Content-Length below zero", Level: Request, Evidence: Event,
		Script: `read-request
send "HTTP/1.1 200 OK\r\n${sentinel}Content-Length: -3\r\n\r\nok\n"
close`},
	{Name: "head.length-overflow", Doc: "sends a Content-Length of 2^64 + 3, which 64 bits take for 3, and 3 bytes",
		Level: Request, Evidence: Event, Incomplete: true,
		Script: `read-request
send "HTTP/1.1 200 OK\r\n${sentinel}Content-Length: 18446744073709551619\r\n\r\nok\n"
close`},
	{Name: "head.length-overflow-signed", Doc: "sends a Content-Length of 2^63, which 63 bits cannot hold, and 3 bytes",
		Level: Request, Evidence: Event, Incomplete: true,
		Script: `read-request
send "HTTP/1.1 200 OK\r\n${sentinel}Content-Length: 9223372036854775808\r\n\r\nok\n"
close`},
	{Name: "head.unknown-coding", Doc: "sends a body in a transfer coding that nobody knows", Level: Request, Evidence: Event,
		Script: `read-request
send "HTTP/1.1 200 OK\r\n${sentinel}Transfer-Encoding: gatefault-unknown\r\n\r\nok\n"
close`},
	{Name: "head.interim-flood", Doc: "sends many interim answers (103) before the final one", Level: Request, Evidence: Event,
		Params: []Param{{"count", Int, "200", "1", "100000", "interim answers, 28 bytes each"}},
		Script: `read-request
repeat ${count}
send "HTTP/1.1 103 Early Hints\r\n\r\n"
end
send "HTTP/1.1 200 OK\r\n${sentinel}Content-Length: 3\r\n\r\nok\n"
close`},
	{Name: "head.early-close-on-upload", Doc: "closes in the middle of the request's body, unread, which makes a reset of it (RFC 2525 §2.17)",
		Level: Request, Evidence: Event,
		Script: "read-head\nsleep 300ms\nfire\nreset"},
	{Name: "head.chunked-to-http10", Doc: "answers with a chunked body also to a request of HTTP/1.0", Level: Request, Evidence: Event,
		Script: `read-request
send "HTTP/1.1 200 OK\r\n${sentinel}Transfer-Encoding: chunked\r\n\r\n3\r\nok\n\r\n0\r\n\r\n"
close`},
}
