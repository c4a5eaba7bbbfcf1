package fault

import (
	"context"
	"sync/atomic"

	"github.com/gatefault/gatefault/upstream/wire"
)

var process = []*Fault{
	{Name: "process.crash", Doc: "is killed with SIGKILL while the request waits; its port then refuses connections",
		Level: Request, Evidence: Exit, Ends: "SIGKILL", Needs: []Need{Process}, Script: "read-request\nkill"},
	{Name: "process.pause", Doc: "is stopped with SIGSTOP: the kernel still accepts connections, nobody answers",
		Level: Armed, Arm: StopProcess, Evidence: Exit, Needs: []Need{Process}},
	{Name: "process.oom", Doc: "eats memory while the request waits until the kernel's out-of-memory killer ends it",
		Level: Request, Evidence: Exit, Ends: "SIGKILL", Needs: []Need{Process, Memory}, Script: "read-request\neat-memory"},
	{Name: "process.crash-loop", Doc: "exits again and again soon after its start; a supervisor starts it again after a pause",
		Level: Armed, Arm: CrashLoop, Evidence: Exit, Ends: "exit code 1", Least: 2, Needs: []Need{Process},
		Params: []Param{
			{"up", Duration, "300ms", "1ms", "1h", "time from each start to the exit"},
			{"down", Duration, "700ms", "0s", "1h", "time from the exit to the next start, in which the port refuses"},
		},
		Script: answerOK},
	{Name: "process.restart", Doc: "is restarted without warning: killed in the middle of its requests, and started again after a while",
		Level: Armed, Arm: Restart, Evidence: Exit, Ends: "SIGKILL", Needs: []Need{Process},
		Params: []Param{
			{"at", Duration, "400ms", "0s", "1h", "time from the injection to the kill"},
			{"down", Duration, "600ms", "0s", "1h", "time from the kill to the next start, in which the port refuses"},
			{"service", Duration, "200ms", "0s", "1m", "time that each request takes"},
		},
		Script: slowOK},
	{Name: "process.restart-drain", Doc: "is restarted as it should be: the next process takes the listener over, the old one ends its requests and then itself",
		Level: Armed, Arm: RestartDrain, Evidence: Exit, Ends: "exit code 0", Needs: []Need{Process},
		Params: []Param{
			{"at", Duration, "400ms", "0s", "1h", "time from the injection to the restart"},
			{"service", Duration, "200ms", "0s", "1m", "time that each request takes"},
		},
		Script: slowOK},
	{Name: "process.kill-script", Doc: "has several worker processes, and a watchdog kills the one that works too long on a request",
		Level: Armed, Arm: KillScript, Evidence: Exit, Ends: "SIGKILL", Needs: []Need{Process},
		Params: []Param{
			{"workers", Int, "3", "2", "16", "processes that serve"},
			{"every", Int, "3", "1", "1000", "one request in this many, counted in each process, takes too long"},
			{"limit", Duration, "400ms", "1ms", "1m", "time after which the watchdog kills"},
		},
		New: newTooLong},
	{Name: "process.fd-exhausted", Doc: "may open no more files, so that accept fails with EMFILE: connections wait in the accept queue, nobody answers",
		Level: Armed, Arm: LimitFiles, Evidence: Event, Needs: []Need{Process}},
}

// What a process that is restarted answers while it runs.
const (
	answerOK = "read-request\nrespond 200 \"ok\\n\""
	slowOK   = "read-request\nsleep ${service}\nrespond 200 \"ok\\n\""
)

// newTooLong answers at once, but for the requests that take so long that the watchdog comes. The fault takes effect with
// the end of the process, so the requests do not fire.
func newTooLong(v Values) Handler {
	every, limit := uint64(v.Int("every")), v.Duration("limit")
	var seen atomic.Uint64
	return func(ctx context.Context, c *wire.Session) error {
		if err := c.Read(); err != nil {
			return err
		}
		if seen.Add(1)%every != 0 {
			return c.Respond(200, "ok\n")
		}
		if err := wire.Pause(ctx, limit); err != nil {
			return err
		}
		return wire.Kill().Run(ctx, c)
	}
}
