package gateway

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"

	"github.com/gatefault/gatefault/suites/config"
)

// ownRun is one container with the user's configuration.
type ownRun struct {
	Own
	image  Image
	binary string
	// args are templates of the product's arguments.
	args []string
	// beside is a command that runs the product's, or empty.
	beside []string
	// stands is what was made up, once the container is there.
	stands []string
}

// open starts the container.
func (r *ownRun) open(ctx context.Context, logs *LogBook) (*box, error) {
	req, err := r.request()
	if err != nil {
		return nil, err
	}
	req.LifecycleHooks = []testcontainers.ContainerLifecycleHooks{{
		PostCreates: []testcontainers.ContainerHook{func(ctx context.Context, made testcontainers.Container) error {
			return r.fill(ctx, made.GetContainerID())
		}},
	}}
	return r.Engine.run(ctx, req, logs)
}

// fill puts the files into the container, which was not started yet.
func (r *ownRun) fill(ctx context.Context, container string) error {
	look := r.Engine.look(ctx, r.image, container)
	files, err := r.files(look)
	if err != nil {
		return err
	}
	r.stands = files.stands
	return r.Engine.putTree(ctx, container, files.tree, look.account(r.user()))
}

// user is the account that the gateway starts under: root, or what the user's own image says.
func (r *ownRun) user() string {
	if r.Image == "" || strings.HasPrefix(r.Image, debianOverride) {
		return "0:0"
	}
	return r.image.user
}

func (r *ownRun) request() (testcontainers.ContainerRequest, error) {
	view := OwnView{Config: r.Config.Main, Prefix: r.prefix(), Foreground: r.Config.Foreground}
	args, err := view.args(r.args)
	if err != nil {
		return testcontainers.ContainerRequest{}, err
	}
	req := testcontainers.ContainerRequest{
		Name: uniqueName(r.Definition.Name, "own"), Image: r.image.Ref, Labels: r.Engine.labels("gateway"),
		Entrypoint: slices.Concat(r.beside, []string{r.binary}, args), Cmd: []string{}, Env: r.environment(),
		ConfigModifier: func(c *container.Config) {
			c.User, c.WorkingDir, c.Healthcheck = r.user(), r.prefix(), noHealthcheck()
		},
		HostConfigModifier: r.host,
	}
	if r.Network != nil {
		r.Network.attach(&req)
	} else {
		modifyHost(&req, func(h *container.HostConfig) { h.NetworkMode = "none" })
	}
	return req, nil
}

// prefix is the folder where the gateway is started.
func (o Own) prefix() string { return cmp.Or(o.Source.Prefix, o.Source.Home) }

// LogsToSystem tells whether the gateway logs to the system's log server.
func (o Own) LogsToSystem() (bool, error) {
	sockets, err := o.syslogSockets()
	return len(sockets) > 0, err
}

// besideSyslog is the command that runs the gateway beside a log server, if it logs to the system's: an image has none.
func (o Own) besideSyslog() ([]string, error) {
	sockets, err := o.syslogSockets()
	if err != nil || len(sockets) == 0 || o.Tools == nil {
		return nil, err
	}
	return []string{programPath, "with-syslog", strings.Join(sockets, ",")}, nil
}

// host gives the container names, and the folders that it shares with the upstream.
func (o Own) host(h *container.HostConfig) {
	names := o.names()
	for _, name := range slices.Sorted(maps.Keys(names)) {
		h.ExtraHosts = append(h.ExtraHosts, name+":"+names[name].String())
	}
	h.Mounts = append(h.Mounts, mounts(o.Sockets)...)
	if o.Tools != nil {
		h.Mounts = append(h.Mounts, mount.Mount{Type: mount.TypeVolume, Source: o.Tools.Name, Target: programFolder, ReadOnly: true})
	}
	allowIPv6(h, o.IPv6())
	if slices.ContainsFunc(o.Config.Entries, func(e config.Entry) bool { return !Reachable(e) }) {
		setSysctl(h, "net.ipv4.ip_nonlocal_bind", "1") // another entry may be what is asked for
		if o.IPv6() {
			setSysctl(h, "net.ipv6.ip_nonlocal_bind", "1")
		}
	}
	if len(o.Sockets) > 0 {
		h.CapDrop = []string{"DAC_OVERRIDE"} // file permissions decide who may connect to a socket
	}
}

// environment is the product's usual one, what files beside the configuration set and what the user sets.
func (o Own) environment() map[string]string {
	env := map[string]string{}
	for _, more := range []map[string]string{o.Definition.Own.Env, o.Config.Env, o.trust(), o.Env} {
		maps.Copy(env, more)
	}
	return env
}

// version asks the product for its version, once for each image.
func (o Own) version(ctx context.Context, image Image, binary string, box *box) (string, error) {
	return o.Engine.version(o.Definition, image, binary, func() (string, error) {
		return o.Definition.askVersion(ctx, binary, func(ctx context.Context, args []string) (said, error) {
			return box.exec(ctx, append([]string{binary}, args...))
		})
	})
}

// exitCode waits for the end of the container and tells how it ended.
func (b *box) exitCode(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	select {
	case <-b.exited:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	found, err := b.engine.docker.ContainerInspect(ctx, b.id, client.ContainerInspectOptions{})
	if err != nil {
		return 0, fmt.Errorf("inspect container: %w", err)
	}
	return found.Container.State.ExitCode, nil
}
