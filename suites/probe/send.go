package probe

import (
	"net"
	"time"
)

// sender writes a request while its answer is already being read: a peer may
// answer, and stop reading, in the middle of a long body.
type sender struct {
	conn net.Conn
	done chan error
	sent time.Duration // since the start of the exchange; 0 until all is written
}

// send starts writing. The caller has to call stop.
func (c *Conn) send(request []byte, start time.Time) *sender {
	s := &sender{conn: c.conn, done: make(chan error, 1)}
	go func() {
		_, err := c.conn.Write(request)
		if err == nil {
			s.sent = time.Since(start)
		}
		s.done <- err
	}()
	return s
}

// stop ends the writing, if it still goes on, and returns its error.
func (s *sender) stop() error {
	select {
	case err := <-s.done:
		return err
	default:
		s.conn.SetWriteDeadline(time.Unix(1, 0))
		return <-s.done
	}
}
