package gateway

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// instances is how many gateways a check of a configuration starts side by side.
const instances = 14

// BenchmarkInstances starts instances of a gateway with its user's configuration side by side, each on a network of its own: with one
// upstream that joins them all under a name, or with an upstream each that takes an address there, or that stands beside the
// gateway. It tells where the time goes, in seconds an instance.
func BenchmarkInstances(b *testing.B) {
	e, err := Connect(b.Context(), nil)
	if err != nil {
		b.Skip(err)
	}
	defer e.Close()
	for _, to := range []string{"app:9001", "10.20.30.40:9001", "127.0.0.1:9001"} {
		own := proxyTo(to)["nginx"].own(b, e, definitions(b)["nginx"])
		own.Program = upstreamProgram(b)
		b.Run(to, func(b *testing.B) {
			for b.Loop() {
				startInstances(b, own, to)
			}
		})
	}
}

func startInstances(b *testing.B, own Own, to string) {
	e := own.Engine
	first, err := e.Network(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	u, err := e.Upstream(b.Context(), UpstreamSpec{Binary: own.Program, Network: first, Token: "t"})
	if err != nil {
		b.Fatal(err)
	}
	spent := &phases{sums: map[string]time.Duration{}, undo: make([][]func(context.Context) error, instances)}
	began := time.Now()
	var all errgroup.Group
	for i := range instances {
		all.Go(func() error {
			return spent.instance(b.Context(), i, own, u, netip.MustParseAddrPort(strings.Replace(to, "app", "0.0.0.0", 1)).Addr())
		})
	}
	err = all.Wait()
	b.ReportMetric(time.Since(began).Seconds(), "s/start")
	began = time.Now()
	var gone errgroup.Group
	for _, undo := range spent.undo {
		gone.Go(func() error {
			for _, f := range slices.Backward(undo) {
				if err := f(context.Background()); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := errors.Join(err, gone.Wait(), u.Stop(context.Background()), first.Remove(context.Background())); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(time.Since(began).Seconds(), "s/stop")
	for name, sum := range spent.sums {
		b.ReportMetric(sum.Seconds()/instances, name+"-s/instance")
	}
}

// phases adds up what the steps of all instances took, and what undoes them.
type phases struct {
	undo [][]func(context.Context) error
	mu   sync.Mutex // guards sums
	sums map[string]time.Duration
}

// step does one thing and adds up its time.
func (p *phases) step(name string, do func() error) error {
	began := time.Now()
	err := do()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sums[name] += time.Since(began)
	return err
}

func (p *phases) after(i int, undo func(context.Context) error) { p.undo[i] = append(p.undo[i], undo) }

// instance starts one; addr is where its upstream is to be: unspecified for a name, or loopback.
func (p *phases) instance(ctx context.Context, i int, own Own, shared *Upstream, addr netip.Addr) (err error) {
	if err := p.step("network", func() error { own.Network, err = own.Engine.Network(ctx); return err }); err != nil {
		return err
	}
	n := own.Network
	p.after(i, n.Remove)
	if addr.IsUnspecified() {
		err := p.step("join", func() error {
			at, err := shared.Join(ctx, n, "app")
			own.Hosts = map[string]netip.Addr{"app": at}
			return err
		})
		if err != nil {
			return err
		}
		p.after(i, func(ctx context.Context) error { return shared.Leave(ctx, n) })
	}
	var r *Running
	if err := p.step("gateway", func() error { r, err = StartOwn(ctx, own); return err }); err != nil {
		return err
	}
	p.after(i, r.Stop)
	spec := UpstreamSpec{Binary: own.Program, Token: "t"}
	switch {
	case addr.IsUnspecified():
		return nil
	case addr.IsLoopback():
		spec.Beside = r
	default:
		spec.Network = n
	}
	var u *Upstream
	if err := p.step("upstream", func() error { u, err = own.Engine.Upstream(ctx, spec); return err }); err != nil {
		return err
	}
	p.after(i, u.Stop)
	if addr.IsLoopback() {
		return nil
	}
	if err := p.step("take", func() error { return u.Take(ctx, n, addr) }); err != nil {
		return err
	}
	return p.step("reach", func() error { return r.Reach(ctx, addr) })
}
