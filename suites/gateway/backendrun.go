package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
)

// LanePool is a pool of a backend for one lane.
type LanePool struct {
	// ID is the pool's name in the backend's configuration and log: the lane's endpoint.
	ID string
	// Pool is the name of its settings, see [Backend.Pools].
	Pool string
	// Listen is where the gateway finds it: an address of the upstream's container.
	Listen netip.AddrPort
	// Env is the environment of the application.
	Env map[string]string
}

// BackendSpec says what to start.
type BackendSpec struct {
	Backend *Backend
	Engine  *Engine
	// Image overrides the image ladder, see [Engine.Image].
	Image string
	// Beside is the upstream whose network namespace the backend shares: its address stays when the backend has stopped,
	// so that a connection is refused and not lost.
	Beside *Upstream
	Pools  []LanePool
}

// RunningBackend is a backend that is ready on every pool. Stop it.
type RunningBackend struct {
	spec    BackendSpec
	version string

	mu   sync.Mutex // guards what follows
	box  *box
	logs *LogBook
}

// Exit is how a backend ended.
type Exit struct {
	Code int
	At   time.Time // on the engine's clock
	Last string    // the last line that it logged
}

// Version is the version as the product itself prints it.
func (r *RunningBackend) Version() string { return r.version }

// Title is the product's name as people write it.
func (r *RunningBackend) Title() string { return r.spec.Backend.Title }

// Logs is what the backend logs since it was started the last time.
func (r *RunningBackend) Logs() *LogBook {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.logs
}

// FindImage finds the backend's image; see [Engine.Image].
func (s BackendSpec) FindImage(ctx context.Context) (Image, error) {
	return s.Engine.Image(ctx, s.Backend.product(), s.Image)
}

// StartBackend starts a backend beside an upstream and returns when every pool accepts. On failure nothing is left behind;
// the error wraps [ErrNoImage] or is a [*StartError].
func StartBackend(ctx context.Context, spec BackendSpec) (*RunningBackend, error) {
	image, err := spec.FindImage(ctx)
	if err != nil {
		return nil, err
	}
	return firstThatRuns(ctx, binariesOf(spec.Backend.product(), image), func(binary string) (*RunningBackend, error) {
		return runBackend(ctx, spec, image, binary)
	})
}

func runBackend(ctx context.Context, spec BackendSpec, image Image, binary string) (*RunningBackend, error) {
	req, err := backendRequest(spec, image, binary)
	if err != nil {
		return nil, err
	}
	logs := NewLogBook(Regexp{})
	box, err := spec.Engine.run(ctx, req, logs)
	if err != nil {
		return nil, fmt.Errorf("run %s in %s: %w", binary, image.Ref, err)
	}
	r := &RunningBackend{spec: spec, box: box, logs: logs}
	err = r.awaitReady(ctx)
	if err == nil {
		r.version, err = spec.Backend.product().askVersion(ctx, binary, func(ctx context.Context, args []string) (said, error) {
			return box.exec(ctx, append([]string{binary}, args...))
		})
	}
	if err != nil {
		return nil, errors.Join(startError(spec.Backend.Name, logs, err), box.remove(ctx))
	}
	return r, nil
}

func (r *RunningBackend) awaitReady(ctx context.Context) error {
	var pools []netip.AddrPort
	for _, p := range r.spec.Pools {
		pools = append(pools, p.Listen)
	}
	return awaitReady(ctx, ReadyTCP, pools, r.box.exited)
}

func backendRequest(spec BackendSpec, image Image, binary string) (testcontainers.ContainerRequest, error) {
	b := spec.Backend
	view := b.view(spec.Pools)
	var req testcontainers.ContainerRequest
	text, err := b.render(view)
	if err != nil {
		return req, err
	}
	args, err := expandAll(b.Run, view)
	if err != nil {
		return req, err
	}
	return testcontainers.ContainerRequest{
		Name: uniqueName(b.Name), Image: image.Ref, Labels: spec.Engine.labels("backend"),
		Entrypoint: append([]string{binary}, args...), Cmd: []string{},
		Files: []testcontainers.ContainerFile{
			{Reader: strings.NewReader(text), ContainerFilePath: view.Config, FileMode: 0o644},
			{Reader: strings.NewReader(b.code), ContainerFilePath: b.ScriptPath(), FileMode: 0o644},
		},
		ConfigModifier: func(c *container.Config) { c.User = "0:0" },
		HostConfigModifier: func(h *container.HostConfig) {
			h.NetworkMode = container.NetworkMode("container:" + spec.Beside.box.id)
		},
	}, nil
}

// Halt stops the backend as a service manager does, with its image's stop signal, and tells how it ended.
func (r *RunningBackend) Halt(ctx context.Context) (Exit, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	docker, patience := r.spec.Engine.docker, int(stopTimeout.Seconds())
	if _, err := docker.ContainerStop(ctx, r.box.id, client.ContainerStopOptions{Timeout: &patience}); err != nil {
		return Exit{}, fmt.Errorf("stop %s: %w", r.Title(), err)
	}
	if err := r.box.awaitExit(ctx); !errors.Is(err, errExited) || ctx.Err() != nil {
		return Exit{}, fmt.Errorf("stop %s: %w", r.Title(), err)
	}
	found, err := docker.ContainerInspect(ctx, r.box.id, client.ContainerInspectOptions{})
	if err != nil {
		return Exit{}, fmt.Errorf("inspect %s: %w", r.Title(), err)
	}
	state := found.Container.State
	if state == nil || state.Running {
		return Exit{}, fmt.Errorf("stop %s: its container says that it still runs", r.Title())
	}
	exit := Exit{Code: state.ExitCode}
	exit.At, err = time.Parse(time.RFC3339Nano, state.FinishedAt)
	for _, line := range r.logs.Tail(1) {
		exit.Last = line.Text
	}
	return exit, err
}

// Resume starts a backend that was halted and returns when every pool accepts; one that runs is left alone.
func (r *RunningBackend) Resume(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.box.exited:
	default:
		return nil
	}
	e, began := r.spec.Engine, time.Now()
	if _, err := e.docker.ContainerStart(ctx, r.box.id, client.ContainerStartOptions{}); err != nil {
		return fmt.Errorf("start %s again: %w", r.Title(), err)
	}
	stream, err := e.stream(ctx, r.box.id, began)
	if err != nil {
		return fmt.Errorf("start %s again: %w", r.Title(), err)
	}
	r.box = &box{engine: e, id: r.box.id, addr: r.box.addr, exited: make(chan struct{})}
	r.logs = NewLogBook(Regexp{})
	go r.box.follow(stream, r.logs)
	return r.awaitReady(ctx)
}

// Stop kills the backend and removes its container. Stopping twice is harmless.
func (r *RunningBackend) Stop(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.box.remove(ctx)
}

// stream gives the container's log from a time on, or from its beginning. It outlives the context: it ends with the container.
func (e *Engine) stream(ctx context.Context, id string, since time.Time) (io.ReadCloser, error) {
	options := client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Follow: true}
	if !since.IsZero() {
		options.Since = since.Format(time.RFC3339Nano)
	}
	return e.docker.ContainerLogs(context.WithoutCancel(ctx), id, options)
}
