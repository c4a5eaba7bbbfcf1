//go:build !linux

package wire

import (
	"context"
	"net"
	"time"
)

// awaitSent has no means here to ask what is unsent; a short pause lets a loopback peer receive it.
func awaitSent(ctx context.Context, _ *net.TCPConn, limit time.Duration) {
	_ = Pause(ctx, min(limit, 20*time.Millisecond))
}

// peerLeft has no means here to look past unread bytes.
func peerLeft(net.Conn) bool { return false }

// cork has no common means here: what is sent leaves in packets of its own.
func cork(*net.TCPConn) error { return nil }
