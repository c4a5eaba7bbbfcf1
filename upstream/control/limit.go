package control

import (
	"net"
	"sync"
)

// limited is a listener that accepts no more connections while a number of them is open. Unlike the one of
// golang.org/x/net/netutil it hands out TCP connections that can be half-closed, which net/http needs to refuse a
// request without a RST that would destroy its answer on the way.
type limited struct {
	*net.TCPListener
	slots chan struct{} // one token for each open connection
	done  chan struct{} // closed by Close
	once  sync.Once
}

// Limit makes a listener accept no more connections while n of them are open.
func Limit(l *net.TCPListener, n int) net.Listener {
	return &limited{TCPListener: l, slots: make(chan struct{}, n), done: make(chan struct{})}
}

// Accept waits for a free slot, then for a connection.
func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.done:
		return nil, net.ErrClosed
	}
	c, err := l.AcceptTCP()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &limitedConn{TCPConn: c, release: sync.OnceFunc(func() { <-l.slots })}, nil
}

// Close also ends an Accept that waits for a slot.
func (l *limited) Close() error {
	l.once.Do(func() { close(l.done) })
	return l.TCPListener.Close()
}

// limitedConn gives its slot back when it is closed.
type limitedConn struct {
	*net.TCPConn
	release func()
}

func (c *limitedConn) Close() error {
	defer c.release()
	return c.TCPConn.Close()
}
