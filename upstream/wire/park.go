package wire

import (
	"context"
	"errors"
	"time"
)

// Parked is the error that stops a script which waits for long, if [Session.ParkFrom] lets it. Who runs the script is to run the
// rest of it at that time, or as soon as the peer sends something or closes; the rest waits until its time comes.
type Parked struct {
	Until time.Time // zero: no time will come
	Rest  Script
}

func (p *Parked) Error() string { return "the script waits" }

// park lets d pass as wait does, or gives the connection up meanwhile.
func (s *Session) park(ctx context.Context, d time.Duration, untilPeer bool) error {
	if s.ParkFrom == 0 || d >= 0 && d < s.ParkFrom || s.peerGone || s.R.Buffered() > 0 {
		return s.wait(ctx, d, untilPeer)
	}
	p := &Parked{}
	if d >= 0 {
		p.Until = time.Now().Add(d)
	}
	p.Rest = Script{step{"", 0, func(ctx context.Context, s *Session) error { return s.waitUntil(ctx, p.Until, untilPeer) }}}
	return p
}

// waitUntil waits on after the connection was given up.
func (s *Session) waitUntil(ctx context.Context, until time.Time, untilPeer bool) error {
	if until.IsZero() {
		return s.wait(ctx, -1, untilPeer)
	}
	left := time.Until(until)
	if left <= 0 {
		return nil
	}
	return s.wait(ctx, left, untilPeer)
}

// before puts the steps that follow to the rest of a script that waits.
func before(err error, steps ...Step) error {
	var p *Parked
	if errors.As(err, &p) {
		p.Rest = append(p.Rest, steps...)
	}
	return err
}
