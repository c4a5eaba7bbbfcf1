// Package process runs the child that serves a process endpoint, and really kills, stops or starves it.
//
// Parent and child speak JSON, one message a line: the parent over the child's standard input, the child over its
// standard output. The child holds the listener alone, so that its death leaves a refused port and not a hang.
package process

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Env marks a process as such a child.
const Env = "GATEFAULT_CHILD"

// IsChild tells whether this process was started by [Start].
func IsChild() bool { return os.Getenv(Env) != "" }

// Options say how to start a child.
type Options struct {
	Path    string                      // executable; it must call upstream.ServeChild first of all
	Receive func(c *Child, line []byte) // called for every message of the child, in order
	Exited  func(Exit)                  // called once, after the last message
	Stderr  io.Writer                   // the child's standard error; may be nil
}

// Exit is the wait status of a child.
type Exit struct {
	Signal string // SIGKILL and so on; empty for a normal exit
	Code   int    // exit code of a normal exit
	OOM    bool   // the kernel's out-of-memory killer of our control group did it
}

// Child is a running child process.
type Child struct {
	oomBefore atomic.Int64 // out-of-memory kills of the control group before ours was due; -1: none is due

	cmd   *exec.Cmd
	hand  *net.UnixConn // for descriptors; see Pass
	in    io.WriteCloser
	done  chan struct{}
	write sync.Mutex // guards in
}

// Start starts a child. Its death sentence is tied to this process: it cannot outlive us.
func Start(o Options) (*Child, error) {
	if IsChild() {
		return nil, errors.New("this program was started to serve an endpoint and did not call upstream.ServeChild first of all")
	}
	c := &Child{done: make(chan struct{})}
	c.oomBefore.Store(-1)
	c.cmd = exec.Command(o.Path)
	c.cmd.Env = append(os.Environ(), Env+"=1")
	c.cmd.Stderr = o.Stderr
	c.cmd.SysProcAttr = dieWithParent()
	in, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.in = in
	ours, theirs, err := handover()
	if err != nil {
		return nil, err
	}
	c.hand = ours
	if theirs != nil {
		defer theirs.Close()
		c.cmd.ExtraFiles = []*os.File{theirs}
	}
	started := make(chan error)
	go c.run(o, out, started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start the serving process: %w", err)
	}
	return c, nil
}

// run owns the thread that started the child: the parent-death signal is tied to the thread, not the process (prctl(2)).
func (c *Child) run(o Options, out io.Reader, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(c.done)
	if c.hand != nil {
		defer c.hand.Close()
	}
	err := c.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		o.Receive(c, lines.Bytes())
	}
	_ = c.cmd.Wait()
	exit := exitOf(c.cmd.ProcessState)
	before := c.oomBefore.Load()
	exit.OOM = exit.Signal == "SIGKILL" && before >= 0 && oomKills() > before
	o.Exited(exit)
}

// Send writes one message to the child.
func (c *Child) Send(msg any) error {
	b, err := json.Marshal(msg)
	if err != nil {
		return err
	}
	c.write.Lock()
	defer c.write.Unlock()
	_, err = c.in.Write(append(b, '\n'))
	return err
}

// ExpectOOM says that the child is about to run out of memory: its end by SIGKILL is then put down to the kernel's
// out-of-memory killer, if that counts one more kill from now on.
func (c *Child) ExpectOOM() { c.oomBefore.Store(oomKills()) }

// Done is closed when the child is gone and Exited has returned.
func (c *Child) Done() <-chan struct{} { return c.done }

// PID is the child's process number.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Kill sends SIGKILL and waits for the end.
func (c *Child) Kill() error {
	if err := c.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-c.done
	return nil
}

// Quit asks the child to end by closing its input and kills it after grace.
func (c *Child) Quit(grace time.Duration) error {
	c.write.Lock()
	_ = c.in.Close()
	c.write.Unlock()
	_ = c.Continue()
	select {
	case <-c.done:
		return nil
	case <-time.After(grace):
		return c.Kill()
	}
}

// Stop sends SIGSTOP and returns when the wait status says the child is stopped.
func (c *Child) Stop() error {
	if err := c.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	return awaitStopped(c.PID())
}

// Continue sends SIGCONT.
func (c *Child) Continue() error { return c.cmd.Process.Signal(syscall.SIGCONT) }
