package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/upstream"
)

// group is cells of one gateway that share an instance of it: one start, many lanes. Its profiles are those that can
// share a gateway, or a single one that cannot.
type group struct {
	stage   *stage
	def     *gateway.Definition
	profile string // the one that cannot share; empty: several
	chain   bool   // a second gateway stands in front
	cells   []*cell
	parts   []*group         // instead of itself, when it did not start
	gateway *gateway.Running // what clients talk to
	inner   *gateway.Running // in a chain: the one behind, that talks to the upstream
	lanes   map[class][]*lane
	lacks   map[class]error // why there are no such lanes

	mu   sync.Mutex // guards stop while the group starts
	stop func() error
}

// class is a sort of lane: cells whose profile or upstream differs cannot share lanes.
type class struct{ profile, kind string }

// memoryKind lanes lead to an upstream with a memory limit.
const memoryKind = "memory"

// class tells what sort of lane the cell runs on.
func (c *cell) class() class {
	if c.scenario.Endpoint == scenarios.MemoryEndpoint {
		return class{c.scenario.Profile, memoryKind}
	}
	if c.scenario.Pool != "" {
		return class{c.scenario.Profile, poolPrefix + c.scenario.Pool}
	}
	return class{profile: c.scenario.Profile}
}

// id names one lane of the class.
func (c class) id(gateway string, i int) string {
	if c.kind == "" {
		return fmt.Sprintf("%s-%s-%d", gateway, c.profile, i)
	}
	return fmt.Sprintf("%s-%s-%s-%d", gateway, c.profile, c.kind, i)
}

func (c class) compare(d class) int {
	return cmp.Or(cmp.Compare(c.profile, d.profile), cmp.Compare(c.kind, d.kind))
}

// host gives the upstream of a class of lanes.
func (g *group) host(c class) (*upstreamHost, error) {
	backend := g.def.Profile(c.profile).Backend
	switch {
	case backend != nil && g.stage.engine == nil:
		return nil, fmt.Errorf("%s needs its container, and %w", backend.Title, g.stage.noBox)
	case c.kind == memoryKind && g.stage.memory == nil:
		return nil, g.stage.noMem
	case c.kind == memoryKind:
		return g.stage.memory, nil
	case g.def.Profile(c.profile).Address == gateway.AddressUnix && g.place() != gateway.PlaceContainer:
		return g.stage.local() // this process sees no container's sockets
	}
	return g.stage.plain, nil
}

// place says where the group's gateway runs here.
func (g *group) place() gateway.Place {
	switch {
	case g.def.Embedded:
		return gateway.PlaceEmbedded
	case g.stage.engine == nil || g.stage.opts.Binaries[g.def.Name] != "":
		return gateway.PlaceLocal
	}
	return gateway.PlaceContainer
}

// start starts the gateway with as many lanes as it has use for.
func (g *group) start(ctx context.Context) error {
	if g.lanes == nil {
		if err := g.openLanes(ctx); err != nil {
			return err
		}
	}
	all := g.all()
	if len(all) == 0 {
		return errNoLanes
	}
	spec := gateway.Spec{Definition: g.def, Profile: g.profile, Place: g.place(), Engine: g.stage.engine, Network: g.stage.joined, Sockets: g.stage.sockets,
		Image: g.stage.opts.Images[g.def.Name], Binary: g.stage.opts.Binaries[g.def.Name], Program: g.stage.opts.Program, OwnResolvConf: g.stage.opts.OwnResolvConf}
	for i, l := range all {
		l.index = i
		spec.Lanes = append(spec.Lanes, l.toGateway())
	}
	if err := g.trust(ctx, &spec); err != nil {
		return err
	}
	if err := g.image(ctx, spec); err != nil {
		return err
	}
	began := time.Now()
	var starts errgroup.Group
	starts.Go(func() error { return g.startBackends(ctx, all) })
	starts.Go(func() error { return g.startTiers(ctx, spec, all) })
	if err := starts.Wait(); err != nil {
		return err
	}
	g.stage.waited(&g.stage.timing.SlowestStart, time.Since(began))
	gate := g.gate(ctx, cmp.Or(g.inner, g.gateway))
	for _, l := range all {
		l.gateway, l.inner, l.gate = g.gateway, g.inner, gate
	}
	return nil
}

