package fault

var process = []*Fault{
	{Name: "process.crash", Doc: "is killed with SIGKILL while the request waits; its port then refuses connections",
		Level: Request, Evidence: Exit, Needs: []Need{Process}, Script: "read-request\nkill"},
	{Name: "process.pause", Doc: "is stopped with SIGSTOP: the kernel still accepts connections, nobody answers",
		Level: Armed, Arm: StopProcess, Evidence: Exit, Needs: []Need{Process}},
	{Name: "process.oom", Doc: "eats memory while the request waits until the kernel's out-of-memory killer ends it",
		Level: Request, Evidence: Exit, Needs: []Need{Process, Memory}, Script: "read-request\neat-memory"},
}
