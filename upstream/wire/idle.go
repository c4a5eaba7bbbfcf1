package wire

import (
	"context"
	"errors"
	"os"
	"time"
)

// errServe ends a script whose connection is to serve its next request.
var errServe = errors.New("the next request has arrived")

// Idle waits on the connection between two requests. When the next one arrives within d the script is over and the request
// is served; when the peer closes, so is the connection. Only a connection that stays idle gets to the verb that follows.
func Idle(d time.Duration) Step {
	return step{"idle " + d.String(), 0, func(ctx context.Context, s *Session) error {
		var err error
		s.readUntil(ctx, time.Now().Add(d), func() { _, err = s.R.Peek(1) })
		switch {
		case ctx.Err() != nil:
			return &Ended{By: "us", How: FIN} // no request is under way, so nothing is aborted
		case err == nil:
			return errServe
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil
		}
		return s.ended(err)
	}}
}

func makeIdle(a []string) (Step, error) {
	d, err := duration(a[0])
	if err != nil {
		return nil, err
	}
	return Idle(d), nil
}

// Cork holds back what is sent next until the connection closes, so that up to a packet of it (about 1400 bytes) leaves
// in one packet together with the FIN. The kernel holds it for 200 ms at most (tcp(7), TCP_CORK). A unix socket has no
// packets: there it leaves in one write right before the end.
func Cork() Step {
	return step{"cork", 0, func(_ context.Context, s *Session) error {
		if tcp, ok := tcpOf(s.Net); ok {
			return cork(tcp)
		}
		s.corked = true
		return nil
	}}
}

// uncork sends what was held back where the kernel does not do that.
func (s *Session) uncork() error {
	if !s.corked {
		return nil
	}
	_, err := s.Net.Write(s.held)
	s.corked, s.held = false, nil
	return s.ended(err)
}