// trust gives a gateway that speaks TLS to the upstream the certificate of the upstream's authority.
func (g *group) trust(ctx context.Context, spec *gateway.Spec) error {
	if !slices.ContainsFunc(g.all(), func(l *lane) bool { return l.needs.Protocol == string(upstream.OverTLS) }) {
		return nil
	}
	ca, err := g.stage.plain.control.CA(ctx)
	if err != nil {
		return fmt.Errorf("get the certificate of the upstream's authority: %w", err)
	}
	spec.Files = map[string]string{gateway.CAFile: string(ca)}
	return nil
}

// errNoLanes means that there is no reason to start: what all of the cells need is not to be had here.
var errNoLanes = errors.New("there is no lane for any of the cells")

// startTiers starts the gateway, and in a chain first the one behind it with a tap for each lane.
func (g *group) startTiers(ctx context.Context, spec gateway.Spec, all []*lane) (err error) {
	if g.chain {
		behind := spec
		behind.Profile, behind.Lanes = innerProfile, slices.Clone(spec.Lanes)
		for i := range behind.Lanes {
			behind.Lanes[i].Profile = innerProfile
		}
		if g.inner, err = gateway.Start(ctx, behind); err != nil {
			return err
		}
		g.stoppedBy(ctx, g.inner.Stop)
		if err := g.openTaps(ctx, spec.Lanes, all); err != nil {
			return err
		}
	}
	if g.gateway, err = gateway.Start(ctx, spec); err != nil {
		return err
	}
	g.stoppedBy(ctx, g.gateway.Stop)
	return nil
}

// innerProfile is the profile of the second tier in a chain.
const innerProfile = "plain"

// openTaps puts a recording tap in front of each lane of the inner gateway and points the outer one's lanes there.
func (g *group) openTaps(ctx context.Context, lanes []gateway.Lane, all []*lane) error {
	h := g.stage.plain
	if g.def.Embedded { // a tap in a container could not reach this process
		var err error
		if h, err = g.stage.local(); err != nil {
			return err
		}
	}
	for i, l := range all {
		l.tap, l.tapControl = l.endpoint+"-tap", h.control
		var err error
		lanes[i].Upstream, err = h.open(ctx, upstream.EndpointConfig{ID: l.tap, Kind: upstream.Tap, Target: g.inner.LaneAddr(i).String()})
		if err != nil {
			return err
		}
	}
	return nil
}

// stoppedBy has what was started stopped with the group, and at the latest with the stage.
func (g *group) stoppedBy(ctx context.Context, f func(context.Context) error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	before := g.stop
	g.stop = sync.OnceValue(func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), teardownTimeout)
		defer cancel()
		err := f(ctx)
		if before != nil {
			err = errors.Join(err, before())
		}
		return err
	})
	stop := g.stop
	g.stage.stopping(func(context.Context) error { return stop() })
}

// all lists the lanes in the order of the gateway's.
func (g *group) all() (out []*lane) {
	for _, c := range slices.SortedFunc(maps.Keys(g.lanes), class.compare) {
		out = append(out, g.lanes[c]...)
	}
	return out
}

// image gets the image before the clock of the start runs: a pull or build is not the gateway's own time.
func (g *group) image(ctx context.Context, spec gateway.Spec) error {
	if spec.Place != gateway.PlaceContainer {
		return nil
	}
	began := time.Now()
	_, err := spec.FindImage(ctx)
	g.stage.waited(&g.stage.timing.Images, time.Since(began))
	return err
}

