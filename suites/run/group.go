package run

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/gatefault/gatefault/suites/gateway"
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
	suffix  string           // of the gateway's name in those of the lanes' endpoints, where there are several groups of one sort
	failed  error            // why it did not start
	gateway *gateway.Running // what clients talk to
	inner   *gateway.Running // in a chain: the one behind, that talks to the upstream
	lanes   map[class][]*lane
	lacks   map[class]error // why there are no such lanes

	mu   sync.Mutex // guards stop while the group starts
	stop func() error
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

// begin starts the gateway, or one for each profile where several do not start together.
func (g *group) begin(ctx context.Context) {
	var refused *gateway.StartError
	if g.failed = g.start(ctx); g.profile != "" || !errors.As(g.failed, &refused) {
		return
	}
	var wg sync.WaitGroup
	for _, part := range g.split() {
		wg.Go(func() { part.failed = part.start(ctx) })
	}
	wg.Wait()
}

// whole is the group, or its parts.
func (g *group) whole() []*group {
	if g.parts != nil {
		return g.parts
	}
	return []*group{g}
}

// run runs the group's parallel cells, longest first, unless the gateway did not start.
func (g *group) run(ctx context.Context, startErr error, done func(*cell)) {
	if startErr != nil {
		for _, c := range g.cells {
			c.fail(startVerdict(startErr), startErr)
			c.result.Lacking = errors.Is(startErr, gateway.ErrLacks)
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
		if g.stage.run(ctx, c, done); once {
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
			g.stage.runAlone(ctx, c)
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
