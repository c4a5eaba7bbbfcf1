package gateway

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
)

// SocketFolder is where containers see the sockets that they share.
const SocketFolder = "/run/gatefault"

// Volume is a folder that containers of one run share: for sockets at [SocketFolder], or with our program in it.
type Volume struct {
	// Name is the volume's name in the engine.
	Name   string
	engine *Engine
}

// Volume makes an empty volume. Remove it when its containers are gone.
func (e *Engine) Volume(ctx context.Context) (*Volume, error) { return e.volume(ctx, "sockets") }

func (e *Engine) volume(ctx context.Context, what string) (*Volume, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), createTimeout)
	defer cancel()
	v := &Volume{Name: uniqueName(what), engine: e}
	_, err := e.docker.VolumeCreate(ctx, client.VolumeCreateOptions{Name: v.Name, Labels: e.labels("volume")})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make a volume: %w", err), e.undo(ctx, e.removeVolume, v.Name))
	}
	return v, nil
}

// ProgramVolume makes a volume with the given program in it, see [Own.Tools]. Remove it when its containers are gone.
func (e *Engine) ProgramVolume(ctx context.Context, binary string) (_ *Volume, err error) {
	tag, err := e.UpstreamImage(ctx, binary)
	if err != nil {
		return nil, err
	}
	v, err := e.volume(ctx, "program")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.undo(ctx, e.removeVolume, v.Name))
		}
	}()
	// The engine copies what an image has at a folder into an empty volume that is mounted there, when it makes the container.
	creating, cancel := context.WithTimeout(context.WithoutCancel(ctx), createTimeout)
	defer cancel()
	name := uniqueName("program")
	_, err = e.docker.ContainerCreate(creating, client.ContainerCreateOptions{Name: name,
		Config:     &container.Config{Image: tag, Labels: e.labels("program")},
		HostConfig: &container.HostConfig{NetworkMode: "none", Mounts: mounts(map[string]*Volume{programFolder: v})}})
	if err = errors.Join(err, e.undo(ctx, e.removeContainer, name)); err != nil {
		return nil, fmt.Errorf("make a volume with the program: %w", err)
	}
	return v, nil
}

// Remove removes the volume. Its containers must be gone.
func (v *Volume) Remove(ctx context.Context) error { return v.engine.removeVolume(ctx, v.Name) }

func (e *Engine) removeVolume(ctx context.Context, name string) error {
	_, err := e.docker.VolumeRemove(ctx, name, client.VolumeRemoveOptions{Force: true})
	if err != nil && !errdefs.IsNotFound(err) {
		return fmt.Errorf("remove volume: %w", err)
	}
	return nil
}

// attach gives a container the volume; nil is no volume.
func (v *Volume) attach(req *testcontainers.ContainerRequest) {
	if v == nil {
		return
	}
	modifyHost(req, func(h *container.HostConfig) {
		h.Mounts = append(h.Mounts, mount.Mount{Type: mount.TypeVolume, Source: v.Name, Target: SocketFolder})
	})
}

// mounts puts volumes at their folders.
func mounts(volumes map[string]*Volume) []mount.Mount {
	var all []mount.Mount
	for _, folder := range slices.Sorted(maps.Keys(volumes)) {
		all = append(all, mount.Mount{Type: mount.TypeVolume, Source: volumes[folder].Name, Target: folder})
	}
	return all
}

// modifyHost adds to what changes the host configuration of a container.
func modifyHost(req *testcontainers.ContainerRequest, modify func(*container.HostConfig)) {
	before := req.HostConfigModifier
	req.HostConfigModifier = func(h *container.HostConfig) {
		if before != nil {
			before(h)
		}
		modify(h)
	}
}
