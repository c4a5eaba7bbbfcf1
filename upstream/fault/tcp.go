package fault

var tcp = []*Fault{
	{Name: "tcp.refuse", Doc: "has no listener on its port: the kernel answers a connection attempt with RST",
		Level: Armed, Arm: Refuse, Evidence: Kernel},
	{Name: "tcp.drop-syn", Doc: "has a firewall that drops connection attempts without a word",
		Level: Armed, Arm: DropSYN, Evidence: Kernel, Needs: []Need{NetAdmin}},
	{Name: "tcp.reject-reset", Doc: "has a firewall that rejects connection attempts with a TCP reset",
		Level: Armed, Arm: RejectReset, Evidence: Kernel, Needs: []Need{NetAdmin}},
	{Name: "tcp.reject-host", Doc: "has a firewall that rejects connection attempts with ICMP host unreachable",
		Level: Armed, Arm: RejectHost, Evidence: Kernel, Needs: []Need{NetAdmin}},
	{Name: "tcp.reject-admin", Doc: "has a firewall that rejects connection attempts with ICMP administratively prohibited",
		Level: Armed, Arm: RejectAdmin, Evidence: Kernel, Needs: []Need{NetAdmin}},
	{Name: "tcp.accept-close", Doc: "accepts the connection and closes it with FIN before reading",
		Level: Accept, Evidence: Event, Script: "close"},
	// The reset waits for the request: before it, a gateway may take the reset for a failed connect.
	{Name: "tcp.accept-reset", Doc: "accepts the connection and resets it when the request arrives, unread",
		Level: Accept, Evidence: Event, Script: "await-data\nreset"},
	{Name: "tcp.accept-hang", Doc: "accepts the connection and never reads or writes",
		Level: Accept, Evidence: Event, Script: "stall"},
	{Name: "tcp.drop-established", Doc: "has a firewall that starts to drop the connection's packets while the request waits",
		Level: Request, Evidence: Kernel, Needs: []Need{NetAdmin},
		Script: "read-request\ndrop-connection\nrespond 200\nstall"},
}
