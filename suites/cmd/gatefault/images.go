package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/gatefault/gatefault/docker"
	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/suites/run"
)

type imagesCmd struct {
	Gateway words `short:"g" placeholder:"NAME" help:"Only these gateways, by name or pattern."`
	Image   words `placeholder:"NAME=REF" help:"Image of a gateway or of a backend such as php-fpm; NAME=debian:SUITE builds it from that suite's packages."`
}

func (c *imagesCmd) Run(ctx context.Context, a *app) error {
	all, err := gateway.Load(docker.Files)
	if err != nil {
		return err
	}
	chosen, err := run.Filter{Gateways: c.Gateway}.SelectGateways(all)
	if err != nil {
		return usage(err)
	}
	overrides, err := chooseImages(c.Image, all)
	if err != nil {
		return usage(err)
	}
	program, err := a.program()
	if err != nil {
		return err
	}
	return a.withEngine(ctx, func(e *gateway.Engine, say func(string, ...any)) error {
		if err := checkStatic(program); err != nil {
			return usage(err)
		}
		return getImages(ctx, e, chosen, overrides, program, say)
	})
}

// withEngine calls f with the Docker engine and a printer that many goroutines may use.
func (a *app) withEngine(ctx context.Context, f func(*gateway.Engine, func(string, ...any)) error) error {
	var mu sync.Mutex // guards the output
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		a.printf(format+"\n", args...)
	}
	e, err := gateway.Connect(ctx, func(name, message string) { say("%s: %s", name, message) })
	if err != nil {
		return plainEngine(err)
	}
	return errors.Join(f(e, say), e.Close())
}

// getImages gets all images side by side, also those of profiles that need packages of their own and of backends; one that
// cannot be had does not keep the others.
func getImages(ctx context.Context, e *gateway.Engine, chosen []*gateway.Definition, overrides map[string]string, program string,
	say func(string, ...any)) error {
	var mu sync.Mutex // guards errs
	var errs []error
	var wg sync.WaitGroup
	get := func(name string, find func(context.Context) (gateway.Image, error)) {
		wg.Go(func() {
			image, err := find(ctx)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case errors.Is(err, gateway.ErrLacks): // the user's choice of an image; what needs another is unsupported
				say("%s: %v", name, err)
			case err != nil:
				errs = append(errs, err)
			default:
				say("%s: %s", name, image)
			}
		})
	}
	for _, d := range chosen {
		if d.Embedded {
			continue
		}
		for _, profile := range d.ImageProfiles() {
			get(d.Name, gateway.Spec{Definition: d, Profile: profile, Engine: e, Image: overrides[d.Name]}.FindImage)
		}
	}
	for _, b := range gateway.Backends(chosen) {
		get(b.Name, gateway.BackendSpec{Backend: b, Engine: e, Image: overrides[b.Name]}.FindImage)
	}
	wg.Go(func() {
		tag, err := e.UpstreamImage(ctx, program)
		mu.Lock()
		defer mu.Unlock()
		if errs = append(errs, err); err == nil {
			say("upstream: %s", tag)
		}
	})
	wg.Wait()
	return errors.Join(errs...)
}

type sweepCmd struct {
	All    bool `help:"Remove the containers, networks and volumes of living runs, too."`
	Images bool `help:"Remove the images that gatefault built, unless a container uses them. Pulled images stay."`
}

// Run removes what dead processes left; without an engine there are only folders.
func (c *sweepCmd) Run(ctx context.Context, a *app) error {
	folders, err := gateway.SweepFolders()
	if err != nil {
		return err
	}
	p, err := c.sweep(ctx, a)
	if err != nil && !errors.Is(err, gateway.ErrNoEngine) {
		return fmt.Errorf("sweep: %w", err)
	}
	if err != nil {
		a.printf("removed folders: %d\nDocker was not asked: %v\n", folders.Folders, err)
		return nil
	}
	a.printf("removed containers: %d, networks: %d, volumes: %d, images: %d, folders: %d\n", p.containers, p.networks, p.volumes, p.images, folders.Folders)
	return nil
}

func (c *sweepCmd) sweep(ctx context.Context, a *app) (p purged, err error) {
	err = a.withEngine(ctx, func(e *gateway.Engine, _ func(string, ...any)) error {
		swept, err := e.Sweep(ctx)
		p.containers, p.networks, p.volumes = swept.Containers, swept.Networks, swept.Volumes
		return err
	})
	if err != nil || !c.All && !c.Images {
		return p, err
	}
	more, err := purge(ctx, c.All, c.Images)
	return purged{p.containers + more.containers, p.networks + more.networks, p.volumes + more.volumes, more.images}, err
}
