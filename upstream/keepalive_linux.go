package upstream

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// keepAlive has the kernel look after connections as net does by default, and sets that once, on the socket that listens: those
// that it accepts inherit it (tcp(7)), which saves four system calls on each.
func keepAlive(_, _ string, c syscall.RawConn) error {
	var failed error
	err := c.Control(func(fd uintptr) {
		failed = errors.Join(unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1),
			unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 15),
			unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 15),
			unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 9))
	})
	return errors.Join(err, failed)
}

// listening says how sockets are opened.
var listening = listenConfig(-1, keepAlive)
