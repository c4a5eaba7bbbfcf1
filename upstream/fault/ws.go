package fault

var ws = []*Fault{
	{Name: "ws.refused", Doc: "answers a WebSocket handshake like any other request", Level: Request, Evidence: Event,
		Params: []Param{{"status", Int, "403", "200", "599", "status of the answer"}},
		Script: "read-request\nrespond ${status} \"no WebSocket here\\n\""},
	{Name: "ws.bad-accept", Doc: "switches to WebSocket with a Sec-WebSocket-Accept that does not belong to the client's key",
		Level: Request, Evidence: Event,
		Script: `read-request
send "HTTP/1.1 101 Switching Protocols\r\n${sentinel}Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n"
sleep 300ms
send "\x81\x05hello\x88\x02\x03\xe8"
close`},
	{Name: "ws.cut", Doc: "switches to WebSocket and resets the connection in the middle of a message", Level: Request, Evidence: Event,
		Incomplete: true,
		Script: `read-request
send "HTTP/1.1 101 Switching Protocols\r\n${sentinel}Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${websocket-accept}\r\n\r\n"
sleep 300ms
send "\x81\x05hello\x81\x7e\x10\x00half of"
sleep 300ms
fire
reset`},
}
