package fault

// config is what a healthy upstream answers to a gateway whose configuration is wrong.
var config = []*Fault{
	{Name: "config.http-to-https", Doc: "is healthy, speaks TLS, and answers plain HTTP on that port with 400",
		Protocol: speaksTLS, Level: Request, Evidence: Event,
		Script: "read-request\nrespond 400 \"The plain HTTP request was sent to HTTPS port\\n\"\nclose"},
}
