package sandbox

import (
	"context"
	"os"
	"syscall"
)

// Program is one that was started in a sandbox, with all that it has started.
type Program struct {
	sandbox *Sandbox
	number  int
	ended   chan struct{}
	exit    Exit // set before ended is closed
}

// Start starts a program whose output, both streams in one, goes to out; the caller keeps its own copy of out. It runs in a
// process group of its own, which is killed when it ends.
func (s *Sandbox) Start(ctx context.Context, c Command, out *os.File) (*Program, error) {
	p := &Program{sandbox: s, ended: make(chan struct{})}
	r, err := s.askFor(ctx, request{Start: &c}, int(out.Fd()), p)
	if err == nil && r.Error != nil {
		err = r.Error
	}
	if err != nil {
		s.forget(p)
		return nil, err
	}
	return p, nil
}

func (s *Sandbox) forget(p *Program) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.programs, p.number)
}

// end notes how the program ended; p may be nil, of one that nobody waits for.
func (p *Program) end(exit Exit) {
	if p != nil {
		p.exit = exit
		close(p.ended)
	}
}

// Ended is closed when the program has ended.
func (p *Program) Ended() <-chan struct{} { return p.ended }

// Exit is how the program ended, once it has.
func (p *Program) Exit() Exit {
	<-p.ended
	return p.exit
}

// Signal sends a signal to the program and all of its group. One that has ended takes it without an error.
func (p *Program) Signal(ctx context.Context, sig syscall.Signal) error {
	select {
	case <-p.ended:
		return nil
	default:
		return p.sandbox.do(ctx, request{Signal: &signal{p.number, sig}})
	}
}
