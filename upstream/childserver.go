package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gatefault/gatefault/upstream/process"
)

// childServer serves an endpoint by a child process, or by more than one while a fault wants that.
type childServer struct {
	ep   *Endpoint
	cfg  EndpointConfig
	plan Plan // in force

	workers []*worker     // that accept connections
	died    chan struct{} // has a token after a worker's end
	wanted  int           // workers, while a fault wants more than one
	life    atomic.Value  // name of the fault that ends processes now; empty: none
	stopped bool
	resumed bool // since the last plan
}

// worker is one serving process and the talk with it.
type worker struct {
	dead    atomic.Bool
	child   *process.Child
	replies chan report
	n       int          // orders so far
	open    atomic.Int64 // connections
	serving atomic.Bool  // it listens, so its end is one of a serving process
}

// startTimeout bounds how long a child may take to listen.
const startTimeout = 10 * time.Second

func startProcess(ep *Endpoint) (server, error) {
	s := &childServer{ep: ep, died: make(chan struct{}, 1),
		cfg: EndpointConfig{ID: ep.id, Address: ep.addr.String(), Kind: HTTP, Protocol: ep.speaks, InBand: ep.inBand}}
	if err := s.spawn(); err != nil {
		return nil, err
	}
	return s, nil
}

// connBlock is how many connection numbers a child gets, so that numbers stay unique in the journal.
const connBlock = 1_000_000

// spawn starts a child in place of all there were, and makes it listen.
func (s *childServer) spawn() error {
	w, err := s.begin(nil)
	if err != nil {
		return err
	}
	s.workers = []*worker{w}
	return nil
}

// begin starts a child and makes it accept: on a listener of its own or, if heir to a living worker, on the same one.
func (s *childServer) begin(from *worker) (*worker, error) {
	w := &worker{replies: make(chan report, 16)}
	var err error
	w.child, err = process.Start(process.Options{
		Path:    s.ep.up.opts.Executable,
		Receive: func(c *process.Child, line []byte) { s.receive(w, c, line) },
		Exited:  func(e process.Exit) { s.exited(w, e) },
		Stderr:  os.Stderr,
	})
	if err != nil {
		return nil, err
	}
	if err := s.listenWith(w, from); err != nil {
		_ = w.child.Kill()
		return nil, fmt.Errorf("process endpoint %s: %w (the program must call upstream.ServeChild first of all)", s.cfg.Address, err)
	}
	w.serving.Store(true)
	s.ep.up.journal.Add(Event{Kind: ProcessRun, Endpoint: s.cfg.ID, Detail: fmt.Sprintf("process %d", w.child.PID())})
	return w, nil
}

func (s *childServer) listenWith(w, from *worker) error {
	if from != nil {
		if _, err := from.tell(context.Background(), order{Hand: true}); err != nil {
			return err
		}
		if err := w.child.Pass(from.child); err != nil {
			return err
		}
	}
	r, err := w.tell(context.Background(), order{Listen: &s.cfg, Inherit: from != nil, Plan: &s.plan,
		Conns: s.ep.up.conns.Add(connBlock) - connBlock, MaxConns: s.ep.up.opts.MaxConns, MaxBody: s.ep.up.opts.MaxBody})
	if err != nil {
		return err
	}
	if from != nil { // the address is known, and read by others
		return nil
	}
	addr, err := netip.ParseAddrPort(r.Addr)
	s.ep.settle(addr)
	s.cfg.ID, s.cfg.Address = s.ep.id, r.Addr
	return err
}

