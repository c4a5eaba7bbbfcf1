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
	"regexp"
	"strings"
	"syscall"
	"time"
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
	// Kill asks for the end of the process that serves this connection, by SIGKILL; it may return before it comes.
	Kill() error
	// EatMemory allocates until the kernel's out-of-memory killer ends the process; it returns only on failure.
	EatMemory() error
}

// Session is one script's hold on a connection: the raw bytes, the parsed request and what the upstream lends it.
type Session struct {
	Net  net.Conn
	R    *bufio.Reader
	Host Host
	// ParkFrom is the wait from which a script gives the connection up meanwhile, with [*Parked]; 0: never.
	ParkFrom time.Duration
	// Read reads what is still unread of the current request, head and body; idempotent.
	Read func() error
	// ReadHead reads the head only.
	ReadHead func() error
	// Hello reads the peer's TLS ClientHello, unless that is done, and leaves it for Secure.
	Hello func() error
	// Secure does a TLS handshake and makes Net and R go through it; it calls Fired when the certificate is about to be sent.
	Secure func(*Session, TLS) error
	// Respond writes a well-formed answer with the provenance fields.
	Respond func(status int, body string) error
	// Fired is told when the fault takes effect; it may be nil.
	Fired func()
	// Stream gives the number that frames or records of the current request carry; nil where the protocol has none.
	Stream func() uint32
	// Abandon says that the rest of the current request does not matter; nil where Stream is.
	Abandon func()
	// Vars gives the value of ${name} at run time, such as sentinel.
	Vars func(name string) (string, bool)
	// Trace is told every run of bytes sent; it may be nil.
	Trace func(sent []byte)
	// PeerClosed is told once when the peer's FIN or RST is seen while a script waits; it may be nil.
	PeerClosed func(how How)

	peerGone bool
	corked   bool   // what is sent is held, see [Cork]
	held     []byte // until the connection ends
}

var variable = regexp.MustCompile(`\$\{[a-z][a-z0-9-]*\}`)

// Expand replaces ${name} by what value gives for it; names that it does not know, and all other text, stay as they are.
func Expand(text string, value func(name string) (string, bool)) string {
	return variable.ReplaceAllStringFunc(text, func(ref string) string {
		if v, ok := value(ref[2 : len(ref)-1]); ok {
			return v
		}
		return ref
	})
}

// expand puts the run-time values into text.
func (s *Session) expand(text string) string {
	if s.Vars == nil || !strings.Contains(text, "${") {
		return text
	}
	return Expand(text, s.Vars)
}

// Write sends b.
func (s *Session) Write(b []byte) error {
	n, err := len(b), error(nil)
	if s.corked {
		s.held = append(s.held, b...)
	} else {
		n, err = s.Net.Write(b)
	}
	if s.Trace != nil && n > 0 {
		s.Trace(b[:n])
	}
	return s.ended(err)
}

// Fire says that the fault takes effect now.
func (s *Session) Fire() {
	if s.Fired != nil {
		s.Fired()
	}
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
	var until time.Time
	if d >= 0 {
		until = time.Now().Add(d)
	}
	err := s.peekUntil(ctx, until)
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

// peekUntil gives the error that ends reading: the peer's close, or the deadline. What the peer sends meanwhile stays in
// the reader; once that is full, the kernel is asked now and then whether the peer is still there.
func (s *Session) peekUntil(ctx context.Context, until time.Time) (err error) {
	s.readUntil(ctx, until, func() {
		for err == nil && s.R.Buffered() < s.R.Size() {
			_, err = s.R.Peek(s.R.Buffered() + 1)
		}
		if err == nil {
			err = s.pollPeer(ctx, until)
		}
	})
	return err
}

// readUntil runs read under a deadline, none if until is zero, which comes at once when ctx ends.
func (s *Session) readUntil(ctx context.Context, until time.Time, read func()) {
	_ = s.Net.SetReadDeadline(until)
	stop := context.AfterFunc(ctx, func() { _ = s.Net.SetReadDeadline(time.Unix(1, 0)) })
	read()
	if stop() {
		_ = s.Net.SetReadDeadline(time.Time{})
	}
	if ctx.Err() != nil { // the deadline that ends the connection must stay
		_ = s.Net.SetReadDeadline(time.Unix(1, 0))
	}
}

// pollInterval is how often a peer is looked at that has sent more than is read ahead.
const pollInterval = 200 * time.Millisecond

func (s *Session) pollPeer(ctx context.Context, until time.Time) error {
	for until.IsZero() || time.Now().Before(until) {
		if peerLeft(s.Net) {
			return io.EOF
		}
		wait := pollInterval
		if !until.IsZero() {
			wait = min(wait, time.Until(until))
		}
		if err := Pause(ctx, max(0, wait)); err != nil {
			return err
		}
	}
	return os.ErrDeadlineExceeded
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
