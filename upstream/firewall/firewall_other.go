//go:build !linux

package firewall

import (
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"time"
)

// Firewall holds this process's rules. On this system there are none.
type Firewall struct{}

// Rule is one armed rule. On this system there are none.
type Rule struct{}

func unavailable() error {
	return fmt.Errorf("%w: it needs Linux nftables, and this is %s", ErrUnavailable, runtime.GOOS)
}

// Open returns an error that wraps [ErrUnavailable].
func Open(*slog.Logger) (*Firewall, error) { return nil, unavailable() }

// Sweep returns an error that wraps [ErrUnavailable].
func Sweep(*slog.Logger) error { return unavailable() }

// RelaxICMP returns an error that wraps [ErrUnavailable].
func RelaxICMP() error { return unavailable() }

// Arm returns an error that wraps [ErrUnavailable].
func (*Firewall) Arm(Action, netip.AddrPort) (*Rule, error) { return nil, unavailable() }

// ArmLoss returns an error that wraps [ErrUnavailable].
func (*Firewall) ArmLoss(netip.AddrPort, int) (*Rule, error) { return nil, unavailable() }

// ArmDelay returns an error that wraps [ErrUnavailable].
func (*Firewall) ArmDelay(netip.AddrPort, time.Duration) (*Rule, error) { return nil, unavailable() }

// ArmRate returns an error that wraps [ErrUnavailable].
func (*Firewall) ArmRate(netip.AddrPort, int) (*Rule, error) { return nil, unavailable() }

// CanShape returns an error that wraps [ErrUnavailable].
func (*Firewall) CanShape() error { return unavailable() }

// Prohibit returns an error that wraps [ErrUnavailable].
func (*Firewall) Prohibit(netip.AddrPort) (func() error, error) { return nil, unavailable() }

// ArmConn returns an error that wraps [ErrUnavailable].
func (*Firewall) ArmConn(_, _ netip.AddrPort) (*Rule, error) { return nil, unavailable() }

// Close does nothing.
func (*Firewall) Close() error { return nil }

// Hits returns an error that wraps [ErrUnavailable].
func (*Rule) Hits() (Hits, error) { return Hits{}, unavailable() }

// Disarm does nothing.
func (*Rule) Disarm() error { return nil }
