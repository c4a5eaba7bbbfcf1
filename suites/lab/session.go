package lab

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/suites/run"
)

// ErrBusy says that an experiment is under way. One can wait for it, or undo it.
var ErrBusy = errors.New("an experiment is under way: wait for its end, or undo everything")

// errMistake marks what the viewer can mend.
type errMistake struct{ error }

func (e errMistake) Unwrap() error { return e.error }

// Session is what all viewers of a lab have in common: the gateways, what is in force at their upstream, and the experiments so
// far. One experiment is under way at a time. It may be used by many goroutines.
type Session struct {
	bench     *run.Bench
	catalogue *scenarios.Catalogue
	feed      *feed
	log       *slog.Logger
	stands    []run.Stand

	ctx    context.Context // of everything that goes on; ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup
	dirty  chan struct{} // holds a token when the state has changed

	changing sync.Mutex // held while an experiment begins or everything is undone

	mu      sync.Mutex // guards what follows
	last    int        // number of the newest experiment
	past    []*Experiment
	running *Experiment
	force   *Spec // what is in force
	desks   map[string]*desk
}

// desk is the seat that a gateway's requests are sent from, as long as nothing is undone.
type desk struct {
	*run.Seat
	profile string // with the sort of endpoint: two seats with the same are as good
	armed   *Spec  // what is in force
	leave   context.CancelFunc
	gone    chan struct{} // closed when its log is not followed any more
}

