package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// commandTimeout bounds what a gateway's program is asked to do beside serving: to print its version, to check its
// configuration. Real ones take milliseconds.
const commandTimeout = 5 * time.Second

// commandOutput is how much of a command's output is kept, in bytes.
const commandOutput = 64 << 10

// errTooSlow is the cause of a command's context when commandTimeout is over.
var errTooSlow = errors.New("the command took too long")

// said is what a command printed, and how it ended unless that was well: "exit status 1".
type said struct{ text, ended string }

// String continues a sentence that begins with the command.
func (s said) String() string {
	words := "printed nothing"
	if s.text != "" {
		words = fmt.Sprintf("printed %q", lastLines(s.text, 3))
	}
	switch {
	case s.ended == "":
		return words
	case s.text == "":
		return "ended with " + s.ended + " and no output"
	}
	return "ended with " + s.ended + " and " + words
}

// within gives f commandTimeout. The error says what the command failed to do, such as "nginx -v did not print its version".
func within(ctx context.Context, what string, f func(context.Context) (said, error)) (said, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, commandTimeout, errTooSlow)
	defer cancel()
	answer, err := f(ctx)
	switch {
	case errors.Is(err, errTooSlow):
		return said{}, fmt.Errorf("%s within %.0f s", what, commandTimeout.Seconds())
	case err != nil:
		return said{}, fmt.Errorf("%s: %w", what, err)
	}
	return answer, nil
}

// runCommand runs a program to its end, in a process group of its own that is killed when the context ends. The error is
// the context's cause, or tells that the program could not be run.
func runCommand(ctx context.Context, cmd *exec.Cmd) (said, error) {
	// The death signal is bound to the thread that starts the child (prctl(2), PR_SET_PDEATHSIG).
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var out capped
	bound := exec.CommandContext(ctx, cmd.Path)
	bound.Args, bound.Dir, bound.Env, bound.Stdout, bound.Stderr = cmd.Args, cmd.Dir, cmd.Env, &out, &out
	bound.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	bound.Cancel = func() error { return syscall.Kill(-bound.Process.Pid, syscall.SIGKILL) }
	bound.WaitDelay = termGrace
	err := bound.Run()
	if bound.Process != nil {
		_ = syscall.Kill(-bound.Process.Pid, syscall.SIGKILL) // children that outlive it; mostly there are none
	}
	var ended *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return said{}, context.Cause(ctx)
	case errors.As(err, &ended):
		return said{out.String(), ended.Error()}, nil
	case err != nil && !errors.Is(err, exec.ErrWaitDelay): // a child of the program kept its output open, which is harmless
		return said{}, err
	}
	return said{text: out.String()}, nil
}

// capped keeps the beginning of what is written to it.
type capped struct{ bytes.Buffer }

func (c *capped) Write(p []byte) (int, error) {
	c.Buffer.Write(p[:min(len(p), commandOutput-c.Len())])
	return len(p), nil
}
