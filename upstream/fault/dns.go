package fault

var nameServer = []Need{NameServer}

var dns = []*Fault{
	{Name: "dns.nxdomain", Doc: "has a name server that says its name does not exist",
		Level: Armed, Arm: SayNXDomain, Evidence: Query, Needs: nameServer},
	{Name: "dns.servfail", Doc: "has a name server that fails with SERVFAIL",
		Level: Armed, Arm: SayServFail, Evidence: Query, Needs: nameServer},
	{Name: "dns.refused", Doc: "has a name server that refuses to answer",
		Level: Armed, Arm: SayRefused, Evidence: Query, Needs: nameServer},
	{Name: "dns.nodata", Doc: "has a name without an address",
		Level: Armed, Arm: SayNoData, Evidence: Query, Needs: nameServer},
	{Name: "dns.timeout", Doc: "has a name server that never answers",
		Level: Armed, Arm: SayNothing, Evidence: Query, Needs: nameServer},
	// The servers are asked in turn, the one with the old zone first, so the n-th question decides.
	{Name: "dns.split", Doc: "has several name servers, one of which still gives its old address, where nobody listens",
		Level: Armed, Arm: SaySplit, Evidence: Query, Needs: []Need{NameServer, OldAddress},
		Params: []Param{{"servers", Int, "2", "2", "16", "name servers that are asked in turn"}}},
	{Name: "dns.flap", Doc: "has a name that exists and does not exist in turn",
		Level: Armed, Arm: SayFlap, Evidence: Query, Needs: nameServer,
		Params: []Param{
			{"wrong", Int, "1", "1", "1000", "questions in a row that are answered NXDOMAIN"},
			{"right", Int, "1", "1", "1000", "questions in a row that are then answered with the address"},
		}},
	{Name: "dns.stale", Doc: "has a name server that gives its old address, where nobody listens any more",
		Level: Armed, Arm: SayOld, Evidence: Query, Needs: []Need{NameServer, OldAddress}},
	{Name: "dns.stale-taken", Doc: "has a name server that gives its old address, where another service listens now",
		Level: Armed, Arm: SayTaken, Evidence: Query, Needs: []Need{NameServer, OldAddress}},
}
