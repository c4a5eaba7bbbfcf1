package upstream

import (
	"fmt"
	"net"
)

// host is what scripts of a connection can ask for.
type host struct {
	c *conn
	r *rule
	q *request
}

func (h host) DropConnection(local, remote net.Addr) error {
	c := h.c
	switch {
	case c.drop != nil:
		return nil
	case c.ep.up.fw == nil:
		return fmt.Errorf("drop-connection is %w: %w", ErrUnsupported, c.ep.up.fwErr)
	}
	from, ok := local.(*net.TCPAddr)
	if !ok {
		return fmt.Errorf("drop-connection is %w: a unix socket has no packets", ErrUnsupported)
	}
	l, r := from.AddrPort(), remote.(*net.TCPAddr).AddrPort()
	rule, err := c.ep.up.fw.ArmConn(l, r)
	if err != nil {
		return err
	}
	c.drop = &dropped{rule, Event{Conn: c.id, Request: c.n, Remote: c.remote, Fault: h.r.fault.Name,
		Method: clip(h.q.method(), maxMethod), Target: clip(h.q.target(), maxTarget)}}
	return nil
}

func (h host) Kill() error {
	if h.c.ep.up.child == nil {
		return fmt.Errorf("kill: %w", errNoProcess)
	}
	h.c.ep.up.child.tell(report{Kill: true})
	return nil
}

func (h host) EatMemory() error {
	if h.c.ep.up.child == nil {
		return fmt.Errorf("eat-memory: %w", errNoProcess)
	}
	return h.c.ep.up.child.eatMemory(h.c.ctx)
}
