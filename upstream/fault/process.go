package fault

var process = []*Fault{
	{Name: "process.crash", Doc: "is killed with SIGKILL while the request waits; its port then refuses connections",
		Level: Request, Evidence: Exit, Needs: []Need{Process}, Script: "read-request\nkill"},
	{Name: "process.pause", Doc: "is stopped with SIGSTOP: the kernel still accepts connections, nobody answers",
		Level: Armed, Arm: StopProcess, Evidence: Exit, Needs: []Need{Process}},
	{Name: "process.oom", Doc: "eats memory while the request waits until the kernel's out-of-memory killer ends it",
		Level: Request, Evidence: Exit, Needs: []Need{Process, Memory}, Script: "read-request\neat-memory"},
}

var app = []*Fault{
	{Name: "app.500", Doc: "answers 500 itself, well formed", Level: Request, Evidence: Event,
		Script: "read-request\nrespond 500 \"the application failed\\n\""},
	{Name: "app.502", Doc: "answers 502 itself, well formed", Level: Request, Evidence: Event,
		Script: "read-request\nrespond 502 \"the application's own upstream failed\\n\""},
	{Name: "app.503", Doc: "answers 503 itself, well formed", Level: Request, Evidence: Event,
		Script: "read-request\nrespond 503 \"the application is overloaded\\n\""},
	{Name: "app.504", Doc: "answers 504 itself, well formed", Level: Request, Evidence: Event,
		Script: "read-request\nrespond 504 \"the application's own upstream was too slow\\n\""},
}
