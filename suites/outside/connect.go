package outside

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"
)

// Connection is an attempt at one address.
type Connection struct {
	Address string        `json:"address"`
	Took    time.Duration `json:"took"`
	Error   string        `json:"error,omitempty"`
}

// connect tries every address, since users may meet any of them, and gives the first connection that stands.
func (l *look) connect(ctx context.Context, v *Visit, addrs []netip.Addr, port string) (first net.Conn) {
	var worst error
	var failed []string
	for i, addr := range addrs {
		if i == maxAddresses || ctx.Err() != nil {
			break
		}
		address := net.JoinHostPort(addr.String(), port)
		conn, took, err := l.dial(ctx, address)
		c := Connection{Address: address, Took: took}
		switch {
		case err != nil:
			c.Error, worst = err.Error(), err
			failed = append(failed, address+": "+reason(err))
		case first == nil:
			first = conn
		default:
			_ = conn.Close()
		}
		v.Connections = append(v.Connections, c)
	}
	switch {
	case worst == nil || ctx.Err() != nil:
	case first != nil && noRoute(failed):
	case first != nil:
		l.find("one-address-fails", strings.Join(failed, "; "))
	case errors.Is(worst, syscall.ECONNREFUSED):
		l.find("connect-refused", strings.Join(failed, "; "))
	case timeout(worst):
		l.find("connect-timeout", strings.Join(failed, "; "))
	default:
		l.find("connect-unreachable", strings.Join(failed, "; "))
	}
	return first
}

// noRoute tells whether all that failed is that this machine itself has no IPv6, which says nothing of the site.
func noRoute(failed []string) bool {
	for _, f := range failed {
		if !strings.HasPrefix(f, "[") || !strings.Contains(f, syscall.ENETUNREACH.Error()) && !strings.Contains(f, syscall.EADDRNOTAVAIL.Error()) {
			return false
		}
	}
	return true
}

func (l *look) dial(ctx context.Context, address string) (net.Conn, time.Duration, error) {
	began := time.Now()
	d := net.Dialer{Timeout: l.Timeout}
	conn, err := d.DialContext(ctx, "tcp", address)
	return conn, time.Since(began), err
}

// reason is the innermost part of an error of the network.
func reason(err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		var sys syscall.Errno
		if errors.As(err, &sys) {
			return sys.Error()
		}
		return fmt.Sprint(op.Err)
	}
	return err.Error()
}
