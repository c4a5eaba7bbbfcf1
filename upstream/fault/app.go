package fault

var app = []*Fault{
	{Name: "app.500", Doc: "answers 500 itself, well formed", Level: Request, Evidence: Event,
		Script: "read-request\nrespond 500 \"the application failed\\n\""},
	{Name: "app.502", Doc: "answers 502 itself, well formed", Level: Request, Evidence: Event,
		Script: "read-request\nrespond 502 \"the application's own upstream failed\\n\""},
	{Name: "app.503", Doc: "answers 503 itself, well formed", Level: Request, Evidence: Event,
		Script: "read-request\nrespond 503 \"the application is overloaded\\n\""},
	{Name: "app.504", Doc: "answers 504 itself, well formed", Level: Request, Evidence: Event,
		Script: "read-request\nrespond 504 \"the application's own upstream was too slow\\n\""},
	// What Go's net/http does with a handler that panics after it has flushed a part (docs of http.Handler): the connection
	// is closed, so that the last chunk is missing. Frameworks that catch an exception before anything was sent answer 500.
	{Name: "app.panic", Doc: "fails with an unhandled exception when a first line of its answer is sent: the connection is closed",
		Level: Request, Evidence: Event, Incomplete: true, Script: `read-request
send "HTTP/1.1 200 OK\r\n${sentinel}Content-Type: text/plain; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\na\r\nfirst row\n\r\n"
sleep 300ms
fire
close`},
	{Name: "app.blocked-403", Doc: "answers 403 as a web application firewall does", Level: Request, Evidence: Event,
		Script: "read-request\nrespond 403 \"blocked by rule 949110, incident 4711\\n\""},
	{Name: "app.rate-limited-429", Doc: "answers 429 with Retry-After", Level: Request, Evidence: Event,
		Params: []Param{{"retry-after", Int, "30", "0", "86400", "seconds that the client is asked to wait"}},
		Script: `read-request
send "HTTP/1.1 429 Too Many Requests\r\n${sentinel}Retry-After: ${retry-after}\r\nContent-Type: text/plain\r\nContent-Length: 18\r\n\r\ntoo many requests\n"`},
}
