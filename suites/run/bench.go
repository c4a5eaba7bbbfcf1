package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/upstream"
)

// Bench is gateways that stay: an upstream, and of each gateway an instance with lanes for every profile that can share one.
// What needs an instance of its own gets it when it is first asked for. Whoever experiments takes a [Seat].
type Bench struct {
	stage  *stage
	run    string // part of the ids of cells
	cells  atomic.Uint64
	stands []*stand
}

// Stand tells of one gateway of a bench.
type Stand struct {
	Gateway
	// Why is the reason why it does not run here; empty: it runs.
	Why string
	// Profiles are those that it has.
	Profiles []string
}

// stand is the instances of one gateway.
type stand struct {
	def  *gateway.Definition
	mu   sync.Mutex           // guards what follows
	runs map[string]*standing // by the profile that cannot share; empty: the instance that is shared
}

// standing is one instance, or one that starts.
type standing struct {
	group *group
	ready chan struct{} // closed when it has started, or not
	err   error         // why it has not
	free  map[class]chan *lane
}

// lanesEach is how many lanes of each sort a bench has: one for whoever experiments, and one beside.
const lanesEach = 2

// OpenBench starts an upstream and the gateways of the options, with lanes for what the scenarios of the options need. A gateway
// that does not run here says so in [Bench.Stands]; the error is for what kept the whole bench from standing. The
// caller closes the bench.
func OpenBench(ctx context.Context, opts Options) (*Bench, error) {
	if opts.Lanes == 0 {
		opts.Lanes = lanesEach
	}
	cells, err := plan(opts)
	if err != nil {
		return nil, err
	}
	s, err := newStage(ctx, opts, needsMemory(cells), opts.needSockets(cells))
	b := &Bench{stage: s, run: randomHex(4)}
	if err != nil {
		return nil, errors.Join(err, b.Close(ctx))
	}
	starts := errgroup.Group{}
	starts.SetLimit(parallelStarts)
	for _, d := range opts.Gateways {
		st := &stand{def: d, runs: map[string]*standing{}}
		b.stands = append(b.stands, st)
		starts.Go(func() error {
			b.begin(ctx, st)
			return nil
		})
	}
	_ = starts.Wait() // each says why it does not stand
	if err := ctx.Err(); err != nil {
		return nil, errors.Join(err, b.Close(ctx))
	}
	return b, nil
}

// begin starts the instance that profiles share or, where they do not start together, the plainest profile.
func (b *Bench) begin(ctx context.Context, st *stand) {
	var refused *gateway.StartError
	in := b.open(ctx, st, "", b.shared(st.def))
	if errors.As(in.err, &refused) {
		plain := &scenarios.Scenario{Profile: PlainProfile, Fault: healthyFault}
		b.open(ctx, st, PlainProfile, b.lanesFor(plain, st.def, map[class]bool{}))
	}
}

// PlainProfile is the profile of those who ask for nothing special.
const PlainProfile = "plain"

const healthyFault = "healthy"

// shared gives cells that stand for the lanes of the instance that profiles share.
func (b *Bench) shared(d *gateway.Definition) (cells []*cell) {
	seen := map[class]bool{}
	for _, sc := range b.stage.opts.Scenarios {
		if d.Shares(sc.Profile) && !d.Profile(sc.Profile).Chain && d.Profile(sc.Profile).Backend == nil {
			cells = append(cells, b.lanesFor(sc, d, seen)...)
		}
	}
	return cells
}

// lanesFor gives cells that stand for the lanes of a scenario's class, once.
func (b *Bench) lanesFor(sc *scenarios.Scenario, d *gateway.Definition, seen map[class]bool) (cells []*cell) {
	f, err := sc.Injects()
	if err != nil {
		return nil
	}
	plainer := *sc
	plainer.Exclusive = false
	c := newCell("", &plainer, f, d)
	if seen[c.class()] {
		return nil
	}
	seen[c.class()] = true
	return slices.Repeat([]*cell{c}, b.stage.opts.Lanes)
}

