package fault

// fastCGI names the protocol of endpoints that these faults need.
const fastCGI = "fcgi"

var fcgi = []*Fault{
	{Name: "fcgi.garbage", Doc: "answers with bytes that are no FastCGI record: an HTTP server listens on the port",
		Level: Request, Protocol: fastCGI, Evidence: Event,
		Script: `read-request
send "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 12\r\nConnection: close\r\n\r\nBad Request\n"
close`},
	{Name: "fcgi.end-early", Doc: "closes in the middle of the answer, before the record that ends the request",
		Level: Request, Protocol: fastCGI, Evidence: Event, Incomplete: true,
		Script: `read-request
fcgi-stdout "Status: 200 OK\r\nContent-Type: text/plain\r\n${sentinel}\r\nhalf of the page\n"
sleep 300ms
fire
close`},
	{Name: "fcgi.overloaded", Doc: "refuses the request because it has too many already (FCGI_OVERLOADED)",
		Level: Request, Protocol: fastCGI, Evidence: Event,
		Script: "read-request\nfcgi-end OVERLOADED\nclose"},
	{Name: "fcgi.stderr-only", Doc: "writes to its error stream and ends the request without an answer",
		Level: Request, Protocol: fastCGI, Evidence: Event,
		Script: "read-request\nfcgi-end REQUEST_COMPLETE \"PHP message: Primary script unknown\"\nclose"},
}
