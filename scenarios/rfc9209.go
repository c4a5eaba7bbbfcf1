package scenarios

// ErrorType is an error type of RFC 9209 §2.3 or of none of them.
type ErrorType struct {
	Name    string
	Section string // of RFC 9209
	Status  int    // the recommended one; 0 when the RFC leaves it open
}

// ErrorTypes lists what a scenario's error may be: the registered proxy error types in the RFC's order.
func ErrorTypes() []ErrorType {
	return []ErrorType{
		{"dns_timeout", "2.3.1", 504},
		{"dns_error", "2.3.2", 502},
		{"destination_not_found", "2.3.3", 500},
		{"destination_unavailable", "2.3.4", 503},
		{"destination_ip_prohibited", "2.3.5", 502},
		{"destination_ip_unroutable", "2.3.6", 502},
		{"connection_refused", "2.3.7", 502},
		{"connection_terminated", "2.3.8", 502},
		{"connection_timeout", "2.3.9", 504},
		{"connection_read_timeout", "2.3.10", 504},
		{"connection_write_timeout", "2.3.11", 504},
		{"connection_limit_reached", "2.3.12", 503},
		{"tls_protocol_error", "2.3.13", 502},
		{"tls_certificate_error", "2.3.14", 502},
		{"tls_alert_received", "2.3.15", 502},
		{"http_request_error", "2.3.16", 0},
		{"http_request_denied", "2.3.17", 403},
		{"http_response_incomplete", "2.3.18", 502},
		{"http_response_header_section_size", "2.3.19", 502},
		{"http_response_header_size", "2.3.20", 502},
		{"http_response_body_size", "2.3.21", 502},
		{"http_response_trailer_section_size", "2.3.22", 502},
		{"http_response_trailer_size", "2.3.23", 502},
		{"http_response_transfer_coding", "2.3.24", 502},
		{"http_response_content_coding", "2.3.25", 502},
		{"http_response_timeout", "2.3.26", 504},
		{"http_upgrade_failed", "2.3.27", 502},
		{"http_protocol_error", "2.3.28", 502},
		{"proxy_internal_response", "2.3.29", 0},
		{"proxy_internal_error", "2.3.30", 500},
		{"proxy_configuration_error", "2.3.31", 500},
		{"proxy_loop_detected", "2.3.32", 502},
	}
}

// The errors of scenarios in which no gateway has to report one.
const (
	NoError     = "none"   // nothing is wrong
	PassedError = "passed" // the upstream made the answer itself
)

func errorNames() []string {
	names := []string{NoError, PassedError}
	for _, t := range ErrorTypes() {
		names = append(names, t.Name)
	}
	return names
}
