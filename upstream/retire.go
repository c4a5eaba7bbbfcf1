package upstream

import (
	"context"
	"errors"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gatefault/gatefault/upstream/process"
)

// hand gives the listening socket to the parent, for another process; both accept from then on.
func (s *listener) hand(context.Context) error {
	return s.control(process.Hand)
}

// retire stops accepting and closes idle connections; what is under way is ended, and its connection with it. The socket
// goes on listening if another process has it: nothing in its queue is lost.
func (s *listener) retire(ctx context.Context) error {
	s.ep.draining.Store(true)
	err := s.l.Close()
	<-s.done
	return errors.Join(err, s.conns.end(ctx, s.ep, &s.mu, idle))
}

// noFiles journals, once, that a connection cannot be accepted because a fault lets this process open no more files.
// accept(2) may fail so without any connection, since the descriptor comes first.
func (s *listener) noFiles(err error) {
	child := s.ep.up.child
	if child == nil || !errors.Is(err, syscall.EMFILE) || !s.waiting() {
		return
	}
	if f := child.files.Swap(nil); f != nil {
		s.ep.up.journal.Add(Event{Kind: Fired, Endpoint: s.ep.id, Fault: f.Fault, Detail: clip(err.Error(), maxDetail)})
	}
}

// waiting tells whether a connection is in the accept queue.
func (s *listener) waiting() bool {
	n := 0
	err := s.control(func(fd int) (err error) {
		n, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		return err
	})
	return err == nil && n > 0
}
