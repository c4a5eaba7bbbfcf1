package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/gatefault/gatefault/upstream/process"
)

// childServer serves an endpoint by a child process.
type childServer struct {
	ep   *Endpoint
	cfg  EndpointConfig
	plan Plan // in force

	child   *process.Child
	replies chan report
	n       int
	stopped bool
	resumed bool // since the last plan
}

// startTimeout bounds how long a child may take to listen.
const startTimeout = 10 * time.Second

func startProcess(ep *Endpoint) (server, error) {
	s := &childServer{ep: ep, cfg: EndpointConfig{ID: ep.id, Address: ep.addr.String(), Kind: HTTP, Protocol: ep.speaks, InBand: ep.inBand}}
	if err := s.spawn(); err != nil {
		return nil, err
	}
	return s, nil
}

// connBlock is how many connection numbers a child gets, so that numbers stay unique in the journal.
const connBlock = 1_000_000

// spawn starts a child and makes it listen.
func (s *childServer) spawn() error {
	replies := make(chan report, 16)
	child, err := process.Start(process.Options{
		Path:    s.ep.up.opts.Executable,
		Receive: func(line []byte) { s.receive(line, replies) },
		Exited:  func(e process.Exit) { s.exited(e, replies) },
		Stderr:  os.Stderr,
	})
	if err != nil {
		return err
	}
	s.child, s.replies = child, replies
	r, err := s.tell(context.Background(), order{Listen: &s.cfg, Plan: &s.plan, Conns: s.ep.up.conns.Add(connBlock) - connBlock,
		MaxConns: s.ep.up.opts.MaxConns, MaxBody: s.ep.up.opts.MaxBody})
	if err != nil {
		_ = child.Kill()
		return fmt.Errorf("process endpoint %s: %w (the program must call upstream.ServeChild first of all)", s.cfg.Address, err)
	}
	addr, err := netip.ParseAddrPort(r.Addr)
	s.ep.settle(addr)
	s.cfg.ID, s.cfg.Address = s.ep.id, r.Addr
	s.ep.up.journal.Add(Event{Kind: ProcessRun, Endpoint: s.cfg.ID, Detail: fmt.Sprintf("process %d", child.PID())})
	return err
}

// tell sends an order and awaits that it is done.
func (s *childServer) tell(ctx context.Context, o order) (report, error) {
	s.n++
	o.N = s.n
	if err := s.child.Send(o); err != nil {
		return report{}, err
	}
	timeout := time.NewTimer(startTimeout)
	defer timeout.Stop()
	for {
		select {
		case r, ok := <-s.replies:
			switch {
			case !ok:
				return r, errors.New("the serving process ended")
			case r.N == o.N && r.Error != "":
				return r, errors.New(r.Error)
			case r.N == o.N:
				return r, nil
			}
		case <-timeout.C:
			return report{}, errors.New("the serving process does not answer")
		case <-ctx.Done():
			return report{}, fmt.Errorf("the serving process does not answer: %w", ctx.Err())
		}
	}
}

// receive handles one message of the child; it runs on the child's goroutine.
func (s *childServer) receive(line []byte, replies chan<- report) {
	var r report
	if err := json.Unmarshal(line, &r); err != nil {
		s.ep.up.log.Warn("serving process", "says", string(line))
		return
	}
	switch {
	case r.Event != nil:
		s.journal(*r.Event)
	case r.Kill:
		go func(c *process.Child) { _ = c.Kill() }(s.child)
	case r.Starve:
		s.child.ExpectOOM()
		_ = s.child.Send(order{Starve: true})
	default:
		select {
		case replies <- r:
		default: // nobody waited for so many: the talk must not stop for that
		}
	}
}

// journal copies an event of the child into our journal. Its connections count on in our numbers.
func (s *childServer) journal(e Event) {
	if e.Kind == PlanSet {
		return
	}
	e.Seq, e.At = 0, 0
	switch e.Kind {
	case Accepted:
		s.ep.open.Add(1)
	case Closed:
		s.ep.open.Add(-1)
	case Requested:
		s.ep.served.Add(1)
	}
	s.ep.up.journal.Add(e)
}

func (s *childServer) exited(e process.Exit, replies chan report) {
	s.ep.open.Store(0)
	ev := Event{Kind: ProcessEnd, Endpoint: s.cfg.ID, How: e.Signal}
	if e.OOM {
		ev.OOM, ev.Detail = true, "from the kernel's out-of-memory killer"
	} else if e.Signal == "" {
		ev.Detail = fmt.Sprintf("exit code %d", e.Code)
	}
	s.ep.up.journal.Add(ev)
	close(replies)
}

func (s *childServer) alive() bool {
	select {
	case <-s.child.Done():
		return false
	default:
		return true
	}
}

// apply hands the plan to the child, which is continued if stopped and started anew if dead.
func (s *childServer) apply(ctx context.Context, c *compiled, existing Existing) error {
	s.plan = c.plan
	if !s.alive() {
		return s.spawn()
	}
	if s.resumed {
		// What waited in the accept queue is read now, and so leaves its trace in the journal.
		existing, s.resumed = Keep, false
	}
	_, err := s.tell(ctx, order{Plan: &s.plan, Existing: existing})
	if err != nil && s.ends() {
		return s.spawn()
	}
	return err
}

// ends tells whether the child is about to die: a kill under way breaks the talk before the wait status is there.
func (s *childServer) ends() bool {
	select {
	case <-s.child.Done():
		return true
	case <-time.After(time.Second):
		return false
	}
}

// closeConns has nothing to do with a dead child, and cannot do anything with a stopped one.
func (s *childServer) closeConns(ctx context.Context) error {
	if !s.alive() || s.stopped {
		return nil
	}
	_, err := s.tell(ctx, order{Close: true})
	return err
}

// refuse kills the process: nobody listens then, as after a crash. The port is not kept.
func (s *childServer) refuse() error { return s.child.Kill() }

func (s *childServer) listen() error {
	if s.alive() {
		return nil
	}
	return s.spawn()
}

func (s *childServer) stop(fault string) error {
	if err := s.child.Stop(); err != nil {
		return err
	}
	s.stopped = true
	s.ep.up.journal.Add(Event{Kind: Stopped, Endpoint: s.cfg.ID, How: "SIGSTOP", Fault: fault})
	return nil
}

func (s *childServer) resume() error {
	s.stopped, s.resumed = false, true
	return s.child.Continue()
}

func (s *childServer) close() { _ = s.child.Quit(time.Second) }