// tell sends an order and awaits that it is done.
func (w *worker) tell(ctx context.Context, o order) (report, error) {
	w.n++
	o.N = w.n
	if err := w.child.Send(o); err != nil {
		return report{}, err
	}
	timeout := time.NewTimer(startTimeout)
	defer timeout.Stop()
	for {
		select {
		case r, ok := <-w.replies:
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

// receive handles one message of a child; it runs on the child's goroutine.
func (s *childServer) receive(w *worker, c *process.Child, line []byte) {
	var r report
	if err := json.Unmarshal(line, &r); err != nil {
		s.ep.up.log.Warn("serving process", "says", string(line))
		return
	}
	switch {
	case r.Event != nil:
		s.journal(w, *r.Event)
	case r.Kill:
		go func() { _ = c.Kill() }()
	case r.Starve:
		c.ExpectOOM()
		_ = c.Send(order{Starve: true})
	default:
		select {
		case w.replies <- r:
		default: // nobody waited for so many: the talk must not stop for that
		}
	}
}

// journal copies an event of a child into our journal. Its connections count on in our numbers.
func (s *childServer) journal(w *worker, e Event) {
	if e.Kind == PlanSet {
		return
	}
	e.Seq, e.At = 0, 0
	switch e.Kind {
	case Accepted:
		w.open.Add(1)
		s.ep.open.Add(1)
	case Closed:
		w.open.Add(-1)
		s.ep.open.Add(-1)
	case Requested:
		s.ep.served.Add(1)
	}
	s.ep.up.journal.Add(e)
}

func (s *childServer) exited(w *worker, e process.Exit) {
	s.ep.open.Add(-w.open.Swap(0))
	ev := Event{Kind: ProcessEnd, Endpoint: s.cfg.ID, How: e.Signal}
	ev.Fault, _ = s.life.Load().(string)
	if e.OOM {
		ev.OOM, ev.Detail = true, "from the kernel's out-of-memory killer"
	} else if e.Signal == "" {
		ev.Detail = fmt.Sprintf("exit code %d", e.Code)
	}
	if w.serving.Load() {
		s.ep.up.journal.Add(ev)
	}
	close(w.replies)
	w.dead.Store(true) // before the token: who takes it must not find the worker alive
	select {
	case s.died <- struct{}{}:
	default:
	}
}

func (w *worker) alive() bool { return !w.dead.Load() }

// bury forgets the workers that have ended and tells whether one is left.
func (s *childServer) bury() bool {
	s.workers = slices.DeleteFunc(s.workers, func(w *worker) bool { return !w.alive() })
	return len(s.workers) > 0
}

// apply hands the plan to the children, which are continued if stopped; if all are dead, one is started anew.
func (s *childServer) apply(ctx context.Context, c *compiled, existing Existing) error {
	s.plan = c.plan
	if !s.bury() {
		return s.spawn()
	}
	if s.resumed {
		// What waited in the accept queue is read now, and so leaves its trace in the journal.
		existing, s.resumed = Keep, false
	}
	var errs []error
	for _, w := range s.workers {
		_, err := w.tell(ctx, order{Plan: &s.plan, Existing: existing})
		if err != nil && w.ends() {
			err = nil
		}
		errs = append(errs, err)
	}
	if !s.bury() {
		return s.spawn()
	}
	return errors.Join(errs...)
}

// ends tells whether the child is about to die: a kill under way breaks the talk before the wait status is there.
func (w *worker) ends() bool {
	select {
	case <-w.child.Done():
		return true
	case <-time.After(time.Second):
		return false
	}
}

// closeConns has nothing to do with a dead child, and cannot do anything with a stopped one.
func (s *childServer) closeConns(ctx context.Context) error {
	if !s.bury() || s.stopped {
		return nil
	}
	var errs []error
	for _, w := range s.workers {
		_, err := w.tell(ctx, order{Close: true})
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// refuse kills the process: nobody listens then, as after a crash. The port is not kept.
func (s *childServer) refuse() error { return s.each(func(w *worker) error { return w.child.Kill() }) }

func (s *childServer) listen() error {
	if s.bury() {
		return nil
	}
	return s.spawn()
}

func (s *childServer) stop(fault string) error {
	if err := s.each(func(w *worker) error { return w.child.Stop() }); err != nil {
		return err
	}
	s.stopped = true
	s.ep.up.journal.Add(Event{Kind: Stopped, Endpoint: s.cfg.ID, How: "SIGSTOP", Fault: fault})
	return nil
}

func (s *childServer) resume() error {
	s.stopped, s.resumed = false, true
	return s.each(func(w *worker) error { return w.child.Continue() })
}

func (s *childServer) close() { _ = s.each(func(w *worker) error { return w.child.Quit(time.Second) }) }

func (s *childServer) each(do func(*worker) error) error {
	var errs []error
	for _, w := range s.workers {
		errs = append(errs, do(w))
	}
	return errors.Join(errs...)
}
