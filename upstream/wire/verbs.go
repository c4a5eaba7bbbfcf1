package wire

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"time"
)

// Step is one verb with its arguments.
type Step interface {
	// Run does the step. An [*Ended] error stops the script: the connection is over.
	Run(ctx context.Context, s *Session) error
	// String is the text form that [Parse] reads.
	String() string
	// weight is how many bytes the step sends at most.
	weight() int
}

// MaxRun is the most bytes one verb sends, and the most a whole script can: 16 MiB, before run-time values and the header
// of answers. MaxWait bounds every delay.
const (
	MaxRun  = 16 << 20
	MaxWait = time.Hour
)

type step struct {
	text  string
	bytes int // sent at most, before run-time values
	run   func(context.Context, *Session) error
}

func (s step) Run(ctx context.Context, c *Session) error { return s.run(ctx, c) }
func (s step) String() string                            { return s.text }
func (s step) weight() int                               { return s.bytes }

// ReadRequest reads the request, head and body, unless that is done already.
func ReadRequest() Step {
	return step{"read-request", 0, func(_ context.Context, s *Session) error { return s.ended(s.Read()) }}
}

// ReadHead reads the request's head and leaves its body unread.
func ReadHead() Step {
	return step{"read-head", 0, func(_ context.Context, s *Session) error { return s.ended(s.ReadHead()) }}
}

// Fire says that the fault takes effect now: the journal's evidence. A script without it fires before the first verb that
// does more than read.
func Fire() Step {
	return step{"fire", 0, func(_ context.Context, s *Session) error {
		s.Fire()
		return nil
	}}
}

// AwaitData waits until the first byte of the request has arrived and leaves it unread.
func AwaitData() Step {
	return step{"await-data", 0, func(ctx context.Context, s *Session) error {
		stop := context.AfterFunc(ctx, func() { _ = s.Net.SetReadDeadline(time.Unix(1, 0)) })
		defer stop()
		_, err := s.R.Peek(1)
		return s.ended(err)
	}}
}

// Send writes text; ${sentinel}, ${stray}, ${endpoint} and ${nonce} are replaced at run time.
func Send(text string) Step {
	return step{"send " + strconv.Quote(text), len(text), func(_ context.Context, s *Session) error {
		return s.Write([]byte(s.expand(text)))
	}}
}

// Fill writes n bytes of filler: lines of 63 letters x, so that any cut shows where it fell.
func Fill(n int) Step {
	return step{"fill " + strconv.Itoa(n), n, func(_ context.Context, s *Session) error { return s.Write(filler(n)) }}
}

// FillLetters writes n letters x without line ends: the value of a huge field.
func FillLetters(n int) Step {
	return step{"fill-letters " + strconv.Itoa(n), n, func(_ context.Context, s *Session) error {
		return s.Write(bytes.Repeat([]byte{'x'}, n))
	}}
}

// FillChunk writes n bytes of filler as one well-formed chunk of the chunked coding (RFC 9112 §7.1).
func FillChunk(n int) Step {
	return step{"fill-chunk " + strconv.Itoa(n), n, func(_ context.Context, s *Session) error {
		return s.Write(fmt.Appendf(nil, "%x\r\n%s\r\n", n, filler(n)))
	}}
}

func filler(n int) []byte {
	line := append(bytes.Repeat([]byte{'x'}, 63), '\n')
	return bytes.Repeat(line, n/len(line)+1)[:n]
}

// Drip writes text one byte at a time, interval apart.
func Drip(text string, interval time.Duration) Step {
	return step{"drip " + strconv.Quote(text) + " " + interval.String(), len(text), func(ctx context.Context, s *Session) error {
		for _, b := range []byte(s.expand(text)) {
			if err := s.Write([]byte{b}); err != nil {
				return err
			}
			if err := s.wait(ctx, interval, false); err != nil {
				return err
			}
		}
		return nil
	}}
}

// Respond writes a well-formed answer with the provenance fields and body; the connection stays open.
func Respond(status int, body string) Step {
	text := "respond " + strconv.Itoa(status)
	if body != "" {
		text += " " + strconv.Quote(body)
	}
	return step{text, len(body) + 256, func(_ context.Context, s *Session) error {
		return s.ended(s.Respond(status, s.expand(body)))
	}}
}

// Sleep lets d pass; a peer that closes meanwhile is noted and does not end it.
func Sleep(d time.Duration) Step {
	return step{"sleep " + d.String(), 0, func(ctx context.Context, s *Session) error { return s.park(ctx, d, false) }}
}

// Stall does nothing until the peer closes or the plan changes. Up to a few KiB that the peer sends are taken from the
// kernel, the rest fills its window.
func Stall() Step {
	return step{"stall", 0, func(ctx context.Context, s *Session) error { return s.park(ctx, -1, true) }}
}

// Fin half-closes: FIN is sent, reading goes on.
func Fin() Step {
	return step{"fin", 0, func(_ context.Context, s *Session) error {
		if err := s.uncork(); err != nil {
			return err
		}
		if w, ok := s.Net.(closeWriter); ok {
			return s.ended(w.CloseWrite())
		}
		return fmt.Errorf("fin: %T cannot be half-closed", s.Net)
	}}
}

// Close sends FIN, drains what the peer still sends, then closes.
func Close() Step {
	return step{"close", 0, func(ctx context.Context, s *Session) error {
		if err := s.uncork(); err != nil {
			return err
		}
		CloseGently(ctx, s.Net)
		return &Ended{By: "us", How: FIN}
	}}
}

// ResetConn closes with RST once everything written has been sent.
func ResetConn() Step {
	return step{"reset", 0, func(ctx context.Context, s *Session) error {
		Reset(ctx, s.Net)
		return &Ended{By: "us", How: RST}
	}}
}

// DropConnection makes the kernel's firewall drop every further packet of this connection.
func DropConnection() Step {
	return step{"drop-connection", 0, func(_ context.Context, s *Session) error {
		return s.Host.DropConnection(s.Net.LocalAddr(), s.Net.RemoteAddr())
	}}
}

// Kill ends the serving process with SIGKILL; only a process endpoint can.
func Kill() Step {
	return step{"kill", 0, func(ctx context.Context, s *Session) error {
		if err := s.Host.Kill(); err != nil {
			return err
		}
		return Pause(ctx, -1)
	}}
}

// EatMemory allocates until the kernel kills the serving process; only a process endpoint can.
func EatMemory() Step {
	return step{"eat-memory", 0, func(ctx context.Context, s *Session) error {
		if err := s.Host.EatMemory(); err != nil {
			return err
		}
		return Pause(ctx, -1)
	}}
}

// repeat runs a block a fixed number of times; its text form is the block between "repeat N" and "end".
type repeat struct {
	n    int
	body Script
}

// Repeat runs body n times.
func Repeat(n int, body ...Step) Step { return repeat{n, body} }

func (r repeat) Run(ctx context.Context, s *Session) error {
	for i := range r.n {
		if err := r.body.run(ctx, s); err != nil {
			return before(err, repeat{r.n - i - 1, r.body})
		}
	}
	return nil
}

func (r repeat) weight() int { return r.n * min(r.body.weight(), MaxRun+1) }

func (r repeat) String() string { return fmt.Sprintf("repeat %d\n%s\nend", r.n, r.body) }
