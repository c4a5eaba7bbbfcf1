package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/gatefault/gatefault/suites/gateway"
)

func dialError(err syscall.Errno) error {
	return &net.OpError{Op: "dial", Net: "unix", Addr: &net.UnixAddr{Name: "/run/docker.sock", Net: "unix"}, Err: os.NewSyscallError("connect", err)}
}

// Why there is no Docker is one sentence with the advice that helps.
func TestNoEngineIsOneSentence(t *testing.T) {
	for want, cause := range map[string]error{
		"no Docker engine answers at /run/docker.sock (no such file or directory); start Docker or correct DOCKER_HOST":            dialError(syscall.ENOENT),
		"no Docker engine answers at /run/docker.sock (permission denied); add yourself to the docker group or run as root":        dialError(syscall.EACCES),
		"no Docker engine answers (Cannot connect to the Docker daemon at tcp://127.0.0.1:1); start Docker or correct DOCKER_HOST": errors.New("Cannot connect to the Docker daemon at tcp://127.0.0.1:1. Is the docker daemon running?"),
		"no Docker engine answers (one; another); start Docker or correct DOCKER_HOST":                                             errors.Join(errors.New("one"), errors.New("another")),
	} {
		err := plainEngine(fmt.Errorf("%w: %w; start Docker or correct DOCKER_HOST", gateway.ErrNoEngine, cause))
		if err.Error() != want || !errors.Is(err, gateway.ErrNoEngine) {
			t.Errorf("got %q, want %q", err, want)
		}
	}
	other := errors.New("something else")
	if err := plainEngine(other); err != other {
		t.Errorf("got %v", err)
	}
}
