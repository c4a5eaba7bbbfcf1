package upstream

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gatefault/gatefault/upstream/fault"
	"github.com/gatefault/gatefault/upstream/firewall"
	"github.com/gatefault/gatefault/upstream/wire"
)

// conn is one accepted connection.
type conn struct {
	ep        *Endpoint
	tcp       socket
	net       net.Conn             // what is spoken on: tcp, or TLS over it
	hello     *tls.ClientHelloInfo // the peer's, once read
	helloSize int                  // bytes of its record
	id        uint64               // number in the journal
	seq       uint64               // number on this endpoint, for plans
	n         int                  // requests so far
	remote    string
	r         *bufio.Reader
	out       []byte // reused for answers
	lifetime
	busy    bool                   // a request is under way
	stop    func() bool            // lets the end of ctx pass unnoticed
	parking *parked                // how it is to be parked
	parked  atomic.Pointer[parked] // how it is parked
	drop    *dropped               // set by a script that had the kernel drop our packets
	dialect dialect                // nil for HTTP/1
}

// dropped is a firewall rule of one connection and the event that will tell what it saw.
type dropped struct {
	rule  *firewall.Rule
	event Event
}

// socket is what a connection was accepted on: TCP, or a unix socket.
type socket interface {
	net.Conn
	CloseWrite() error
	SetLinger(seconds int) error
}

func newConn(ep *Endpoint, c socket) *conn {
	cn := &conn{ep: ep, tcp: c, net: c, id: ep.up.conns.Add(1), seq: ep.seen.Add(1), remote: c.RemoteAddr().String()}
	cn.begin()
	cn.r = new(bufio.Reader)
	cn.borrow()
	return cn
}

// serve runs the connection to its end, or until it is parked.
func (c *conn) serve() {
	c.stop = context.AfterFunc(c.ctx, c.interrupt)
	c.conclude(c.run())
}

// interrupt makes a connection whose time is over notice that.
func (c *conn) interrupt() {
	_ = c.tcp.SetDeadline(time.Unix(1, 0))
	if p := c.parked.Load(); p != nil {
		p.wake()
	}
}

// conclude ends the connection and journals that, or parks it.
func (c *conn) conclude(end *wire.Ended) {
	for end == leaves {
		p := c.parking
		if p.leave() == nil {
			return
		}
		end = c.resume(p)
	}
	c.finish(end)
	c.journal(Event{Kind: Closed, By: end.By, How: string(end.How)})
	c.stop()
	c.cancel()
	c.giveBack()
	c.over()
}

// finish closes the socket unless a script did, and journals what a firewall rule of this connection saw.
func (c *conn) finish(end *wire.Ended) {
	switch {
	case end.How == wire.Aborted && c.busy:
		_ = c.tcp.SetLinger(0)
	case end.How == wire.Aborted && c.dialect != nil:
		c.bow()
	}
	_ = c.tcp.Close()
	if c.drop != nil {
		if err := c.ep.journalHits(c.drop.rule, c.drop.event); err != nil {
			c.ep.up.log.Warn("connection's firewall rule", "err", err)
		}
	}
}

// bowTime is how long an idle peer may take to notice that we closed.
const bowTime = 2 * time.Second

// bow closes an idle connection of the peer's pool and waits until the peer has closed it too: then it will send no more
// requests on it. HTTP/1 needs it less, for there an answer can say that it is the last.
func (c *conn) bow() {
	_ = c.tcp.SetDeadline(time.Now().Add(bowTime))
	if c.tcp.CloseWrite() == nil {
		_, _ = io.Copy(io.Discard, c.tcp)
	}
}

// run serves requests until the connection is over and tells how it ended.
func (c *conn) run() *wire.Ended {
	if r := c.decideAccept(); r != nil {
		if end := c.inject(r, &request{}); end != nil {
			return end
		}
	}
	return protocols[c.ep.speaks](c)
}

// decideAccept journals the connection and gives the rule that breaks it before anything is read.
func (c *conn) decideAccept() *rule {
	r := c.ep.plan.Load().decide(fault.Accept, c.seq, 0, nil)
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
	c.idle.Store(c.n > 0)
	if c.n > 0 && c.ep.draining.Load() {
		return &wire.Ended{By: "us", How: wire.FIN}
	}
	if err := c.awaitRequest(); err != nil {
		return c.badRequest(err)
	}
	c.idle.Store(false)
	c.busy = true
	plan := c.ep.plan.Load() // after the first byte: a plan set before it counts
	q.reset()
	if err := c.readHead(q); err != nil {
		return c.badRequest(err)
	}
	r, err := c.decide(plan, q)
	if err != nil {
		return c.refuse(q, http.StatusBadRequest, err)
	}
	if r == nil {
		return c.healthy(q)
	}
	c.journalRequest(q, &Event{Fault: r.fault.Name, Rule: r.number})
	return c.inject(r, q)
}

func (c *conn) decide(plan *compiled, q *request) (*rule, error) {
	if c.ep.inBand {
		if r, err := inBand(q, c.ep.speaks); r != nil || err != nil {
			return r, err
		}
	}
	return plan.decide(fault.Request, c.seq, c.n, q), nil
}

