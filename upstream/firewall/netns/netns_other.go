//go:build !linux

package netns

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"runtime"
)

func unsupported() error {
	return fmt.Errorf("network namespaces need Linux, and this is %s: %w", runtime.GOOS, errors.ErrUnsupported)
}

// Command returns a command that fails to start with [errors.ErrUnsupported].
func Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Err = unsupported()
	return cmd
}

// Reexec returns a command that fails to start with [errors.ErrUnsupported].
func Reexec(ctx context.Context, _ ...string) *exec.Cmd { return Command(ctx, "") }

// LoopbackUp fails with [errors.ErrUnsupported].
func LoopbackUp() error { return unsupported() }

// OwnFile fails with [errors.ErrUnsupported].
func OwnFile(string, string) error { return unsupported() }

// AddAddress fails with [errors.ErrUnsupported].
func AddAddress(string, netip.Prefix) (func() error, error) { return nil, unsupported() }

// AddRoute fails with [errors.ErrUnsupported].
func AddRoute(string, netip.Prefix) error { return unsupported() }

// InterfaceOf fails with [errors.ErrUnsupported].
func InterfaceOf(netip.Addr) (string, error) { return "", unsupported() }

// ID fails with [errors.ErrUnsupported].
func ID() (string, error) { return "", unsupported() }

// IsHost is true: there are no other namespaces here.
func IsHost() bool { return true }