// open starts an instance and gives it when it stands or is known not to. The first who asks starts it; one that failed is
// started again by the next.
func (b *Bench) open(ctx context.Context, st *stand, key string, cells []*cell) *standing {
	st.mu.Lock()
	in := st.runs[key]
	if in != nil {
		st.mu.Unlock()
		select {
		case <-in.ready:
		case <-ctx.Done():
			return &standing{err: ctx.Err()}
		}
		return in
	}
	in = &standing{ready: make(chan struct{}), free: map[class]chan *lane{}}
	st.runs[key] = in
	st.mu.Unlock()
	defer close(in.ready)
	if len(cells) == 0 {
		in.err = errNoLanes
		return in
	}
	in.group = &group{stage: b.stage, def: st.def, profile: key, chain: st.def.Profile(cells[0].scenario.Profile).Chain, cells: cells}
	if in.err = in.group.start(ctx); in.err != nil {
		st.forget(ctx, key)
		return in
	}
	for c, lanes := range in.group.lanes {
		in.free[c] = make(chan *lane, len(lanes))
		for _, l := range lanes {
			in.free[c] <- l
		}
	}
	return in
}

// forget lets an instance be started again whose start was given up.
func (st *stand) forget(ctx context.Context, key string) {
	if ctx.Err() == nil {
		return
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	delete(st.runs, key)
}

// Stands tells of the gateways, in the order of the options.
func (b *Bench) Stands() (out []Stand) {
	for _, st := range b.stands {
		s := Stand{Gateway: Gateway{Name: st.def.Name, Title: st.def.Title, Place: (&group{stage: b.stage, def: st.def}).place()}, Profiles: st.def.ProfileNames()}
		if in, why := st.any(); in != nil {
			s.Version, s.Image = in.group.gateway.Version(), in.group.gateway.Image()
		} else {
			s.Why = why
		}
		out = append(out, s)
	}
	return out
}

// any gives an instance that has started, or the reason why none has.
func (st *stand) any() (_ *standing, why string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, in := range st.runs {
		if stands(in) {
			return in, ""
		}
		why = in.err.Error()
	}
	return nil, why
}

// Abilities tell what the upstream can do on this machine.
func (b *Bench) Abilities(ctx context.Context) (upstream.Abilities, error) {
	health, err := b.stage.plain.control.Health(ctx)
	return health.Abilities, err
}

// Take gives a lane of a gateway to the caller alone: one in the profile and to an upstream such as the scenario needs. It
// waits until one is free, and starts the gateway where that sort of lane needs an instance of its own. The error
// tells that there is no such lane here.
func (b *Bench) Take(ctx context.Context, name string, sc *scenarios.Scenario) (*Seat, error) {
	i := slices.IndexFunc(b.stands, func(st *stand) bool { return st.def.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("no gateway %q stands on this bench", name)
	}
	st := b.stands[i]
	if why := st.def.Lacks(sc.Profile); why != "" {
		return nil, fmt.Errorf("%w: %s", upstream.ErrUnsupported, why)
	}
	f, err := sc.Injects()
	if err != nil {
		return nil, err
	}
	wanted := newCell("", sc, f, st.def).class()
	in := b.instance(ctx, st, sc, wanted)
	switch {
	case in.err != nil:
		return nil, in.err
	case in.free[wanted] == nil:
		return nil, in.group.lacks[wanted]
	}
	select {
	case l := <-in.free[wanted]:
		return &Seat{bench: b, group: in.group, lane: l, free: in.free[wanted]}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// instance gives the instance that has lanes of a class, and starts one where there is none.
func (b *Bench) instance(ctx context.Context, st *stand, sc *scenarios.Scenario, wanted class) *standing {
	if in := st.find(wanted); in != nil {
		return in
	}
	return b.open(ctx, st, sc.Profile+wanted.kind, b.lanesFor(sc, st.def, map[class]bool{}))
}

// find gives an instance that has such lanes, or knows why there are none.
func (st *stand) find(wanted class) *standing {
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, in := range st.runs {
		if stands(in) && (in.free[wanted] != nil || in.group.lacks[wanted] != nil) {
			return in
		}
	}
	return nil
}

// stands tells whether an instance has started.
func stands(in *standing) bool {
	select {
	case <-in.ready:
		return in.err == nil
	default:
		return false
	}
}

// Close undoes everything and leaves nothing running.
func (b *Bench) Close(ctx context.Context) error { return b.stage.close(ctx) }
