//go:build !linux

package sandbox

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"syscall"
)

// Serve does nothing here.
func Serve() {}

// Sandbox cannot be had here.
type Sandbox struct{}

// Program cannot be had here.
type Program struct{}

func forbidden() error {
	return fmt.Errorf("%w: they need Linux, and this is %s", ErrForbidden, runtime.GOOS)
}

// Open fails with [ErrForbidden].
func Open(context.Context, Spec) (*Sandbox, error) { return nil, forbidden() }

// AddAddress fails with [ErrForbidden].
func (*Sandbox) AddAddress(context.Context, netip.Addr) error { return forbidden() }

// AddFarAddress fails with [ErrForbidden].
func (*Sandbox) AddFarAddress(context.Context, netip.Addr) error { return forbidden() }

// Dial fails with [ErrForbidden].
func (*Sandbox) Dial(context.Context, string, string) (net.Conn, error) { return nil, forbidden() }

// DialFrom fails with [ErrForbidden].
func (*Sandbox) DialFrom(context.Context, string, string, netip.AddrPort) (net.Conn, error) {
	return nil, forbidden()
}

// Start fails with [ErrForbidden].
func (*Sandbox) Start(context.Context, Command, *os.File) (*Program, error) { return nil, forbidden() }

// Close does nothing.
func (*Sandbox) Close() error { return nil }

// Ended is never closed.
func (*Program) Ended() <-chan struct{} { return nil }

// Exit is empty.
func (*Program) Exit() Exit { return Exit{} }

// Signal fails with [ErrForbidden].
func (*Program) Signal(context.Context, syscall.Signal) error { return forbidden() }
