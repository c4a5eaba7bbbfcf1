package fault

// Faults of a kept connection. Those that act between two requests meet one request, answer it well and then act while
// the connection is idle; they fire once they have acted, so that a request sent after the evidence meets what they did.
var conn = []*Fault{
	{Name: "conn.race", Doc: "closes with FIN as the next request arrives on a reused connection", Level: Request, Evidence: Event,
		Requests: "2-", Script: "read-request\nclose"},
	{Name: "conn.reset-reuse", Doc: "resets a reused connection as the next request arrives", Level: Request, Evidence: Event,
		Requests: "2-", Script: "read-request\nreset"},
	{Name: "conn.close-idle", Doc: "answers, and closes with FIN when the connection has been idle for a while", Level: Request, Evidence: Event,
		Params: []Param{{"idle", Duration, "200ms", "0s", "1h", "time without a request after which the connection is closed"}},
		Script: "read-request\nrespond 200 \"ok\\n\"\nidle ${idle}\nfin\nfire\nclose"},
	{Name: "conn.unsolicited", Doc: "answers, and sends 408 in one packet with a FIN when the connection has been idle for a while",
		Level: Request, Evidence: Event,
		Params: []Param{{"idle", Duration, "200ms", "0s", "1h", "time without a request after which 408 is sent"}},
		Script: `read-request
respond 200 "ok\n"
idle ${idle}
cork
send "HTTP/1.1 408 Request Timeout\r\n${stray}Connection: close\r\nContent-Length: 8\r\n\r\ntoo late"
fin
fire
close`},
	{Name: "conn.two-answers", Doc: "sends two answers to one request in one packet, and keeps the connection", Level: Request, Evidence: Event,
		Script: `read-request
send "HTTP/1.1 200 OK\r\n${sentinel}Content-Length: 3\r\n\r\nok\nHTTP/1.1 200 OK\r\n${stray}Content-Length: 14\r\n\r\nsomebody elses"`},
	{Name: "conn.two-answers-late", Doc: "answers, and sends a second answer while the connection is idle, and keeps it", Level: Request, Evidence: Event,
		Params: []Param{{"idle", Duration, "200ms", "0s", "1h", "time between the two answers"}},
		Script: `read-request
respond 200 "ok\n"
idle ${idle}
send "HTTP/1.1 200 OK\r\n${stray}Content-Length: 14\r\n\r\nsomebody elses"
fire`},
	{Name: "conn.two-answers-race",
		Doc:   "sends an answer that nobody asked for just as a request arrives on a reused connection, and the right one after it in the same packet",
		Level: Request, Evidence: Event, Requests: "2-", Script: `read-request
send "HTTP/1.1 200 OK\r\n${stray}Content-Length: 14\r\n\r\nsomebody elsesHTTP/1.1 200 OK\r\n${sentinel}Content-Length: 3\r\n\r\nok\n"`},
}
