package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/moby/term"

	"github.com/gatefault/gatefault/suites/report"
)

// app is what a command gets from the process.
type app struct {
	env      map[string]string
	in       io.Reader
	out, err io.Writer
}

// newApp makes an app; end is called with [errPipe] when nobody reads the output any more.
func newApp(env []string, stdin io.Reader, stdout, stderr io.Writer, end context.CancelCauseFunc) *app {
	a := &app{env: map[string]string{}, in: stdin, out: &pipe{stdout, end}, err: &pipe{stderr, end}}
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		a.env[name] = value
	}
	return a
}

func (a *app) printf(format string, args ...any) { fmt.Fprintf(a.out, format, args...) }

// errPipe is the cause of a context that ended because nobody reads the output any more, as in gatefault faults | head.
var errPipe = errors.New("nobody reads the output any more")

// pipe is an output that ends the command when its reader is gone. The command still cleans up.
type pipe struct {
	io.Writer
	end context.CancelCauseFunc
}

func (p *pipe) Write(b []byte) (int, error) {
	n, err := p.Writer.Write(b)
	if errors.Is(err, syscall.EPIPE) {
		p.end(errPipe)
	}
	return n, err
}

// behind gives the file that a pipe writes to: children inherit it and terminals are known by it.
func behind(w io.Writer) io.Writer {
	if p, ok := w.(*pipe); ok {
		return p.Writer
	}
	return w
}

// width is that of explanations on standard output: the terminal's as long as its lines are easy to read.
func (a *app) width() int {
	if w := a.screen(a.out).width; w > 0 {
		return min(w, 120)
	}
	return report.PlainWidth
}

// screen tells how to write to w: whether it is a terminal, how wide, and whether colours are wanted
// (https://no-color.org).
type screen struct {
	io.Writer
	live   bool
	width  int // 0: no limit
	colour bool
}

func (a *app) screen(w io.Writer) screen {
	s := screen{Writer: w}
	fd, terminal := term.GetFdInfo(behind(w))
	if !terminal || a.env["TERM"] == "dumb" {
		return s
	}
	s.live, s.colour = true, a.env["NO_COLOR"] == ""
	if size, err := term.GetWinsize(fd); err == nil {
		s.width = int(size.Width)
	}
	return s
}

// terminalVariable tells a program whose input is a pipe that a person types at its other end.
const terminalVariable = "GATEFAULT_TERMINAL"

// terminal tells whether a person types the input.
func (a *app) terminal() bool {
	if a.env[terminalVariable] != "" {
		return true
	}
	_, is := term.GetFdInfo(a.in)
	return is
}

// errInterrupted is the cause of a context that a signal ended.
var errInterrupted = errors.New("interrupted")

// interruptible gives a context that the first SIGINT or SIGTERM ends, with [errInterrupted]. The second ends the
// process at once; the next run or gatefault sweep then removes what is left. SIGPIPE is taken so that it does not end
// the process before it has cleaned up: the write fails instead, see [pipe].
func interruptible() (ctx context.Context, cancel context.CancelCauseFunc, stop func()) {
	ctx, cancel = context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	pipes := make(chan os.Signal, 1)
	signal.Notify(pipes, syscall.SIGPIPE)
	go func() {
		for range signals {
			if ctx.Err() != nil {
				os.Exit(exitInterrupted)
			}
			cancel(errInterrupted)
		}
	}()
	return ctx, cancel, func() {
		signal.Stop(signals)
		signal.Stop(pipes)
		close(signals)
		cancel(nil)
	}
}

type versionCmd struct{}

func (versionCmd) Run(a *app) error {
	a.printf("gatefault %s\n", version())
	return nil
}

// version is what the Go tool knows of this build: a tag, or the commit.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
