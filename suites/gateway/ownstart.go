package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"

	"github.com/gatefault/gatefault/suites/config"
)

// StartOwn starts a gateway with its user's configuration and returns when every entry accepts. Nothing of the user's is
// written to. On failure nothing is left behind; the error wraps [ErrNoImage], or is a [*ConfigError] when the product refuses
// the configuration, or a [*StartError].
func StartOwn(ctx context.Context, own Own) (*Running, error) {
	if err := own.validate(); err != nil {
		return nil, err
	}
	entries, err := own.entries()
	if err != nil {
		return nil, err
	}
	switch {
	case own.Place == PlaceLocal && own.Sandbox == nil:
		return nil, fmt.Errorf("start %s: a sandbox is needed", own.Definition.Name)
	case own.Place == PlaceLocal:
		return own.startLocal(ctx, entries)
	case own.Network == nil:
		return nil, fmt.Errorf("start %s: a container needs a network", own.Definition.Name)
	}
	if _, err := own.files(nil); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	image, err := own.Engine.Image(ctx, own.Definition, own.Image)
	if err != nil {
		return nil, err
	}
	return firstThatRuns(ctx, binariesOf(own.Definition, image), func(binary string) (*Running, error) {
		return own.start(ctx, image, binary, entries)
	})
}

// CheckOwn runs the product's own check of its user's configuration. The error is a [*ConfigError] when the product refuses it. Without
// a network of ours the container has none.
func CheckOwn(ctx context.Context, own Own) error {
	if err := own.validate(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if own.Place == PlaceLocal {
		return own.checkLocal(ctx)
	}
	image, err := own.Engine.Image(ctx, own.Definition, own.Image)
	if err != nil {
		return err
	}
	_, err = firstThatRuns(ctx, binariesOf(own.Definition, image), func(binary string) (struct{}, error) {
		return struct{}{}, own.check(ctx, image, binary)
	})
	return err
}

// firstThatRuns tries the names of a program.
func firstThatRuns[T any](ctx context.Context, binaries []string, run func(binary string) (T, error)) (T, error) {
	var failures []error
	for _, binary := range binaries {
		running, err := run(binary)
		if err == nil {
			return running, nil
		}
		failures = append(failures, err)
		var started *StartError
		var refused *ConfigError
		if errors.As(err, &started) || errors.As(err, &refused) || errors.Is(err, ErrLacks) || ctx.Err() != nil {
			break // the program is there, another name would not help
		}
	}
	var none T
	return none, errors.Join(failures...)
}

// start runs the gateway once.
func (o Own) start(ctx context.Context, image Image, binary string, entries []config.Entry) (*Running, error) {
	d := o.Definition
	logs := NewLogBook(Regexp{})
	r := &Running{spec: Spec{Definition: d, Place: o.Place, Engine: o.Engine, Network: o.Network, Program: o.Program}, image: image.String(), logs: logs}
	box, err := o.run(ctx, image, binary, d.Own.Run, logs, &r.stands)
	if err != nil {
		return nil, fmt.Errorf("run %s in %s: %w", binary, image.Ref, err)
	}
	r.box, r.stop = box, box.remove
	err = box.awaitEntries(ctx, entries)
	if err == nil {
		r.version, err = o.version(ctx, image, binary, box)
	}
	if err != nil {
		return nil, errors.Join(o.reason(ctx, image, binary, logs, err), box.remove(ctx))
	}
	return r, nil
}

// reason tells why the gateway did not start: when its own check refuses the configuration, that is it.
func (o Own) reason(ctx context.Context, image Image, binary string, logs *LogBook, err error) error {
	var refused *ConfigError
	if checkErr := o.check(ctx, image, binary); errors.As(checkErr, &refused) {
		return refused
	}
	return o.failure(logs, err)
}

// failure is a start that went wrong, in the user's paths.
func (o Own) failure(logs *LogBook, err error) error {
	failure := startError(o.Definition.Name, logs, err)
	if files, err := config.OpenFiles(o.Source); err == nil {
		for i, line := range failure.Log {
			failure.Log[i] = userPaths(files, line)
		}
	}
	return failure
}

// check asks the product for its opinion, in a container of its own.
func (o Own) check(ctx context.Context, image Image, binary string) (err error) {
	logs := NewLogBook(Regexp{})
	box, err := o.run(ctx, image, binary, o.Definition.Own.Check, logs, nil)
	if err != nil {
		return fmt.Errorf("check the configuration with %s in %s: %w", binary, image.Ref, err)
	}
	defer func() { err = errors.Join(err, box.remove(ctx)) }()
	code, err := box.exitCode(ctx)
	if err != nil || code == 0 {
		return err
	}
	return o.refused(logs)
}

// refused is what the product said when its check of the configuration failed.
func (o Own) refused(logs *LogBook) error {
	files, err := config.OpenFiles(o.Source)
	if err != nil {
		return err
	}
	var said []string
	for _, line := range logs.Tail(maxVersionLines) {
		said = append(said, line.Text)
	}
	return o.refusal(files, said)
}

// run starts a container with the user's files and a command of the product's. stands, if wanted, tells what was made up.
func (o Own) run(ctx context.Context, image Image, binary string, args []string, logs *LogBook, stands *[]string) (*box, error) {
	req, err := o.request(image, binary, args)
	if err != nil {
		return nil, err
	}
	req.LifecycleHooks = []testcontainers.ContainerLifecycleHooks{{
		PostCreates: []testcontainers.ContainerHook{func(ctx context.Context, made testcontainers.Container) error {
			look := o.Engine.look(ctx, image, made.GetContainerID())
			files, err := o.files(look)
			if err != nil {
				return err
			}
			if stands != nil {
				*stands = files.stands
			}
			return o.Engine.putTree(ctx, made.GetContainerID(), files.tree, look.account(o.user(image)))
		}},
	}}
	return o.Engine.run(ctx, req, logs)
}

// user is the account that the gateway starts under: root, or what the user's own image says.
func (o Own) user(image Image) string {
	if o.Image == "" || strings.HasPrefix(o.Image, debianOverride) {
		return "0:0"
	}
	return image.user
}

// prefix is the folder where the gateway is started.
func (o Own) prefix() string { return cmp.Or(o.Source.Prefix, o.Source.Home) }

func (o Own) request(image Image, binary string, args []string) (testcontainers.ContainerRequest, error) {
	d := o.Definition
	view := OwnView{Config: o.Config.Main, Prefix: o.prefix(), Foreground: o.Config.Foreground}
	command, err := view.args(args)
	if err != nil {
		return testcontainers.ContainerRequest{}, err
	}
	req := testcontainers.ContainerRequest{
		Name: uniqueName(d.Name, "own"), Image: image.Ref, Labels: o.Engine.labels("gateway"),
		Entrypoint: append([]string{binary}, command...), Cmd: []string{}, Env: o.environment(),
		ConfigModifier: func(c *container.Config) {
			c.User, c.WorkingDir = o.user(image), o.prefix()
			c.Healthcheck = noHealthcheck()
		},
		HostConfigModifier: o.host,
	}
	if o.Network != nil {
		o.Network.attach(&req)
	} else {
		modifyHost(&req, func(h *container.HostConfig) { h.NetworkMode = "none" })
	}
	return req, nil
}

// host gives the container names, and the folders that it shares with the upstream.
func (o Own) host(h *container.HostConfig) {
	for _, name := range slices.Sorted(maps.Keys(o.Hosts)) {
		h.ExtraHosts = append(h.ExtraHosts, name+":"+o.Hosts[name].String())
	}
	h.Mounts = append(h.Mounts, mounts(o.Sockets)...)
	allowIPv6(h, o.IPv6())
	if len(o.Sockets) > 0 {
		h.CapDrop = []string{"DAC_OVERRIDE"} // file permissions decide who may connect to a socket
	}
}

// environment is the product's usual one and what the user sets.
func (o Own) environment() map[string]string {
	env := map[string]string{}
	for _, more := range []map[string]string{o.Definition.Own.Env, o.trust(), o.Env} {
		maps.Copy(env, more)
	}
	return env
}

// version asks the product for its version, once for each image.
func (o Own) version(ctx context.Context, image Image, binary string, box *box) (string, error) {
	key := image.ID + " " + binary
	if known, ok := o.Engine.versions.Load(key); ok {
		return known.(string), nil
	}
	version, err := o.Definition.askVersion(ctx, binary, func(ctx context.Context, args []string) (said, error) {
		return box.exec(ctx, append([]string{binary}, args...))
	})
	if err == nil {
		o.Engine.versions.Store(key, version)
	}
	return version, err
}

// awaitEntries waits until every entry accepts.
func (b *box) awaitEntries(ctx context.Context, entries []config.Entry) error {
	if !b.addr.IsValid() {
		return b.awaitExit(ctx)
	}
	return awaitEntries(ctx, entries, func(config.Entry) netip.Addr { return b.addr }, lookTCP, b.exited)
}

// awaitEntries waits until every entry accepts at its address.
func awaitEntries(ctx context.Context, entries []config.Entry, addr func(config.Entry) netip.Addr, look looker, exited <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for _, entry := range entries {
		err := awaitEach(ctx, look, []netip.AddrPort{netip.AddrPortFrom(addr(entry), entry.Port)}, exited)
		switch {
		case errors.Is(err, errExited):
			return err
		case err != nil:
			return fmt.Errorf("nothing accepts at port %d (%s): %w", entry.Port, entry.At, err)
		}
	}
	return nil
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
