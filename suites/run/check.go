package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/config"
	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/upstream/pki"
)

// DefaultInstances bounds how often a user's gateway is started at once.
const DefaultInstances = 16

// check is one run of [Check].
type check struct {
	stage      *stage
	subject    Subject
	strands    []*strand
	houses     []*house
	names      []string // that the configuration has
	stands     []string // what stands in for files that were not brought
	authority  []byte
	tools      *gateway.Volume // nil: not needed
	startOwn   func(context.Context, gateway.Own) (*gateway.Running, error)
	started    atomic.Int64
	firstStart time.Duration
	version    string // of a gateway that runs already, if it is known
	done       func(*cell)
}

// Check runs every scenario of every route on a user's own gateway and judges the cells by the standards and by what is
// known of the product. The gateway is started several times, so that cells that wait do so side by side.
//
// The error is a [*gateway.ConfigError] when the product refuses the configuration, holds a [*RouteError] for each route when
// none leads to its servers, or is what kept the whole check from happening. A single route that leads nowhere is told in the
// reasons of its cells. Everything that was started is gone when Check returns.
func Check(ctx context.Context, opts Options, subject Subject) (*Report, error) {
	began := time.Now()
	opts.Lanes = cmp.Or(opts.Lanes, DefaultInstances)
	k, cells, err := newCheck(opts, subject)
	if err != nil {
		return nil, err
	}
	k.stage.machine = watchMachine()
	report := &Report{Started: began}
	if err = k.prepare(ctx); err == nil {
		err = k.run(ctx, cells)
		report.collect(resultsOf(cells))
		report.Stands = k.stands
	}
	err = errors.Join(err, ctx.Err(), k.stage.close(ctx))
	k.stage.timing.Busy = k.stage.machine.taken()
	report.Timing = k.stage.timing
	report.time(time.Since(began))
	return report, err
}

// run finds out on a first instance where the routes lead, and runs the cells: those that need not be alone on many
// instances, then the others.
func (k *check) run(ctx context.Context, cells []*cell) error {
	began := time.Now()
	first, err := k.start(ctx, false)
	if err != nil {
		return err
	}
	if g := first.gateway; g != nil {
		k.stands = g.Stands()
		for _, c := range cells {
			c.result.Gateway.Version, c.result.Gateway.Image = g.Version(), g.Image()
		}
	}
	k.firstStart = time.Since(began)
	second := k.startSecond(ctx, cells)
	sound, err := k.prove(ctx, first, cells)
	if err != nil {
		err = errors.Join(err, first.stop(ctx))
		if second != nil {
			if in := <-second; in != nil {
				err = errors.Join(err, in.stop(ctx))
			}
		}
		return err
	}
	k.identify(sound)
	alone := func(c *cell) bool { return c.scenario.Exclusive }
	err = k.perform(ctx, first, second, slices.DeleteFunc(slices.Clone(sound), alone))
	return errors.Join(err, k.performAlone(ctx, slices.DeleteFunc(sound, func(c *cell) bool { return !alone(c) })))
}

// startSecond starts one more instance while the first is looked at, if cells have use for it; nil: they have not. nil comes when
// it did not start.
func (k *check) startSecond(ctx context.Context, cells []*cell) <-chan *instance {
	if min(k.stage.opts.Lanes, newQueue(cells).useful(k.firstStart)) < 2 {
		return nil
	}
	second := make(chan *instance, 1)
	go func() {
		in, err := k.start(ctx, false)
		if err != nil {
			in = nil // those that follow tell why
		}
		second <- in
	}()
	return second
}

// newCheck makes the cells: each scenario of each route.
func newCheck(opts Options, subject Subject) (*check, []*cell, error) {
	if subject.Own.Config == nil && subject.Target == nil {
		return nil, nil, errors.New("check a gateway: a configuration is needed")
	}
	if subject.Target != nil {
		subject.Own.Place = gateway.PlaceTarget
	}
	k := &check{stage: &stage{opts: opts}, subject: subject, startOwn: gateway.StartOwn}
	run := randomHex(4)
	var ways []*way
	var cells []*cell
	for _, r := range subject.Routes {
		if len(r.Servers) == 0 {
			return nil, nil, fmt.Errorf("route %s: it has no server", r.Name)
		}
		w := &way{Route: r, id: fmt.Sprintf("gf-%s-0%d", run, len(ways)+1)}
		w.watch.whole = r.Watch
		ways = append(ways, w)
		for _, sc := range r.Scenarios {
			c, err := k.newCell(fmt.Sprintf("gf-%s-%d", run, len(cells)+1), sc, w)
			if err != nil {
				return nil, nil, fmt.Errorf("scenario %s (%s): %w", sc.ID, sc.Source, err)
			}
			cells = append(cells, c)
			w.watch.expect(c)
		}
	}
	k.strands = strands(ways)
	switch {
	case subject.Target != nil:
		k.aim()
	case k.local():
		ownMachine(k.strands)
	}
	k.houses = houses(k.strands)
	if err := k.clash(); err != nil {
		return nil, nil, err
	}
	if subject.Target == nil {
		k.names = namesOf(subject.Own.Config)
	}
	k.done = k.counter(len(cells))
	return k, cells, nil
}

