package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"github.com/gatefault/gatefault/upstream/firewall/netns"
)

// namespaces says that this system may have network namespaces.
const namespaces = true

// runInside runs this program again in a network namespace of its own and gives its exit code as a [failure]. started
// is false when the system forbids such a namespace; then err says why. The files are handed on, from number 3.
//
// The child has a process group of its own, so that a terminal's Ctrl-C reaches it once: through us. It gets SIGTERM
// when we die, whatever kills us; that is bound to the thread that started it (prctl(2) PR_SET_PDEATHSIG).
func (a *app) runInside(ctx context.Context, why string, files ...*os.File) (started bool, err error) {
	cmd := netns.Reexec(context.WithoutCancel(ctx), insideVariable+"="+why)
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = behind(a.out), behind(a.err), files
	cmd.SysProcAttr.Setpgid, cmd.SysProcAttr.Pdeathsig = true, syscall.SIGTERM
	pass, err := a.passTyping(cmd)
	if err != nil {
		return false, err
	}
	start, end := make(chan error, 1), make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		start <- err
		if err == nil {
			end <- cmd.Wait()
		}
	}()
	if err := <-start; err != nil {
		return false, err
	}
	pass()
	select {
	case err = <-end:
	case <-ctx.Done():
		_ = cmd.Process.Signal(os.Interrupt) // fails only if it has ended already
		err = <-end
	}
	return true, exitOf(err)
}

// passTyping has the child read a pipe instead of a terminal, which would stop a process group in the background that reads it.
// pass begins to fill the pipe.
func (a *app) passTyping(cmd *exec.Cmd) (pass func(), err error) {
	if !a.terminal() {
		return func() {}, nil
	}
	cmd.Stdin = nil
	cmd.Env = append(cmd.Env, terminalVariable+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	return func() {
		go func() { // ends with the input or, where that goes on, with this process, which has nothing left to do then
			_, _ = io.Copy(in, a.in)
			_ = in.Close()
		}()
	}, nil
}

// exitOf passes on how the child ended; it has told the user itself.
func exitOf(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 {
		return &failure{exit.ExitCode(), nil}
	}
	return err
}
