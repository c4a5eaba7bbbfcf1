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
)

// app is what a command gets from the process.
type app struct {
	env      map[string]string
	out, err io.Writer
}

func newApp(env []string, stdout, stderr io.Writer) *app {
	a := &app{env: map[string]string{}, out: stdout, err: stderr}
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		a.env[name] = value
	}
	return a
}

func (a *app) printf(format string, args ...any) { fmt.Fprintf(a.out, format, args...) }

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
	fd, terminal := term.GetFdInfo(w)
	if !terminal || a.env["TERM"] == "dumb" {
		return s
	}
	s.live, s.colour = true, a.env["NO_COLOR"] == ""
	if size, err := term.GetWinsize(fd); err == nil {
		s.width = int(size.Width)
	}
	return s
}

// errInterrupted is the cause of a context that a signal ended.
var errInterrupted = errors.New("interrupted")

// interruptible gives a context that the first SIGINT or SIGTERM ends, with [errInterrupted]. The second ends the
// process at once; the next run or gatefault sweep then removes what is left.
func interruptible() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		for range signals {
			if ctx.Err() != nil {
				os.Exit(exitInterrupted)
			}
			cancel(errInterrupted)
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
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
