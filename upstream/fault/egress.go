package fault

var egress = []*Fault{
	{Name: "egress.denied", Doc: "may not be connected to: the gateway's own host forbids it",
		Level: Armed, Arm: DenyEgress, Evidence: State, Needs: []Need{NetAdmin, Egress}},
}
