package upstream

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/gatefault/gatefault/upstream/fault"
	"github.com/gatefault/gatefault/upstream/firewall"
	"github.com/gatefault/gatefault/upstream/wire"
)

// conn is one accepted connection.
type conn struct {
	ep     *Endpoint
	net    *net.TCPConn
	id     uint64
	n      int // requests so far
	remote string
	r      *bufio.Reader
	out    []byte // reused for answers
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{} // closed when it is over
	busy   bool          // a request is under way
	drop   *dropped      // set by a script that had the kernel drop our packets
}

// dropped is a firewall rule of one connection and the event that will tell what it saw.
type dropped struct {
	rule  *firewall.Rule
	event Event
}

// readBuffer holds usual heads; maxHead is the largest head taken.
const (
	readBuffer = 4 << 10
	maxHead    = 64 << 10
)

func newConn(ep *Endpoint, c *net.TCPConn) *conn {
	cn := &conn{ep: ep, net: c, id: ep.up.conns.Add(1), remote: c.RemoteAddr().String(), done: make(chan struct{})}
	cn.ctx, cn.cancel = context.WithCancel(context.Background())
	cn.r = bufio.NewReaderSize(c, readBuffer)
	return cn
}

// serve runs the connection to its end, which it journals.
func (c *conn) serve() {
	defer c.cancel()
	stop := context.AfterFunc(c.ctx, func() { _ = c.net.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	end := c.run()
	c.finish(end)
	c.journal(Event{Kind: Closed, By: end.By, How: string(end.How)})
}

// finish closes the socket unless a script did, and journals what a firewall rule of this connection saw.
func (c *conn) finish(end *wire.Ended) {
	if end.How == wire.Aborted && c.busy {
		_ = c.net.SetLinger(0)
	}
	_ = c.net.Close()
	if c.drop != nil {
		if err := c.ep.journalHits(c.drop.rule, c.drop.event); err != nil {
			c.ep.up.log.Warn("connection's firewall rule", "err", err)
		}
	}
}

// run serves requests until the connection is over and tells how it ended.
func (c *conn) run() *wire.Ended {
	if r := c.decideAccept(); r != nil {
		if end := c.inject(r, &request{}); end != nil {
			return end
		}
	}
	var q request
	for {
		if end := c.next(&q); end != nil {
			return end
		}
	}
}

// decideAccept journals the connection and gives the rule that breaks it before anything is read.
func (c *conn) decideAccept() *rule {
	r := c.ep.plan.Load().decide(fault.Accept, c.id, 0, nil)
	e := Event{Kind: Accepted}
	if r != nil {
		e.Fault, e.Rule = r.fault.Name, r.number
	}
	c.journal(e)
	return r
}

// next serves one request.
func (c *conn) next(q *request) *wire.Ended {
	c.busy = false
	if _, err := c.r.Peek(1); err != nil {
		return c.ended(err)
	}
	c.busy = true
	plan := c.ep.plan.Load() // after the first byte: a plan set before it counts
	q.reset()
	if err := c.readHead(q); err != nil {
		return c.badRequest(err)
	}
	r, err := c.decide(plan, q)
	if err != nil {
		return c.answer(q, 400, "", err.Error()+"\n")
	}
	if r == nil {
		return c.healthy(q)
	}
	e := c.requestEvent(q)
	e.Fault, e.Rule = r.fault.Name, r.number
	c.journal(e)
	return c.inject(r, q)
}

func (c *conn) decide(plan *compiled, q *request) (*rule, error) {
	if c.ep.inBand {
		if r, err := inBand(q); r != nil || err != nil {
			return r, err
		}
	}
	return plan.decide(fault.Request, c.id, c.n, q), nil
}

func (c *conn) healthy(q *request) *wire.Ended {
	if err := c.readBody(q); err != nil {
		return c.badRequest(err)
	}
	err := c.respond(q, 200, "", "ok\n")
	e := c.requestEvent(q)
	e.Status, e.Bytes = 200, int64(len(c.out))
	c.journal(e)
	return c.answered(q, err)
}

// answer writes a well-formed answer and, if the request wants it, closes.
func (c *conn) answer(q *request, status int, fields, body string) *wire.Ended {
	return c.answered(q, c.respond(q, status, fields, body))
}

func (c *conn) answered(q *request, err error) *wire.Ended {
	if err != nil {
		return c.ended(err)
	}
	if q.head.ConnectionClose() || q.spoiled {
		wire.CloseGently(c.ctx, c.net)
		return &wire.Ended{By: "us", How: wire.FIN}
	}
	return nil
}

// badRequest ends a connection whose request cannot be read, with an answer where one is due.
func (c *conn) badRequest(err error) *wire.Ended {
	var bad *badRequestError
	if !errors.As(err, &bad) {
		return c.ended(err)
	}
	c.journal(Event{Kind: Failed, Detail: bad.Error()})
	return c.answer(&request{spoiled: true}, bad.status, "", bad.Error()+"\n")
}

// inject runs a rule's fault; nil means that the connection lives on.
func (c *conn) inject(r *rule, q *request) *wire.Ended {
	s := c.session(q)
	var err error
	if r.handler != nil {
		err = r.handler(c.ctx, s)
	} else {
		err = r.script.Run(c.ctx, s)
	}
	var end *wire.Ended
	switch {
	case errors.As(err, &end):
		return end
	case err != nil:
		return c.scriptFailed(err)
	case q.head.ConnectionClose() && c.n > 0:
		wire.CloseGently(c.ctx, c.net)
		return &wire.Ended{By: "us", How: wire.FIN}
	}
	return nil
}

func (c *conn) scriptFailed(err error) *wire.Ended {
	if end := c.ended(err); end.By == "peer" || c.ctx.Err() != nil {
		return end
	}
	c.journal(Event{Kind: Failed, Detail: err.Error()})
	return &wire.Ended{By: "us", How: wire.Aborted}
}

func (c *conn) session(q *request) *wire.Session {
	return &wire.Session{
		Net: c.net, R: c.r, Host: host{c, q}, Head: &q.head,
		Read:     func() error { return c.readAll(q) },
		ReadHead: func() error { return c.readHead(q) },
		Respond:  func(status int, fields, body string) error { return c.respond(q, status, fields, body) },
		Vars:     func(name string) (string, bool) { return c.variable(name) },
		Trace: func(sent []byte) {
			e := c.requestEvent(q)
			e.Kind, e.Bytes, e.Sample = SentBytes, int64(len(sent)), append([]byte(nil), sent[:min(len(sent), 256)]...)
			c.journal(e)
		},
		PeerClosed: func(how wire.How) { c.journal(Event{Kind: PeerClosed, By: "peer", How: string(how)}) },
	}
}

// variable gives the run-time values of scripts.
func (c *conn) variable(name string) (string, bool) {
	switch name {
	case "endpoint":
		return c.ep.id, true
	case "nonce":
		return c.nonce(), true
	case "sentinel":
		return string(c.sentinel(nil)), true
	}
	return "", false
}

// nonce is unique to one answer and tells connection and request.
func (c *conn) nonce() string {
	return c.ep.up.boot + "-" + strconv.FormatUint(c.id, 10) + "-" + strconv.Itoa(c.n)
}

// maxTarget bounds what the journal keeps of a request's target.
const maxTarget = 512

// requestEvent starts an event that tells of q.
func (c *conn) requestEvent(q *request) Event {
	target := q.target()
	return Event{Kind: Requested, Method: q.method(), Target: target[:min(len(target), maxTarget)]}
}

func (c *conn) journal(e Event) {
	e.Endpoint, e.Conn, e.Request, e.Remote = c.ep.id, c.id, c.n, c.remote
	c.ep.up.journal.Add(e)
}

// ended tells from a network error who ended the connection and how.
func (c *conn) ended(err error) *wire.Ended {
	var end *wire.Ended
	switch {
	case errors.As(err, &end):
		return end
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &wire.Ended{By: "peer", How: wire.FIN}
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return &wire.Ended{By: "peer", How: wire.RST}
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, net.ErrClosed):
		return &wire.Ended{By: "us", How: wire.Aborted}
	}
	c.ep.up.log.Debug("connection", "endpoint", c.ep.id, "err", err)
	return &wire.Ended{By: "us", How: wire.Aborted}
}

// host is what scripts of a connection can ask for.
type host struct {
	c *conn
	q *request
}

func (h host) DropConnection(local, remote net.Addr) error {
	if h.c.ep.up.fw == nil {
		return fmt.Errorf("drop-connection is %w: %w", ErrUnsupported, h.c.ep.up.fwErr)
	}
	l, r := local.(*net.TCPAddr).AddrPort(), remote.(*net.TCPAddr).AddrPort()
	rule, err := h.c.ep.up.fw.ArmConn(l, r)
	if err != nil {
		return err
	}
	e := h.c.requestEvent(h.q)
	e.Conn, e.Request, e.Remote, e.Fault = h.c.id, h.c.n, h.c.remote, "tcp.drop-established"
	h.c.drop = &dropped{rule, e}
	return nil
}

func (h host) Kill() error {
	if h.c.ep.up.child == nil {
		return fmt.Errorf("kill: %w", errNoProcess)
	}
	return h.c.ep.up.child.askKill()
}

func (h host) EatMemory() error {
	if h.c.ep.up.child == nil {
		return fmt.Errorf("eat-memory: %w", errNoProcess)
	}
	return eatMemory()
}