// namesOf lists the host names that a configuration has.
func namesOf(c *config.Config) []string {
	names := slices.Clone(c.Names)
	for _, g := range c.Groups {
		for _, s := range g.Servers {
			if s.Kind() == config.Name {
				names = append(names, hostOf(s))
			}
		}
	}
	return names
}

func (k *check) newCell(id string, sc *scenarios.Scenario, w *way) (*cell, error) {
	f, err := sc.Injects()
	if err != nil {
		return nil, err
	}
	if _, err := f.Values(sc.Params); err != nil {
		return nil, err
	}
	c := newCell(id, sc, f, k.subject.Gateway)
	c.way, c.result.Route = w, w.Name
	c.result.Gateway.Profile, c.result.Gateway.Place = OwnProfile, k.subject.Own.Place
	c.planned = *c.result
	c.everywhere = k.subject.Gateway.Profile(sc.Profile).Servers < 2
	return c, nil
}

// longJournal has an upstream that many instances share keep what happens at all of them while one cell waits for minutes.
var longJournal = []string{"upstream", "--journal", "262144"}

// clash tells of servers beside the gateway at a port that the gateway itself takes.
func (k *check) clash() error {
	for _, h := range k.houses {
		for _, s := range h.strands {
			if h.mode != beside {
				continue
			}
			if err := k.subject.Own.Clash(s.servers); err != nil {
				return err
			}
		}
	}
	return nil
}

// counter tells the progress of cells that are done.
func (k *check) counter(cells int) func(*cell) {
	var mu sync.Mutex // guards finished
	finished := 0
	return func(c *cell) {
		mu.Lock()
		defer mu.Unlock()
		finished++
		c.way.watch.done(c)
		if k.stage.opts.Progress != nil {
			k.stage.opts.Progress(Progress{Result: c.result, Done: finished, Cells: cells})
		}
	}
}

// workers tells whether the gateway's processes may each remember for themselves which servers failed. Of one that runs already
// it is not known what it is.
func (k *check) workers() bool { return k.subject.Target != nil || k.subject.Gateway.Own.Workers }

// image gets the gateway's image before the clock of the starts runs.
func (k *check) image(ctx context.Context) error {
	if k.stage.engine == nil {
		return nil
	}
	began, before := time.Now(), k.stage.timing.Images
	_, err := k.stage.engine.Image(ctx, k.subject.Gateway, k.subject.Own.Image)
	k.stage.waited(&k.stage.timing.Images, before+time.Since(began))
	return err
}

// prepare makes what all instances share.
func (k *check) prepare(ctx context.Context) (err error) {
	if k.subject.Target != nil {
		return k.prepareTarget(ctx)
	}
	k.stage.opts.Local = k.stage.opts.Local || k.local()
	if err := k.stage.connect(ctx); err != nil {
		return err
	}
	if k.stage.engine == nil && !k.local() {
		return fmt.Errorf("this configuration is to be checked in a container, and %w", k.stage.noBox)
	}
	if err := k.image(ctx); err != nil {
		return err
	}
	authority, err := pki.New(time.Now())
	if err != nil {
		return err
	}
	k.authority = authority.PEM()
	if k.stage.secret, err = authority.Secret(); err != nil {
		return err
	}
	var starts errgroup.Group
	starts.Go(func() error { return k.prepareTools(ctx) })
	for _, h := range k.houses {
		if h.mode == byName {
			starts.Go(func() (err error) {
				h.shared, err = k.stage.startContainer(ctx, gateway.UpstreamSpec{Network: k.stage.network, Args: longJournal})
				return err
			})
		}
	}
	return starts.Wait()
}

// prepareTools makes the volume with our program, if a gateway needs it.
func (k *check) prepareTools(ctx context.Context) error {
	needed, err := k.subject.Own.LogsToSystem()
	if err != nil || !needed || k.local() {
		return err
	}
	if k.tools, err = k.stage.engine.ProgramVolume(ctx, k.stage.opts.Program); err == nil {
		k.stage.later(k.tools.Remove)
	}
	return err
}