// openLanes opens as many lanes of each class as its cells have use for.
func (g *group) openLanes(ctx context.Context) error {
	parallel := map[class]int{}
	for _, c := range g.cells {
		parallel[c.class()] += 0 // a class of exclusive cells needs a lane, too
		if !c.scenario.Exclusive || g.apart(c.class()) {
			parallel[c.class()]++
		}
	}
	g.lanes, g.lacks = map[class][]*lane{}, map[class]error{}
	for _, c := range slices.SortedFunc(maps.Keys(parallel), class.compare) {
		n := max(1, parallel[c])
		if !g.apart(c) {
			n = min(n, g.stage.opts.Lanes)
		}
		if err := g.openClass(ctx, c, n); err != nil {
			return err
		}
	}
	if len(g.lanes) == 0 { // a gateway needs one all the same
		return g.openClass(ctx, class{profile: g.cells[0].scenario.Profile}, 1)
	}
	return nil
}

// apart tells whether each cell of a class needs a lane of its own. A gateway that knows of a second server remembers which
// one failed, some for a minute, and would not take the next cell's request to it.
func (g *group) apart(c class) bool {
	needs := g.def.Profile(c.profile)
	return g.stage.opts.Apart || needs.Servers > 1 && !needs.Broken
}

// openClass opens n lanes of a class, or notes why there can be none.
func (g *group) openClass(ctx context.Context, c class, n int) error {
	h, err := g.host(c)
	if err != nil {
		g.lacks[c] = err
		return nil
	}
	for i := range n {
		l, err := g.openLane(ctx, h, c, c.id(g.def.Name, i))
		if errors.Is(err, upstream.ErrUnsupported) {
			g.lacks[c] = err
			return nil
		}
		if err != nil {
			return err
		}
		g.lanes[c] = append(g.lanes[c], l)
	}
	return nil
}

// openLane opens the endpoints of one lane.
func (g *group) openLane(ctx context.Context, h *upstreamHost, c class, id string) (*lane, error) {
	needs := g.def.Profile(c.profile)
	l := &lane{endpoint: id, profile: c.profile, control: h.control, place: g.place(), needs: needs}
	config := upstream.EndpointConfig{ID: id, Protocol: upstream.Protocol(needs.Protocol)}
	if needs.Address == gateway.AddressUnix {
		l.socket = path.Join(h.folder, id+".sock")
		config.Socket = l.socket
	}
	var err error
	if needs.Address == gateway.AddressName {
		l.domain, l.upstream, err = h.openNamed(ctx, config)
		l.resolver = h.names
	} else {
		l.upstream, err = h.open(ctx, config)
	}
	if err != nil {
		return nil, err
	}
	if needs.Backend != nil {
		l.joinPool(c, h)
	}
	if needs.Servers > 1 {
		config.ID += "-backup"
		l.backup = config.ID
		l.backupAddr, err = h.open(ctx, config)
	}
	return l, err
}

// longest is the expected time of the group's longest parallel cell.
func (g *group) longest() (d time.Duration) {
	for _, c := range g.cells {
		if !c.scenario.Exclusive {
			d = max(d, expected(c.scenario))
		}
	}
	return d
}

// run runs the group's parallel cells, longest first, unless the gateway did not start.
func (g *group) run(ctx context.Context, startErr error, done func(*cell)) {
	if startErr != nil {
		for _, c := range g.cells {
			c.fail(startVerdict(startErr), startErr)
			if lacks := g.lacks[c.class()]; lacks != nil {
				c.fail(Unsupported, lacks)
			}
			done(c)
		}
		g.cells = nil
		return
	}
	for _, c := range g.cells {
		c.result.Gateway.Version, c.result.Gateway.Image = g.gateway.Version(), g.gateway.Image()
	}
	g.work(ctx, g.parallel(g.stage.opts.Apart), done)
}

// runTraffic runs the cells with traffic, side by side: what they observe is time, so those that only wait go first.
func (g *group) runTraffic(ctx context.Context, done func(*cell)) {
	var wg sync.WaitGroup
	for _, part := range g.parts {
		wg.Go(func() { part.runTraffic(ctx, done) })
	}
	wg.Wait()
	if g.gateway == nil || g.stage.opts.Apart {
		return
	}
	g.work(ctx, slices.DeleteFunc(g.parallel(true), func(c *cell) bool { return c.scenario.Traffic == nil }), done)
}

