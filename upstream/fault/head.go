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
}