func (c *conn) healthy(q *request) *wire.Ended {
	if err := c.readBody(q); err != nil {
		return c.badRequest(err)
	}
	err := c.respond(q, http.StatusOK, "ok\n")
	c.journalRequest(q, &Event{Status: http.StatusOK, Bytes: int64(len(c.out))})
	return c.answered(q, err)
}

// refuse answers a request that cannot be served, whose rest may be unread, and closes.
func (c *conn) refuse(q *request, status int, why error) *wire.Ended {
	q.spoiled = true
	return c.answered(q, c.respond(q, status, clip(why.Error(), maxDetail)+"\n"))
}

func (c *conn) answered(q *request, err error) *wire.Ended {
	if err != nil {
		return c.ended(err)
	}
	if c.dialect != nil {
		c.dialect.finish()
	}
	if q.head.ConnectionClose() || q.spoiled || c.ep.draining.Load() {
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
	return c.refuse(&request{}, bad.status, bad)
}

// inject runs a rule's fault; nil means that the connection lives on.
func (c *conn) inject(r *rule, q *request) *wire.Ended {
	s := c.session(r, q)
	if r.handler != nil && (r.script == nil || c.n == 0) {
		return c.injected(r, q, s, r.handler(c.ctx, s))
	}
	if c.dialect == nil && c.net == net.Conn(c.tcp) {
		s.ParkFrom = parkFrom
	}
	return c.injected(r, q, s, r.script.Run(c.ctx, s))
}

// injected goes on after a fault, or parks the connection in the middle of it.
func (c *conn) injected(r *rule, q *request, s *wire.Session, err error) *wire.Ended {
	var end *wire.Ended
	var away *wire.Parked
	switch {
	case errors.As(err, &away):
		c.parking = &parked{c: c, rule: r, request: q, session: s, how: away}
		return leaves
	case errors.As(err, &end):
		return end
	case err != nil:
		return c.scriptFailed(err)
	case c.n == 0: // nothing was read: the first request is still to come
		return nil
	}
	if err := c.readBody(q); err != nil { // else it would be taken for the next request
		return c.ended(err)
	}
	return c.answered(q, nil)
}

func (c *conn) scriptFailed(err error) *wire.Ended {
	if end := c.ended(err); end.By == "peer" || c.ctx.Err() != nil {
		return end
	}
	c.journal(Event{Kind: Failed, Detail: err.Error()})
	return &wire.Ended{By: "us", How: wire.Aborted}
}

func (c *conn) session(r *rule, q *request) *wire.Session {
	tell := func(e Event) {
		e.Fault, e.Rule = r.fault.Name, r.number
		c.journalOf(q, &e)
	}
	s := &wire.Session{
		Net: c.net, R: c.r, Host: host{c, r, q},
		Read:     func() error { return c.readAll(q) },
		ReadHead: func() error { return c.readHead(q) },
		Hello:    c.readHello,
		Secure: func(s *wire.Session, how wire.TLS) error {
			err := c.handshake(how, s.Fired)
			s.Net, s.R, s.ParkFrom = c.net, c.r, 0
			return err
		},
		Respond: func(status int, body string) error { return c.respond(q, status, body) },
		Fired:   func() { tell(Event{Kind: Fired}) },
		Vars:    func(name string) (string, bool) { return c.variable(name, q) },
		Trace: func(sent []byte) {
			tell(Event{Kind: SentBytes, Bytes: int64(len(sent)), Sample: bytes.Clone(sent[:min(len(sent), maxSample)])})
		},
		PeerClosed: func(how wire.How) { c.journal(Event{Kind: PeerClosed, By: "peer", How: string(how)}) },
	}
	if c.dialect != nil {
		s.Stream, s.Abandon = c.dialect.stream, c.dialect.abandon
	}
	return s
}

// variable gives the run-time values of scripts.
func (c *conn) variable(name string, q *request) (string, bool) {
	switch name {
	case "endpoint":
		return c.ep.id, true
	case "nonce":
		return c.nonce(), true
	case "sentinel":
		return string(c.sentinel(nil)), true
	case "websocket-accept":
		return websocketAccept(q.field("Sec-WebSocket-Key")), true
	case "stray":
		return strings.TrimSuffix(string(c.sentinel(nil)), "\r\n") + StrayMark + "\r\n", true
	}
	return "", false
}

// websocketAccept proves that a handshake was understood (RFC 6455 §4.2.2).
func websocketAccept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// nonce is unique to one answer and tells connection and request.
func (c *conn) nonce() string { return string(c.appendNonce(nil)) }

func (c *conn) appendNonce(b []byte) []byte {
	b = append(append(b, c.ep.up.boot...), '-')
	b = append(strconv.AppendUint(b, c.id, 10), '-')
	return strconv.AppendInt(b, int64(c.n), 10)
}

// ended tells from a network error who ended the connection and how.
func (c *conn) ended(err error) *wire.Ended {
	var end *wire.Ended
	switch {
	case errors.As(err, &end):
		return end
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), alertOf(err) != "":
		return &wire.Ended{By: "peer", How: wire.FIN}
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return &wire.Ended{By: "peer", How: wire.RST}
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, net.ErrClosed):
		return &wire.Ended{By: "us", How: wire.Aborted}
	}
	c.ep.up.log.Debug("connection", "endpoint", c.ep.id, "err", err)
	return &wire.Ended{By: "us", How: wire.Aborted}
}
