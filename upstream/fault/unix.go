package fault

var unix = []*Fault{
	{Name: "unix.missing", Doc: "has lost its socket file: nobody finds the path",
		Level: Armed, Arm: RemoveSocket, Evidence: State, Needs: []Need{Socket}},
	{Name: "unix.permission", Doc: "has a socket file that the gateway may not connect to",
		Level: Armed, Arm: DenySocket, Evidence: State, Needs: []Need{Socket}},
	{Name: "unix.refused", Doc: "has left its socket file behind and nobody listens on it",
		Level: Armed, Arm: AbandonSocket, Evidence: State, Needs: []Need{Socket}},
	{Name: "unix.backlog", Doc: "accepts no more connections on its socket and the accept queue is full",
		Level: Armed, Arm: FillSocket, Evidence: State, Needs: []Need{Socket}},
}