// work runs cells on the lanes of their classes, each class in the order given.
func (g *group) work(ctx context.Context, cells []*cell, done func(*cell)) {
	queues := map[class]chan *cell{}
	for _, c := range cells {
		if queues[c.class()] == nil {
			queues[c.class()] = make(chan *cell, len(g.cells))
		}
		queues[c.class()] <- c
	}
	all := g.turns()
	var wg sync.WaitGroup
	for class, queue := range queues {
		close(queue)
		turns := all
		if !g.stage.opts.Apart {
			turns = g.turns()
		}
		if g.lacks[class] != nil {
			wg.Go(func() { g.giveUp(queue, done) })
		}
		for _, l := range g.lanes[class] {
			wg.Go(func() {
				turns <- struct{}{}
				defer func() { <-turns }()
				g.occupy(ctx, l, g.apart(class), queue, done)
			})
		}
	}
	wg.Wait()
}

// occupy runs cells on a lane: all that it can get, or only one.
func (g *group) occupy(ctx context.Context, l *lane, once bool, queue <-chan *cell, done func(*cell)) {
	for c := range queue {
		c.lane, l.used = l, true
		c.run(ctx)
		if done(c); once {
			return
		}
	}
}

// turns has room for as many lanes as may be busy at once: of one class or, where all cells are apart, of all.
func (g *group) turns() chan struct{} { return make(chan struct{}, g.stage.opts.Lanes) }

// split makes a group of each profile, with the lanes that are open already: where several do not start together, most
// may start alone.
func (g *group) split() []*group {
	for _, c := range g.cells {
		i := slices.IndexFunc(g.parts, func(part *group) bool { return part.profile == c.scenario.Profile })
		if i < 0 {
			i = len(g.parts)
			g.parts = append(g.parts, &group{stage: g.stage, def: g.def, profile: c.scenario.Profile, chain: g.chain, lanes: map[class][]*lane{}, lacks: g.lacks})
		}
		part := g.parts[i]
		part.cells, part.lanes[c.class()] = append(part.cells, c), g.lanes[c.class()]
	}
	return g.parts
}

// giveUp ends cells for which there is no lane.
func (g *group) giveUp(queue <-chan *cell, done func(*cell)) {
	for c := range queue {
		c.fail(Unsupported, g.lacks[c.class()])
		done(c)
	}
}

// parallel lists the cells that need not run alone, those with traffic if wanted, longest first.
func (g *group) parallel(traffic bool) []*cell {
	var out []*cell
	for _, c := range g.cells {
		if !c.scenario.Exclusive && (traffic || c.scenario.Traffic == nil) {
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b *cell) int { return cmp.Compare(expected(b.scenario), expected(a.scenario)) })
	return out
}

// runExclusive runs the cells that must have the machine to themselves, and then has the gateway stopped.
func (g *group) runExclusive(ctx context.Context, done func(*cell)) {
	for _, part := range g.parts {
		part.runExclusive(ctx, done)
	}
	if g.parts != nil {
		return
	}
	defer g.end()
	for _, c := range g.cells {
		if !c.scenario.Exclusive {
			continue
		}
		if lacks := g.lacks[c.class()]; lacks != nil {
			c.fail(Unsupported, lacks)
		} else {
			c.lane = g.free(c.class())
			c.run(ctx)
		}
		done(c)
	}
}

// free gives a lane that no cell has used or, where that does not matter, the first one.
func (g *group) free(c class) *lane {
	lanes := g.lanes[c]
	i := max(0, slices.IndexFunc(lanes, func(l *lane) bool { return !l.used }))
	lanes[i].used = true
	return lanes[i]
}

// end has the gateways stopped; closing the stage awaits it.
func (g *group) end() {
	for _, part := range g.parts {
		part.end()
	}
	if g.gateway != nil {
		go g.stop()
	}
}

func startVerdict(err error) Verdict {
	if errors.Is(err, gateway.ErrNoImage) || errors.Is(err, gateway.ErrNoBinary) || errors.Is(err, gateway.ErrLacks) || errors.Is(err, upstream.ErrUnsupported) {
		return Unsupported
	}
	return Error
}
