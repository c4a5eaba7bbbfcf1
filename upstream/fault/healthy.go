package fault

var healthy = []*Fault{
	{Name: "healthy", Doc: "answers as it should", Level: Request, Evidence: None,
		Script: "read-request\nrespond 200"},
}
