package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/upstream"
)

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
		l.entry, l.tag = entry{addr: g.gateway.LaneAddr(l.index).String()}, gateway.LaneName(l.index)
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

func startVerdict(err error) Verdict {
	if errors.Is(err, gateway.ErrNoImage) || errors.Is(err, gateway.ErrNoBinary) || errors.Is(err, gateway.ErrLacks) || errors.Is(err, upstream.ErrUnsupported) {
		return Unsupported
	}
	return Error
}