// NewSession makes a session on a bench. Close it before the bench.
func NewSession(b *run.Bench, c *scenarios.Catalogue, log *slog.Logger) *Session {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Session{bench: b, catalogue: c, feed: newFeed(), log: log, stands: b.Stands(), dirty: make(chan struct{}, 1), desks: map[string]*desk{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.wg.Go(s.tell)
	s.change()
	return s
}

// Bench is what the session's gateways stand on, for whoever wants seats of his own.
func (s *Session) Bench() *run.Bench { return s.bench }

// Catalogue is the scenarios that can be run.
func (s *Session) Catalogue() *scenarios.Catalogue { return s.catalogue }

// Stands tells of the gateways.
func (s *Session) Stands() []run.Stand { return s.stands }

// Close ends what is under way and makes everything healthy.
func (s *Session) Close(ctx context.Context) error {
	err := s.Undo(ctx)
	s.cancel()
	s.wg.Wait()
	s.feed.end()
	return err
}

// Begin begins an experiment. What it puts in force stays until [Session.Undo] or another experiment. The error is [ErrBusy] or
// the caller's mistake.
func (s *Session) Begin(spec Spec) (*Experiment, error) {
	sc, err := spec.resolve(s.catalogue)
	if err != nil {
		return nil, errMistake{err}
	}
	chosen, err := s.choose(spec.Gateways)
	if err != nil {
		return nil, errMistake{err}
	}
	if !s.changing.TryLock() {
		return nil, ErrBusy
	}
	defer s.changing.Unlock()
	s.mu.Lock()
	if s.running != nil || s.ctx.Err() != nil {
		s.mu.Unlock()
		return nil, ErrBusy
	}
	s.last++
	x := newExperiment(s.last, spec, sc, chosen)
	s.running = x
	s.past = append(s.past, x)
	s.past = s.past[max(0, len(s.past)-maxPast):]
	s.mu.Unlock()
	ctx, cancel := context.WithCancel(s.ctx)
	x.cancel = cancel
	s.wg.Go(func() {
		defer cancel()
		s.perform(ctx, x)
	})
	s.change()
	return x, nil
}

// maxPast bounds the experiments that are kept.
const maxPast = 12

// choose gives the gateways of those names that run; no name means all.
func (s *Session) choose(names []string) (chosen []run.Stand, err error) {
	var all []string
	for _, st := range s.stands {
		all = append(all, st.Name)
		switch wanted := slices.Contains(names, st.Name); {
		case wanted && st.Why != "":
			return nil, fmt.Errorf("%s does not run here: %s", st.Title, st.Why)
		case st.Why == "" && (wanted || len(names) == 0):
			chosen = append(chosen, st)
		}
	}
	for _, name := range names {
		if !slices.Contains(all, name) {
			return nil, fmt.Errorf("no gateway %.40q stands here; there are %s", name, strings.Join(all, ", "))
		}
	}
	if len(chosen) == 0 {
		return nil, errors.New("no gateway runs here")
	}
	return chosen, nil
}

// Undo ends the experiment that is under way and makes every upstream healthy.
func (s *Session) Undo(ctx context.Context) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	s.mu.Lock()
	x := s.running
	s.mu.Unlock()
	if x != nil {
		x.cancel()
		<-x.done
	}
	return s.disarm(ctx)
}

// undoTimeout bounds how long undoing may take, whatever becomes of the one who asked for it.
const undoTimeout = 15 * time.Second

// disarm gives all seats back, healthy.
func (s *Session) disarm(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	s.mu.Lock()
	desks := s.desks
	s.desks, s.force = map[string]*desk{}, nil
	s.mu.Unlock()
	var wg sync.WaitGroup
	errs := make(chan error, len(desks))
	for _, d := range desks {
		wg.Go(func() { errs <- d.close(ctx) })
	}
	wg.Wait()
	close(errs)
	var all []error
	for err := range errs {
		all = append(all, err)
	}
	s.change()
	return errors.Join(all...)
}

func (d *desk) close(ctx context.Context) error {
	d.leave()
	<-d.gone
	return d.Leave(ctx)
}

// desk gives the seat of a gateway with what the spec says in force.
func (s *Session) desk(ctx context.Context, name string, spec Spec, sc *scenarios.Scenario) (*desk, error) {
	sort := sc.Profile + " " + string(sc.Endpoint)
	if sc.Endpoint != scenarios.MemoryEndpoint { // others take the place of each other
		sort = sc.Profile
	}
	s.mu.Lock()
	d := s.desks[name]
	s.mu.Unlock()
	if d != nil && d.profile != sort {
		s.mu.Lock()
		delete(s.desks, name)
		s.mu.Unlock()
		if err := d.close(ctx); err != nil {
			return nil, err
		}
		d = nil
	}
	if d == nil {
		seat, err := s.bench.Take(ctx, name, sc)
		if err != nil {
			return nil, err
		}
		d = &desk{Seat: seat, profile: sort}
		d.leave, d.gone = s.follow(seat)
		s.mu.Lock()
		s.desks[name] = d
		s.mu.Unlock()
	}
	return d, d.arm(ctx, spec, sc)
}

func (d *desk) arm(ctx context.Context, spec Spec, sc *scenarios.Scenario) error {
	if d.armed != nil && d.armed.same(spec) {
		return nil
	}
	d.armed = nil
	if spec.what() == healthy || sc.Fault == healthy {
		return d.Clear(ctx)
	}
	if err := d.Arm(ctx, sc); err != nil {
		return err
	}
	d.armed = &spec
	return nil
}

// LogLine is one line of a gateway's log.
type LogLine struct {
	Gateway string    `json:"gateway"`
	At      time.Time `json:"at"`
	Text    string    `json:"text"`
}

// follow shows the viewers what the gateway logs of a seat's lane.
func (s *Session) follow(seat *run.Seat) (leave context.CancelFunc, gone chan struct{}) {
	ctx, cancel := context.WithCancel(s.ctx)
	gone = make(chan struct{})
	name := seat.Gateway().Name
	s.wg.Go(func() {
		defer close(gone)
		seat.Follow(ctx, func(l gateway.Line) {
			s.feed.publish(logMessage, LogLine{name, l.Time, l.Text[:min(len(l.Text), maxLine)]})
		})
	})
	return cancel, gone
}

// change has the viewers told of the state.
func (s *Session) change() {
	select {
	case s.dirty <- struct{}{}:
	default:
	}
}

// settle is how long changes are gathered before the viewers are told.
const settle = 40 * time.Millisecond

// tell publishes the state whenever it has changed.
func (s *Session) tell() {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-s.dirty:
			s.feed.publish(stateMessage, s.State())
		case <-s.ctx.Done():
			return
		}
		pause.Reset(settle)
		select {
		case <-pause.C:
		case <-s.ctx.Done():
			return
		}
	}
}
