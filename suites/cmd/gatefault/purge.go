package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/gatefault/gatefault/suites/gateway"
)

// Labels that everything of gatefault has in an engine; images that were pulled have none.
const (
	labelAny   = "gatefault"
	labelOwner = "gatefault.owner"
)

// purged counts what a purge removed.
type purged struct{ containers, networks, volumes, images int }

// remover removes things from one engine and goes on after an error. The client is passed in and nothing else is asked:
// no other engine can be meant.
type remover struct {
	docker   *client.Client
	removed  purged
	failures []error
}

// count counts a removal; what is gone already is not a failure.
func (r *remover) count(n *int, what string, err error) {
	switch {
	case err == nil:
		*n++
	case !errdefs.IsNotFound(err):
		r.failures = append(r.failures, fmt.Errorf("remove %s: %w", what, err))
	}
}

// running removes all containers, networks and volumes of gatefault, whoever uses them now.
func (r *remover) running(ctx context.Context) {
	boxes, err := r.docker.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: labelled(labelOwner)})
	r.failures = append(r.failures, err)
	for _, c := range boxes.Items {
		_, err := r.docker.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		r.count(&r.removed.containers, "container", err)
	}
	networks, err := r.docker.NetworkList(ctx, client.NetworkListOptions{Filters: labelled(labelOwner)})
	r.failures = append(r.failures, err)
	for _, n := range networks.Items {
		_, err := r.docker.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{})
		r.count(&r.removed.networks, "network", err)
	}
	volumes, err := r.docker.VolumeList(ctx, client.VolumeListOptions{Filters: labelled(labelOwner)})
	r.failures = append(r.failures, err)
	for _, v := range volumes.Items {
		_, err := r.docker.VolumeRemove(ctx, v.Name, client.VolumeRemoveOptions{Force: true})
		r.count(&r.removed.volumes, "volume", err)
	}
}

// images removes the images that gatefault built and no container uses.
func (r *remover) images(ctx context.Context) {
	images, err := r.docker.ImageList(ctx, client.ImageListOptions{Filters: labelled(labelAny)})
	r.failures = append(r.failures, err)
	for _, image := range images.Items {
		_, err := r.docker.ImageRemove(ctx, image.ID, client.ImageRemoveOptions{Force: true, PruneChildren: true})
		if errdefs.IsConflict(err) {
			continue
		}
		r.count(&r.removed.images, "image", err)
	}
}

func labelled(name string) client.Filters { return make(client.Filters).Add("label", name) }

// purge removes from the engine that a run would use; if none answers there is nothing to remove.
func purge(ctx context.Context, running, images bool) (p purged, err error) {
	engine, err := gateway.Connect(ctx, nil)
	if errors.Is(err, gateway.ErrNoEngine) {
		return p, nil
	}
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	r := &remover{docker: engine.Client()}
	if running {
		r.running(ctx)
	}
	if images {
		r.images(ctx)
	}
	return r.removed, errors.Join(r.failures...)
}
