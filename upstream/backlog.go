package upstream

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

// errRoom says that an accept queue that should be full has room.
var errRoom = errors.New("the accept queue has room, so connections were not turned away")

// fillLimit bounds the connections it takes to fill an accept queue; with backlog 0 it is one.
const fillLimit = 16

// fillPatience bounds one of them.
const fillPatience = 5 * time.Second

// fill stops accepting, shortens the accept queue to the shortest there is and fills it with connections of our own:
// from then on the kernel drops SYNs (Linux, tcp_conn_request).
func (s *listener) fill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shut != nil {
		return errors.New("the endpoint refuses connections already")
	}
	s.pause()
	err := errors.Join(s.l.SetDeadline(time.Unix(1, 0)), s.awaitPause())
	if err == nil {
		err = s.control(func(fd int) error { return syscall.Listen(fd, 0) })
	}
	for err == nil && len(s.fills) < fillLimit {
		var full bool
		if full, err = s.full(); full || err != nil {
			break
		}
		err = s.fillOne()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("fill the accept queue: %w", err), s.unfill())
	}
	return nil
}

func (s *listener) fillOne() error {
	to := s.l.Addr().(*net.TCPAddr)
	dialed := *to
	if to.IP.IsUnspecified() {
		dialed.IP = net.IPv4(127, 0, 0, 1)
	}
	c, err := net.DialTimeout("tcp", dialed.String(), fillPatience)
	if err == nil {
		s.fills = append(s.fills, c)
	}
	return err
}

// drain tells whether the queue was full to the end, and accepts again.
func (s *listener) drain() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shut == nil {
		return nil
	}
	full, err := s.full()
	if err == nil && !full {
		err = errRoom
	}
	return errors.Join(err, s.unfill())
}

// unfill closes our connections and accepts again; the caller holds mu.
func (s *listener) unfill() error {
	for _, c := range s.fills {
		_ = c.Close()
	}
	s.fills = nil
	err := errors.Join(s.control(func(fd int) error { return syscall.Listen(fd, syscall.SOMAXCONN) }), s.l.SetDeadline(time.Time{}))
	s.resumeAccept()
	return err
}
