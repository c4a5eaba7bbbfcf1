package sandbox

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// variable marks the process that is the first of a sandbox; it speaks to its parent over the descriptor talkFD.
const (
	variable = "GATEFAULT_SANDBOX"
	talkFD   = 3
)

// maxMessage bounds a message, which is one packet; an environment is the largest part of any.
const maxMessage = 160 << 10

// request asks for one thing. One that starts a program carries the descriptor of its output.
type request struct {
	N       int        `json:"n"`
	Begin   *beginning `json:"begin,omitempty"`
	Dial    *dialing   `json:"dial,omitempty"`
	Start   *Command   `json:"start,omitempty"`
	Signal  *signal    `json:"signal,omitempty"`
	Address *address   `json:"address,omitempty"`
}

// beginning is what a sandbox is made of, besides the archive on the standard input.
type beginning struct {
	Root      string       `json:"root"`
	Show      []string     `json:"show,omitempty"`
	Addresses []netip.Addr `json:"addresses,omitempty"`
	Far       bool         `json:"far,omitempty"`
}

// address is one more of the near network's loopback interface, or of the far network.
type address struct {
	Addr netip.Addr `json:"addr"`
	Far  bool       `json:"far,omitempty"`
}

// dialing asks for a connection. Its answer carries the descriptor.
type dialing struct {
	Network string        `json:"network"`
	Address string        `json:"address"`
	From    string        `json:"from,omitempty"` // local address
	Timeout time.Duration `json:"timeout,omitempty"`
}

// signal is for a program and all that it has started.
type signal struct {
	Program int            `json:"program"` // number of the request that started it
	Signal  syscall.Signal `json:"signal"`
}

// answer is that to the request of the same number, or tells that the program has ended that it started.
type answer struct {
	N     int      `json:"n"`
	Error *failure `json:"error,omitempty"`
	Ended *Exit    `json:"ended,omitempty"`
}

// failure is an error that has passed between two processes.
type failure struct {
	Text    string        `json:"text"`
	Errno   syscall.Errno `json:"errno,omitempty"`
	Expired bool          `json:"expired,omitempty"`
}

func failureOf(err error) *failure {
	if err == nil {
		return nil
	}
	f := &failure{Text: err.Error(), Expired: errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)}
	errors.As(err, &f.Errno)
	return f
}

// Error gives the words of the error where it happened.
func (f *failure) Error() string { return f.Text }

// Unwrap gives the error of the system, or of the time, behind it.
func (f *failure) Unwrap() error {
	switch {
	case f.Expired:
		return os.ErrDeadlineExceeded
	case f.Errno != 0:
		return f.Errno
	}
	return nil
}

// Timeout tells whether the time was over; see net.Error.
func (f *failure) Timeout() bool { return f.Expired || f.Errno.Timeout() }

// Temporary is false; see net.Error.
func (f *failure) Temporary() bool { return false }

var _ net.Error = (*failure)(nil)
