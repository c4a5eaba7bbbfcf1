package wire

import (
	"context"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// awaitSent polls SIOCOUTQ (tcp(7)): the bytes the peer has not acknowledged yet. The kernel offers no event for it.
func awaitSent(ctx context.Context, c *net.TCPConn, limit time.Duration) {
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	for end := time.Now().Add(limit); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(100 * time.Microsecond) {
		var unsent int
		var ioctlErr error
		if raw.Control(func(fd uintptr) { unsent, ioctlErr = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) }) != nil {
			return
		}
		if ioctlErr != nil || unsent == 0 {
			return
		}
	}
}

// peerLeft tells whether the peer has closed although we have not read what it sent before (tcp(7), TCP_INFO).
func peerLeft(c net.Conn) bool {
	tcp, ok := tcpOf(c)
	if !ok {
		return false
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return true
	}
	left := false
	err = raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		left = err != nil || info.State == unix.BPF_TCP_CLOSE_WAIT || info.State == unix.BPF_TCP_CLOSE
	})
	return left || err != nil
}

// cork sets TCP_CORK.
func cork(c *net.TCPConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var set error
	if err := raw.Control(func(fd uintptr) { set = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_CORK, 1) }); err != nil {
		return err
	}
	return set
}
