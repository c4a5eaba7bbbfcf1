package upstream

import (
	"errors"
	"sync"
	"time"
)

// acceptor lets an accept loop pause while its socket does not accept.
type acceptor struct {
	mu     sync.Mutex // guards what follows
	closed bool
	shut   chan struct{} // while refusing or full: closed when it accepts again
	paused chan struct{} // closed when the accept loop has seen shut
}

// pausePatience bounds the wait for the accept loop to pause.
const pausePatience = 5 * time.Second

// pause makes the accept loop wait once its accept fails; the caller holds mu.
func (a *acceptor) pause() { a.shut, a.paused = make(chan struct{}), make(chan struct{}) }

// awaitPause returns when the accept loop waits; the caller holds mu.
func (a *acceptor) awaitPause() error {
	paused := a.paused
	a.mu.Unlock()
	defer a.mu.Lock()
	select {
	case <-paused:
		return nil
	case <-time.After(pausePatience):
		return errors.New("the accept loop did not pause")
	}
}

// resumeAccept ends the pause; the caller holds mu.
func (a *acceptor) resumeAccept() {
	close(a.shut)
	a.shut = nil
}

// awaitListening tells whether to go on after a failed accept: a shut listener fails until it listens again.
func (a *acceptor) awaitListening(ep *Endpoint, err error) bool {
	a.mu.Lock()
	shut, closed := a.shut, a.closed
	if shut != nil && !closed {
		close(a.paused)
	}
	a.mu.Unlock()
	switch {
	case closed:
		return false
	case shut != nil:
		<-shut
	default:
		ep.up.log.Warn("accept", "endpoint", ep.id, "err", err)
		time.Sleep(10 * time.Millisecond) // out of descriptors: the kernel gives no event when some are free
	}
	return true
}

// end lets the accept loop end when its socket is closed next.
func (a *acceptor) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	if a.shut != nil {
		a.resumeAccept()
	}
}
