package gateway

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	upstreamprocess "github.com/gatefault/gatefault/upstream/process"
)

// termGrace is how long a gateway may take to end by itself, removing what it made in the kernel (semaphores), before it
// is killed.
const termGrace = 500 * time.Millisecond

// process is a child process with a process group of its own, whose output is read into a log book.
type process struct {
	group  int
	exited chan struct{} // closed when the child was waited for and its output read to the end
}

// startProcess starts the command. The kernel ends the child when this process dies, whatever kills it (prctl(2),
// PR_SET_PDEATHSIG); it gets SIGTERM, not SIGKILL, so that it can take its workers with it. With bound set, file permissions
// bind it also when it runs as root.
func startProcess(cmd *exec.Cmd, logs *LogBook, bound bool) (*process, error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	cmd.Stdout, cmd.Stderr = writer, writer // one stream: the order of access and error lines holds
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	p := &process{exited: make(chan struct{})}
	started := make(chan error)
	go p.watch(cmd, reader, writer, logs, bound, started)
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// watch starts the child and waits for it on one thread: the death signal is bound to the thread that started the child.
// It ends when the child has.
func (p *process) watch(cmd *exec.Cmd, reader, writer *os.File, logs *LogBook, bound bool, started chan<- error) {
	runtime.LockOSThread()
	var err error
	if bound {
		err = upstreamprocess.BindChildren() // the thread keeps it, and ends with this goroutine
	} else {
		defer runtime.UnlockOSThread()
	}
	defer reader.Close()
	if err == nil {
		err = cmd.Start()
	}
	writer.Close()
	if err != nil {
		started <- err
		return
	}
	p.group = cmd.Process.Pid
	started <- nil
	read := make(chan struct{})
	go func() {
		defer close(read)
		logs.read(reader)
	}()
	// How it ended does not matter here: its log says more than its exit code.
	_ = cmd.Wait()
	// Workers that outlive their master hold the pipe open.
	_ = syscall.Kill(-p.group, syscall.SIGKILL)
	<-read
	logs.end()
	close(p.exited)
}

// stop ends the whole group: politely, then by force.
func (p *process) stop(ctx context.Context) error {
	select {
	case <-p.exited:
		return nil
	default:
	}
	if err := p.signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.exited:
		return nil
	case <-time.After(termGrace):
	case <-ctx.Done():
	}
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	select {
	case <-p.exited:
		return nil
	case <-time.After(stopTimeout):
		return fmt.Errorf("process group %d does not end", p.group)
	}
}

func (p *process) signal(sig syscall.Signal) error {
	if err := syscall.Kill(-p.group, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal process group %d: %w", p.group, err)
	}
	return nil
}
