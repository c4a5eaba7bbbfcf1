package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"

	"github.com/gatefault/gatefault/suites/gateway"
)

// noEngine is why Docker is not used, in one sentence for the user; the cause can still be found in it.
type noEngine struct {
	text string
	err  error
}

func (e *noEngine) Error() string { return e.text }
func (e *noEngine) Unwrap() error { return e.err }

// plainEngine puts an error of [gateway.Connect] into one sentence. Errors of another kind stay as they are.
func plainEngine(err error) error {
	if !errors.Is(err, gateway.ErrNoEngine) {
		return err
	}
	advice := "start Docker or correct DOCKER_HOST"
	reason := strings.TrimPrefix(oneLine(err), gateway.ErrNoEngine.Error()+": ")
	reason = strings.TrimSuffix(strings.TrimSuffix(reason, "; "+advice), ". Is the docker daemon running?")
	at := ""
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Addr != nil {
		reason, at = plainCause(dial.Err), " at "+dial.Addr.String()
	}
	if errors.Is(err, fs.ErrPermission) {
		advice = "add yourself to the docker group or run as root"
	}
	return &noEngine{fmt.Sprintf("%v%s (%s); %s", gateway.ErrNoEngine, at, reason, advice), err}
}

// plainCause leaves out the name of the system call.
func plainCause(err error) string {
	var call *os.SyscallError
	if errors.As(err, &call) {
		return call.Err.Error()
	}
	return err.Error()
}

// oneLine tells joined errors in one line.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
