// Package wire holds the verbs a fault script is made of: read, send, drip, sleep, close, reset, stall and so on.
//
// A [Script] owns the raw connection of one request. Every verb has a text form, one a line, so that a script can be
// written as data: in a scenario, in a call to the control API, or by hand.
package wire

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
)

// How a connection ended.
type How string

// Ways a connection ends.
const (
	FIN     How = "fin"
	RST     How = "rst"
	Aborted How = "aborted" // by a plan change or the upstream's own shutdown
)

// Ended is the error that stops a script because its connection is over.
type Ended struct {
	By  string // "us" or "peer"
	How How
}

func (e *Ended) Error() string { return "connection ended by " + e.By + " with " + string(e.How) }

// Host does what a script asks for outside its own connection. The upstream implements it.
type Host interface {
	// DropConnection makes the kernel drop all further packets of this connection, both ways.
	DropConnection(local, remote net.Addr) error
	// Kill ends the process that serves this connection with SIGKILL; it returns only on failure.
	Kill() error
	// EatMemory allocates until the kernel's out-of-memory killer ends the process; it returns only on failure.
	EatMemory() error
}

// Session is one script's hold on a connection: the raw bytes, the parsed request and what the upstream lends it.
type Session struct {
	Net  net.Conn
	R    *bufio.Reader
	Head *fasthttp.RequestHeader // the request's head, filled by ReadRequest
	Host Host
	// Read reads what is still unread of the current request, head and body; idempotent.
	Read func() error
	// ReadHead reads the head only.
	ReadHead func() error
	// Respond writes a well-formed answer with the provenance fields.
	Respond func(status int, fields, body string) error
	// Vars gives the value of ${name} at run time, such as sentinel.
	Vars func(name string) (string, bool)
	// Trace is told every run of bytes sent; it may be nil.
	Trace func(sent []byte)
	// PeerClosed is told once when the peer's FIN or RST is seen while a script waits; it may be nil.
	PeerClosed func(how How)

	Sent     int64
	peerGone bool
}

// Expand replaces ${name} by its run-time value; unknown names stay as they are.
func (s *Session) Expand(text string) string {
	if s.Vars == nil || !strings.Contains(text, "${") {
		return text
	}
	return os.Expand(text, func(name string) string {
		if v, ok := s.Vars(name); ok {
			return v
		}
		return "${" + name + "}"
	})
}

// Write sends b and counts it.
func (s *Session) Write(b []byte) error {
	n, err := s.Net.Write(b)
	s.Sent += int64(n)
	if s.Trace != nil && n > 0 {
		s.Trace(b[:n])
	}
	return s.ended(err)
}

// ended turns a network error into Ended where it tells how the connection ended.
func (s *Session) ended(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF):
		return &Ended{By: "peer", How: FIN}
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return &Ended{By: "peer", How: RST}
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, net.ErrClosed):
		return &Ended{By: "us", How: Aborted}
	}
	return err
}

// wait lets d pass (for ever when d < 0) and watches the peer meanwhile. It returns early when ctx ends, and, if
// untilPeer is set, when the peer closes.
func (s *Session) wait(ctx context.Context, d time.Duration, untilPeer bool) error {
	start := time.Now()
	if !s.peerGone {
		if err := s.watchPeer(ctx, d, untilPeer); err != nil {
			return err
		}
	}
	if d >= 0 {
		d = max(0, d-time.Since(start))
		if d == 0 {
			return ctxEnded(ctx)
		}
	} else if untilPeer && s.peerGone {
		return &Ended{By: "peer", How: FIN}
	}
	return Pause(ctx, d)
}

// watchPeer reads ahead, without consuming, until d has passed, the peer closes or ctx ends.
func (s *Session) watchPeer(ctx context.Context, d time.Duration, untilPeer bool) error {
	if d >= 0 {
		_ = s.Net.SetReadDeadline(time.Now().Add(d))
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Net.SetReadDeadline(time.Unix(1, 0)) })
	defer func() {
		if stop() {
			_ = s.Net.SetReadDeadline(time.Time{})
		}
	}()
	_, err := s.R.Peek(min(s.R.Buffered()+1, s.R.Size()))
	if ctx.Err() != nil {
		return &Ended{By: "us", How: Aborted}
	}
	var end *Ended
	if !errors.As(s.ended(err), &end) || end.By != "peer" {
		return nil
	}
	s.peerGone = true
	if s.PeerClosed != nil {
		s.PeerClosed(end.How)
	}
	if untilPeer || end.How == RST {
		return end
	}
	return nil
}

func ctxEnded(ctx context.Context) error {
	if ctx.Err() != nil {
		return &Ended{By: "us", How: Aborted}
	}
	return nil
}

// Pause lets d pass, for ever when it is negative; it ends early with [*Ended] when ctx does.
func Pause(ctx context.Context, d time.Duration) error {
	if d < 0 {
		<-ctx.Done()
		return &Ended{By: "us", How: Aborted}
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return &Ended{By: "us", How: Aborted}
	}
}
