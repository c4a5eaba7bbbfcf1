package upstream

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// tap serves an endpoint by passing every byte on to another address, both ways, and journals what went where. It breaks
// nothing: FIN, RST and silence pass as they are.
type tap struct {
	ep   *Endpoint
	l    *net.TCPListener
	done chan struct{} // closed when the accept loop is over

	mu     sync.Mutex // guards what follows
	conns  openConns
	closed bool
}

// Who sent what passed a tap.
const (
	ByClient = "client"
	ByServer = "server"
)

func startTap(ep *Endpoint) (server, error) {
	l, err := listenTCP(net.TCPAddrFromAddrPort(ep.addr))
	if err != nil {
		return nil, err
	}
	t := &tap{ep: ep, l: l, conns: openConns{}, done: make(chan struct{})}
	bound := l.Addr().(*net.TCPAddr).AddrPort()
	ep.settle(netip.AddrPortFrom(bound.Addr().Unmap(), bound.Port()))
	go t.accept()
	return t, nil
}

// accept ends when the tap is closed.
func (t *tap) accept() {
	defer close(t.done)
	for {
		c, err := t.l.AcceptTCP()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			t.take(c)
			continue
		}
		t.ep.up.log.Warn("accept", "endpoint", t.ep.id, "err", err)
		time.Sleep(10 * time.Millisecond) // out of descriptors: the kernel gives no event when some are free
	}
}

func (t *tap) take(c *net.TCPConn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || len(t.conns) >= t.ep.up.opts.MaxConns {
		_ = c.Close()
		return
	}
	cn := &tapped{ep: t.ep, id: t.ep.up.conns.Add(1), remote: c.RemoteAddr().String()}
	cn.begin()
	t.conns.run(t.ep, &t.mu, &cn.lifetime, func() {
		cn.serve(c)
		cn.over()
	})
}

// tapped is one connection that passes a tap.
type tapped struct {
	ep     *Endpoint
	id     uint64
	remote string
	lifetime
}

// dialTimeout bounds the tap's own connection attempt: longer than any gateway's.
const dialTimeout = 30 * time.Second

func (c *tapped) serve(client *net.TCPConn) {
	defer c.cancel()
	defer client.Close()
	c.journal(Event{Kind: Accepted})
	dialer := net.Dialer{Timeout: dialTimeout}
	conn, err := dialer.DialContext(c.ctx, "tcp", c.ep.target)
	if err != nil {
		_ = client.SetLinger(0)
		c.journal(Event{Kind: Failed, Detail: err.Error()})
		return
	}
	behind := conn.(*net.TCPConn)
	defer behind.Close()
	stop := context.AfterFunc(c.ctx, func() {
		_ = client.Close()
		_ = behind.Close()
	})
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() { c.relay(ByClient, client, behind) })
	wg.Go(func() { c.relay(ByServer, behind, client) })
	wg.Wait()
}

// relay passes on what one side sends, to its FIN or RST, which it passes on as well.
func (c *tapped) relay(by string, from, to *net.TCPConn) {
	b := make([]byte, 16<<10)
	for {
		n, err := from.Read(b)
		if n > 0 {
			c.journal(Event{Kind: Relayed, By: by, Bytes: int64(n), Sample: append([]byte(nil), b[:min(n, maxSample)]...)})
			if _, werr := to.Write(b[:n]); werr != nil {
				return
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			c.journal(Event{Kind: Closed, By: by, How: "fin"})
			_ = to.CloseWrite()
			return
		case err != nil:
			if c.ctx.Err() == nil {
				c.journal(Event{Kind: Closed, By: by, How: "rst"})
			}
			_ = to.SetLinger(0)
			c.cancel()
			return
		}
	}
}

func (c *tapped) journal(e Event) {
	e.Endpoint, e.Conn, e.Remote = c.ep.id, c.id, c.remote
	e.Detail = clip(e.Detail, maxDetail)
	c.ep.up.journal.Add(e)
}

func (t *tap) apply(ctx context.Context, _ *compiled, existing Existing) error {
	if existing == CloseExisting {
		return t.closeConns(ctx)
	}
	return nil
}

func (t *tap) closeConns(ctx context.Context) error { return t.conns.end(ctx, t.ep, &t.mu, every) }

var errTap = errors.New("only records what passes (kind: tap)")

func (t *tap) refuse() error     { return errTap }
func (t *tap) listen() error     { return errTap }
func (t *tap) stop(string) error { return errTap }
func (t *tap) resume() error     { return errTap }

func (t *tap) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	_ = t.l.Close()
	<-t.done
	_ = t.closeConns(context.Background())
}
