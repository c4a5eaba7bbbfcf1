package fault

// waf is what a ModSecurity in the gateway does, and what makes it do so.
var waf = []*Fault{
	{Name: "waf.blocks-request", Doc: "is healthy and never asked: ModSecurity in the gateway takes the request for an attack",
		Level: Beyond, Evidence: Log, Log: `ModSecurity: .*\[id "1001"\]`},
	{Name: "app.sql-text", Doc: "answers 200, well formed, with a page that quotes an SQL error message", Level: Request, Evidence: Event,
		Script: "read-request\nrespond 200 \"How to mend: You have an error in your SQL syntax\\n\""},
}
