package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/gateway"
)

// group is all cells of one gateway with one profile: one start, many lanes.
type group struct {
	stage   *stage
	def     *gateway.Definition
	profile string
	cells   []*cell
	gateway *gateway.Running
	lanes   []*lane // plain ones
	memory  *lane   // to the upstream with the memory limit
	stop    func() error
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
	if err := g.openLanes(ctx); err != nil {
		return err
	}
	spec := gateway.Spec{Definition: g.def, Profile: g.profile, Place: g.place(), Engine: g.stage.engine, Network: g.stage.joined,
		Image: g.stage.opts.Images[g.def.Name], Binary: g.stage.opts.Binaries[g.def.Name]}
	all := g.lanes
	if g.memory != nil {
		all = append(slices.Clone(all), g.memory)
	}
	for i, l := range all {
		l.index = i
		spec.Lanes = append(spec.Lanes, gateway.Lane{Index: i, Upstream: l.upstream})
	}
	if err := g.image(ctx, spec); err != nil {
		return err
	}
	began := time.Now()
	running, err := gateway.Start(ctx, spec)
	if err != nil {
		return err
	}
	g.stage.waited(&g.stage.timing.SlowestStart, time.Since(began))
	g.stop = sync.OnceValue(func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), teardownTimeout)
		defer cancel()
		return running.Stop(ctx)
	})
	g.stage.stopping(func(context.Context) error { return g.stop() })
	g.gateway = running
	for _, l := range all {
		l.gateway = running
	}
	return nil
}

// image gets the image before the clock of the start runs: a pull or build is not the gateway's own time.
func (g *group) image(ctx context.Context, spec gateway.Spec) error {
	if spec.Place != gateway.PlaceContainer {
		return nil
	}
	began := time.Now()
	_, err := spec.Engine.Image(ctx, spec.Definition, spec.Image)
	g.stage.waited(&g.stage.timing.Images, time.Since(began))
	return err
}

// openLanes opens an endpoint for each lane.
func (g *group) openLanes(ctx context.Context) error {
	parallel, memory := 0, false
	for _, c := range g.cells {
		if c.scenario.Endpoint == scenarios.MemoryEndpoint {
			memory = true
		} else if !c.scenario.Exclusive {
			parallel++
		}
	}
	for i := range max(1, min(parallel, g.stage.opts.Lanes)) {
		l, err := g.openLane(ctx, g.stage.plain, fmt.Sprintf("%s-%s-%d", g.def.Name, g.profile, i))
		if err != nil {
			return err
		}
		g.lanes = append(g.lanes, l)
	}
	if memory && g.stage.memory != nil {
		l, err := g.openLane(ctx, g.stage.memory, fmt.Sprintf("%s-%s-memory", g.def.Name, g.profile))
		g.memory = l
		return err
	}
	return nil
}

func (g *group) openLane(ctx context.Context, h *upstreamHost, id string) (*lane, error) {
	addr, err := h.endpoint(ctx, id)
	if err != nil {
		return nil, err
	}
	return &lane{endpoint: id, upstream: addr, control: h.control}, nil
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
			done(c)
		}
		g.cells = nil
		return
	}
	for _, c := range g.cells {
		c.result.Gateway.Version, c.result.Gateway.Image = g.gateway.Version(), g.gateway.Image()
	}
	queue := make(chan *cell, len(g.cells))
	for _, c := range g.parallel() {
		queue <- c
	}
	close(queue)
	var wg sync.WaitGroup
	for _, l := range g.lanes {
		wg.Go(func() {
			for c := range queue {
				c.lane = l
				c.run(ctx)
				done(c)
			}
		})
	}
	wg.Wait()
}

// parallel lists the cells that need not run alone, longest first.
func (g *group) parallel() []*cell {
	var out []*cell
	for _, c := range g.cells {
		if !c.scenario.Exclusive {
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b *cell) int { return cmp.Compare(expected(b.scenario), expected(a.scenario)) })
	return out
}

// runExclusive runs the cells that must have the machine to themselves, and then has the gateway stopped.
func (g *group) runExclusive(ctx context.Context, done func(*cell)) {
	if g.gateway != nil {
		defer func() { go g.stop() }() // closing the stage awaits it
	}
	for _, c := range g.cells {
		if !c.scenario.Exclusive {
			continue
		}
		c.lane = g.lanes[0]
		if c.scenario.Endpoint == scenarios.MemoryEndpoint {
			c.lane = g.memory
		}
		if c.lane == nil {
			c.fail(Unsupported, g.stage.noMem)
		} else {
			c.run(ctx)
		}
		done(c)
	}
}

func startVerdict(err error) Verdict {
	if errors.Is(err, gateway.ErrNoImage) || errors.Is(err, gateway.ErrNoBinary) {
		return Unsupported
	}
	return Error
}
