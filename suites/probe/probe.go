// Package probe is the client of the experiments. It speaks HTTP/1.1 over TCP
// or TLS and keeps every byte that comes back, with its time, and how the
// connection ended, which an ordinary HTTP client hides.
package probe

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

const (
	// DefaultPatience is Options.Patience unless it is set.
	DefaultPatience = 10 * time.Second
	// DefaultMaxBytes is Options.MaxBytes unless it is set.
	DefaultMaxBytes = 8 << 20

	// lookOn is how long the probe reads on after bytes that are no HTTP, to
	// see how they end.
	lookOn = 300 * time.Millisecond
	// bufferSize also bounds the length of a status line.
	bufferSize = 32 << 10
)

// ErrSpent is the Exchange.Err of a request on a connection whose last answer
// left it unusable: not whole, announced as the last one, or followed by excess.
var ErrSpent = errors.New("the connection cannot carry another request")

// Options are how the probe dials and how long it waits.
type Options struct {
	// Patience is how long one whole exchange may take, dialing included.
	Patience time.Duration
	// MaxBytes bounds what is received, and so the memory, of one exchange.
	MaxBytes int64
	// LocalAddr is the address to dial from; the zero value leaves the choice
	// to the kernel, as does port 0.
	LocalAddr netip.AddrPort
	// TLS, if set, is spoken over the connection.
	TLS *TLSOptions
	// Dial, if set, makes the connection, over TCP; LocalAddr is not used then.
	// It is for gateways that only others can reach.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Do sends one request over a connection of its own, which it closes.
// Whatever goes wrong stands in the Exchange.
func Do(ctx context.Context, addr string, req Request, opts Options) Exchange {
	start := time.Now()
	conn, err := dial(ctx, addr, opts, start)
	if err != nil {
		return Exchange{Start: start, Done: time.Since(start), End: EndDialError, Err: err}
	}
	defer conn.Close()
	return conn.Do(ctx, req)
}

// Conn is a client connection for one request after another. It must not be
// used by two goroutines at once.
type Conn struct {
	conn    net.Conn
	tls     *secured // conn, if it speaks TLS
	addr    string
	opts    Options
	in      *bufio.Reader
	src     *recorder
	dialing time.Time     // start of the first exchange; zero afterwards
	dialed  time.Duration // likewise
	spent   bool
	stuck   bool // the peer did not take all that was sent
}

// Dial connects to addr ("host:port") within opts.Patience. A handshake of TLS
// is part of the first exchange.
func Dial(ctx context.Context, addr string, opts Options) (*Conn, error) {
	return dial(ctx, addr, opts, time.Now())
}

func dial(ctx context.Context, addr string, opts Options, start time.Time) (*Conn, error) {
	opts.Patience = cmp.Or(opts.Patience, DefaultPatience)
	opts.MaxBytes = cmp.Or(opts.MaxBytes, DefaultMaxBytes)
	conn, err := opts.connect(ctx, addr, start.Add(opts.Patience))
	if err != nil {
		return nil, fmt.Errorf("probe: %w", err)
	}
	c := &Conn{conn: conn, addr: addr, opts: opts, dialing: start, dialed: time.Since(start)}
	if opts.TLS != nil {
		c.tls = opts.TLS.over(conn)
		c.conn = c.tls
	}
	c.src = &recorder{from: c.conn}
	c.in = bufio.NewReaderSize(c.src, bufferSize)
	return c, nil
}

func (o Options) connect(ctx context.Context, addr string, until time.Time) (net.Conn, error) {
	if o.Dial != nil {
		ctx, cancel := context.WithDeadline(ctx, until)
		defer cancel()
		return o.Dial(ctx, "tcp", addr)
	}
	d := net.Dialer{Deadline: until, KeepAlive: -1}
	if o.LocalAddr.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(o.LocalAddr)
	}
	return d.DialContext(ctx, "tcp", addr)
}

// Close closes the connection.
func (c *Conn) Close() error {
	if c.stuck && c.tls != nil {
		return c.tls.wire.Close() // close_notify would wait for the peer
	}
	return c.conn.Close()
}

