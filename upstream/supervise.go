package upstream

import (
	"context"
	"errors"
	"time"

	"github.com/gatefault/gatefault/upstream/fault"
	"github.com/gatefault/gatefault/upstream/wire"
)

// lives are what happens to the processes of an endpoint while a fault is armed. Each runs beside the endpoint, takes its
// lock for every change, and ends with ctx.
var lives = map[fault.Arming]func(*childServer, context.Context, fault.Values) error{
	fault.CrashLoop:    (*childServer).crashLoop,
	fault.Restart:      (*childServer).restart,
	fault.RestartDrain: (*childServer).restartDrain,
	fault.KillScript:   (*childServer).prefork,
}

// supervise begins such a life; undoing it leaves a process that serves. The caller holds the endpoint's lock.
func (s *childServer) supervise(r *rule, vals fault.Values) (undo func() error, err error) {
	if r.fault.Arm == fault.KillScript {
		s.wanted = vals.Int("workers")
		if err := s.staff(); err != nil {
			return nil, err
		}
	}
	s.life.Store(r.Fault)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := lives[r.fault.Arm](s, ctx, vals); err != nil && ctx.Err() == nil {
			s.ep.up.journal.Add(Event{Kind: Failed, Endpoint: s.cfg.ID, Fault: r.Fault, Detail: clip(err.Error(), maxDetail)})
		}
	}()
	return func() error {
		cancel()
		<-ended // it waits for nothing but ctx and the lock, which we hold, so it ends
		s.life.Store("")
		return errors.Join(s.shrink(), s.listen())
	}, nil
}

// locked changes the endpoint, unless ctx ends first.
func (s *childServer) locked(ctx context.Context, change func() error) error {
	if err := s.ep.lock(ctx); err != nil {
		return err
	}
	defer s.ep.unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	return change()
}

// steps does one thing after the other until one fails.
func steps(todo ...func() error) error {
	for _, do := range todo {
		if err := do(); err != nil {
			return err
		}
	}
	return nil
}

func after(ctx context.Context, d time.Duration) func() error {
	return func() error { return wire.Pause(ctx, d) }
}

// crashLoop has the process exit soon after each start and starts it again a little later.
func (s *childServer) crashLoop(ctx context.Context, v fault.Values) error {
	crash := func() error { return s.each((*worker).exit) }
	for {
		err := steps(
			after(ctx, v.Duration("up")), func() error { return s.locked(ctx, crash) },
			after(ctx, v.Duration("down")), func() error { return s.locked(ctx, s.spawn) })
		if err != nil {
			return err
		}
	}
}

// exit has the process end by itself with exit code 1, as after an error that it cannot get over.
func (w *worker) exit() error {
	if err := w.child.Send(order{Exit: 1}); err != nil && w.alive() {
		return err
	}
	select {
	case <-w.child.Done():
		return nil
	case <-time.After(startTimeout):
		return errors.Join(errors.New("the serving process does not exit"), w.child.Kill())
	}
}

// restart kills the process and starts it again.
func (s *childServer) restart(ctx context.Context, v fault.Values) error {
	return steps(
		after(ctx, v.Duration("at")), func() error { return s.locked(ctx, s.refuse) },
		after(ctx, v.Duration("down")), func() error { return s.locked(ctx, s.spawn) })
}

// restartDrain starts another process on the same listener and lets the old one end what it has begun.
func (s *childServer) restartDrain(ctx context.Context, v fault.Values) error {
	var old *worker
	err := steps(after(ctx, v.Duration("at")), func() error {
		return s.locked(ctx, func() error {
			w, err := s.begin(s.workers[0])
			if err == nil {
				old, s.workers[0] = s.workers[0], w
			}
			return err
		})
	})
	if err != nil {
		return err
	}
	return old.retire(ctx)
}

// quitTimeout bounds the end of a process that has nothing left to do.
const quitTimeout = 5 * time.Second

// retire lets a process end what it has begun, and then itself; when ctx ends it is killed.
func (w *worker) retire(ctx context.Context) error {
	if _, err := w.tell(ctx, order{Drain: true}); err != nil {
		return errors.Join(err, w.child.Kill())
	}
	return w.child.Quit(quitTimeout)
}

// staff starts as many workers as are missing, on one listener. The one that hands it over may be killed meanwhile.
func (s *childServer) staff() error {
	for {
		if err := s.listen(); err != nil {
			return err
		}
		if len(s.workers) >= s.wanted {
			return nil
		}
		from := s.workers[0]
		w, err := s.begin(from)
		switch {
		case err == nil:
			s.workers = append(s.workers, w)
		case !from.ends():
			return err
		}
	}
}

// prefork replaces a worker that was killed.
func (s *childServer) prefork(ctx context.Context, _ fault.Values) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.died:
			if err := s.locked(ctx, s.staff); err != nil {
				return err
			}
		}
	}
}

// retireTimeout bounds the time for the requests of a worker that is not needed any more.
const retireTimeout = time.Second

// shrink retires all workers but one.
func (s *childServer) shrink() error {
	if !s.bury() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), retireTimeout)
	defer cancel()
	extra := s.workers[1:]
	s.workers = s.workers[:1]
	var errs []error
	for _, w := range extra {
		if err := w.retire(ctx); err != nil && w.alive() {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// limitFiles takes every process the right to open more files; undoing it gives it back.
func (s *childServer) limitFiles(name string) (undo func() error, err error) {
	tell := func(fault string) error {
		return s.each(func(w *worker) error {
			_, err := w.tell(context.Background(), order{Files: &files{Fault: fault}})
			return err
		})
	}
	return func() error {
		if !s.bury() {
			return nil
		}
		return tell("")
	}, tell(name)
}
