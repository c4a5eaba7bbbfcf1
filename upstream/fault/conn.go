package fault

var conn = []*Fault{
	{Name: "conn.race", Doc: "closes with FIN as the next request arrives on a reused connection", Level: Request, Evidence: Event,
		Requests: "2-", Script: "read-request\nclose"},
}
