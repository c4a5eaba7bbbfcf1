package fault

// speaksTLS is the protocol of the endpoints that these faults need.
const speaksTLS = "tls"

var tls = []*Fault{
	{Name: "tls.expired", Doc: "presents a certificate whose time ended a day ago",
		Protocol: speaksTLS, Level: Accept, Evidence: Event, Script: "handshake expired"},
	{Name: "tls.not-yet-valid", Doc: "presents a certificate whose time begins tomorrow",
		Protocol: speaksTLS, Level: Accept, Evidence: Event, Script: "handshake not-yet-valid"},
	{Name: "tls.wrong-name", Doc: "presents a certificate for another host",
		Protocol: speaksTLS, Level: Accept, Evidence: Event, Script: "handshake wrong-name"},
	{Name: "tls.self-signed", Doc: "presents a certificate that it signed itself",
		Protocol: speaksTLS, Level: Accept, Evidence: Event, Script: "handshake self-signed"},
	{Name: "tls.unknown-ca", Doc: "presents a certificate signed by an authority that nobody knows",
		Protocol: speaksTLS, Level: Accept, Evidence: Event, Script: "handshake unknown-ca"},
	{Name: "tls.client-cert-required", Doc: "wants a certificate of the gateway and ends the handshake without one",
		Protocol: speaksTLS, Level: Accept, Evidence: Event, Script: "handshake good client-cert"},
	// What a server does that knows nothing newer: it answers a higher offer with its own version (RFC 5246 §E.1).
	{Name: "tls.old-version", Doc: "speaks nothing newer than TLS 1.1",
		Protocol: speaksTLS, Level: Accept, Evidence: Event, Script: "handshake good old-version"},
	{Name: "tls.plaintext", Doc: "speaks plain HTTP where TLS is expected: it answers the ClientHello with 400",
		Protocol: speaksTLS, Level: Accept, Evidence: Event,
		Script: "read-hello\nsend \"HTTP/1.1 400 Bad Request\\r\\n${sentinel}Content-Length: 12\\r\\nConnection: close\\r\\n\\r\\nBad Request\\n\"\nclose"},
	{Name: "tls.hang", Doc: "reads the ClientHello and never answers",
		Protocol: speaksTLS, Level: Accept, Evidence: Event, Script: "read-hello\nstall"},
	{Name: "tls.alert", Doc: "answers the ClientHello with a fatal alert",
		Protocol: speaksTLS, Level: Accept, Evidence: Event, Script: "read-hello\nalert ${alert}\nclose",
		Params: []Param{{"alert", Int, "40", "0", "255", "number of the alert (RFC 8446 §6.2); 40 is handshake_failure"}}},
	{Name: "tls.close", Doc: "closes with FIN in the handshake, after the ClientHello",
		Protocol: speaksTLS, Level: Accept, Evidence: Event, Script: "read-hello\nclose"},
	{Name: "tls.reset", Doc: "resets the connection in the handshake, after the ClientHello",
		Protocol: speaksTLS, Level: Accept, Evidence: Event, Script: "read-hello\nreset"},
}
