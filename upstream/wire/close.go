package wire

import (
	"context"
	"io"
	"net"
	"time"
)

// drainLimit bounds how long and how much Close reads from a peer that goes on sending.
const (
	drainLimit = 5 * time.Second
	drainBytes = 64 << 20
)

type closeWriter interface{ CloseWrite() error }

// CloseGently sends FIN, drains what the peer still sends and then closes. Closing a socket with unread bytes would
// send RST instead (RFC 2525 §2.17).
func CloseGently(ctx context.Context, c net.Conn) {
	if w, ok := c.(closeWriter); ok && w.CloseWrite() == nil {
		drain(ctx, c)
	}
	_ = c.Close()
}

func drain(ctx context.Context, c net.Conn) {
	_ = c.SetReadDeadline(time.Now().Add(drainLimit))
	stop := context.AfterFunc(ctx, func() { _ = c.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	_, _ = io.CopyN(io.Discard, c, drainBytes)
}

// Reset waits until the kernel has sent what was written (SIOCOUTQ = 0, at most one second), then closes with RST:
// a reset at once would throw the unsent bytes away.
func Reset(ctx context.Context, c net.Conn) {
	tcp, ok := tcpOf(c)
	if !ok {
		_ = c.Close()
		return
	}
	awaitSent(ctx, tcp, time.Second)
	_ = tcp.SetLinger(0)
	_ = tcp.Close()
}

// tcpOf gives the TCP connection below c, which may be a TLS connection.
func tcpOf(c net.Conn) (*net.TCPConn, bool) {
	if over, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = over.NetConn()
	}
	tcp, ok := c.(*net.TCPConn)
	return tcp, ok
}