// Do sends one request and reads its answer. When ctx ends, so does Do.
func (c *Conn) Do(ctx context.Context, req Request) Exchange {
	ex := c.begin()
	if c.spent {
		ex.End, ex.Err = EndDialError, ErrSpent
		return ex
	}
	c.conn.SetDeadline(ex.Start.Add(c.opts.Patience))
	release := context.AfterFunc(ctx, func() { c.conn.SetDeadline(time.Unix(1, 0)) })
	var reusable bool
	var sendErr error
	if c.secure(&ex) {
		reusable, sendErr = c.exchange(ctx, req, &ex)
	}
	c.stuck = sendErr != nil
	c.spent = !release() || !reusable || c.stuck
	ex.Done, ex.Chunks = time.Since(ex.Start), c.src.chunks
	if len(ex.Chunks) > 0 {
		ex.FirstByte = ex.Chunks[0].At
	}
	c.conclude(ctx, &ex, sendErr)
	return ex
}

// maxWrote bounds what an exchange keeps of its request.
const maxWrote = 1 << 10

// exchange sends the request and reads the answer at the same time.
func (c *Conn) exchange(ctx context.Context, req Request, ex *Exchange) (reusable bool, sendErr error) {
	request := req.encode(c.addr)
	ex.Wrote = bytes.Clone(request[:min(len(request), maxWrote)])
	sender := c.send(request, ex.Start)
	reusable = parser{in: c.in, src: c.src, ex: ex, upgrade: req.upgrades()}.run(req.method())
	if ex.Malformed != "" && c.src.err == nil {
		c.readOn(ctx, ex.Start)
	}
	sendErr = sender.stop()
	ex.Sent = sender.sent
	return reusable, sendErr
}

// begin starts the record of one exchange.
func (c *Conn) begin() Exchange {
	ex := Exchange{Start: c.dialing, Dialed: c.dialed, Local: addrPort(c.conn.LocalAddr()), Remote: addrPort(c.conn.RemoteAddr())}
	if ex.Start.IsZero() {
		ex.Start = time.Now()
	}
	c.dialing, c.dialed = time.Time{}, 0
	c.src.start, c.src.left, c.src.chunks = ex.Start, c.opts.MaxBytes, nil
	return ex
}

func addrPort(a net.Addr) netip.AddrPort {
	tcp := a.(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(tcp.Addr().Unmap(), tcp.Port())
}

// readOn records what follows after bytes that are no HTTP, for a moment.
func (c *Conn) readOn(ctx context.Context, start time.Time) {
	until := time.Now().Add(lookOn)
	if last := start.Add(c.opts.Patience); last.Before(until) {
		until = last
	}
	c.conn.SetReadDeadline(until)
	if ctx.Err() == nil { // its end may have come before the new deadline
		io.Copy(io.Discard, c.src)
	}
}

// conclude says how the exchange ended.
func (c *Conn) conclude(ctx context.Context, ex *Exchange, sendErr error) {
	ex.End = endOf(c.src.err)
	switch {
	case ex.Complete && ex.Framing != FramingClose:
		ex.End = EndComplete
	case ex.End == EndTimeout && ctx.Err() != nil:
		ex.End, ex.Err = EndCanceled, context.Cause(ctx)
	case ex.End == EndTimeout && ex.Malformed != "", c.src.err == nil:
		ex.End = EndMalformed
	case ex.End == EndFIN && errors.Is(sendErr, syscall.ECONNRESET):
		// The kernel reports a RST once, to whoever asks first. The sender did,
		// and left only the end of file to the reader.
		ex.End, ex.Complete = EndReset, false
	case ex.End == EndError && c.tls != nil:
		c.concludeTLS(ex)
	case ex.End == EndLimit, ex.End == EndError:
		ex.Err = c.src.err
	}
}

// endOf names what ended the reading.
func endOf(err error) End {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, errCut):
		return EndFIN
	case errors.Is(err, syscall.ECONNRESET):
		return EndReset
	case errors.Is(err, os.ErrDeadlineExceeded):
		return EndTimeout
	case errors.Is(err, errLimit):
		return EndLimit
	default:
		return EndError
	}
}
