package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
)

// containerScratch is the writable folder of a gateway's container. Every image has it, for whatever user it runs as.
const containerScratch = "/tmp"

// stopTimeout bounds clean-up that has to happen although the caller's context has ended.
const stopTimeout = time.Minute

func startContainer(ctx context.Context, spec Spec) (*Running, error) {
	image, err := spec.FindImage(ctx)
	if err != nil {
		return nil, err
	}
	spec.Lanes = withPorts(spec.Lanes)
	return firstThatRuns(ctx, binariesOf(spec.Definition, image), func(binary string) (*Running, error) {
		return runContainer(ctx, spec, image, binary)
	})
}

// binariesOf are the names to try: an image of ours says its program's name, in others it is found by trying.
func binariesOf(d *Definition, image Image) []string {
	if image.binary != "" {
		return []string{image.binary}
	}
	return d.Binaries
}

func withPorts(lanes []Lane) []Lane {
	out := append([]Lane(nil), lanes...)
	for i := range out {
		if out[i].Listen == 0 {
			out[i].Listen = firstPort + uint16(i)
		}
	}
	return out
}

func runContainer(ctx context.Context, spec Spec, image Image, binary string) (*Running, error) {
	if err := spec.able(ctx, image, binary); err != nil {
		return nil, err
	}
	req, err := gatewayRequest(spec, image, binary)
	if err != nil {
		return nil, err
	}
	logs := NewLogBook(spec.Definition.Lane)
	box, err := spec.Engine.run(ctx, req, logs)
	if err != nil {
		return nil, fmt.Errorf("run %s in %s: %w", binary, image.Ref, err)
	}
	r := &Running{spec: spec, image: image.String(), logs: logs, stop: box.remove, box: box}
	for _, lane := range spec.Lanes {
		r.lanes = append(r.lanes, netip.AddrPortFrom(box.addr, lane.Listen))
	}
	if err := box.awaitGateway(ctx, r, image, binary); err != nil {
		return nil, errors.Join(startError(r.Name(), logs, err), box.remove(ctx))
	}
	return r, nil
}

func gatewayRequest(spec Spec, image Image, binary string) (testcontainers.ContainerRequest, error) {
	d := spec.Definition
	view := newView(spec, "0.0.0.0", containerScratch)
	var req testcontainers.ContainerRequest
	text, err := spec.text(view)
	if err != nil {
		return req, err
	}
	args, err := expandAll(d.Run, view)
	if err != nil {
		return req, err
	}
	env, err := spec.environment(view)
	if err != nil {
		return req, err
	}
	req = testcontainers.ContainerRequest{
		Name:  uniqueName(d.Name, cmp.Or(spec.Profile, "shared")),
		Image: image.Ref, Entrypoint: append([]string{binary}, args...), Cmd: []string{}, Env: env,
		Labels: spec.Engine.labels("gateway"),
		Files:  []testcontainers.ContainerFile{{Reader: strings.NewReader(text), ContainerFilePath: view.Config, FileMode: 0o644}},
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Files)) {
		req.Files = append(req.Files, testcontainers.ContainerFile{Reader: strings.NewReader(spec.Files[name]), ContainerFilePath: view.File(name), FileMode: 0o644})
	}
	spec.Network.attach(&req)
	spec.resolve(&req)
	spec.Sockets.attach(&req)
	if spec.bound() {
		modifyHost(&req, func(h *container.HostConfig) { h.CapDrop = []string{"DAC_OVERRIDE"} })
	}
	return req, nil
}

// able asks the program in the image for its version where the profile requires one.
func (s Spec) able(ctx context.Context, image Image, binary string) error {
	if _, ok := s.Definition.Requires[s.Profile]; !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	version, err := s.Engine.version(s.Definition, image, binary, func() (string, error) {
		return s.Definition.askVersion(ctx, binary, func(_ context.Context, args []string) (said, error) {
			return s.Engine.once(ctx, s, image, append([]string{binary}, args...)) // making the container is not the program's time
		})
	})
	if err != nil {
		return err
	}
	return s.lacking(version)
}

// version gives a product's version in an image, which ask asks for the first time.
func (e *Engine) version(d *Definition, image Image, binary string, ask func() (string, error)) (string, error) {
	key := d.Name + " " + image.ID + " " + binary
	if known, ok := e.versions.Load(key); ok {
		return known.(string), nil
	}
	version, err := ask()
	if err == nil {
		e.versions.Store(key, version)
	}
	return version, err
}

// once runs a command in a container of its own and gives what it printed.
func (e *Engine) once(ctx context.Context, spec Spec, image Image, command []string) (said, error) {
	logs := NewLogBook(Regexp{})
	req := testcontainers.ContainerRequest{Name: uniqueName(spec.Definition.Name), Image: image.Ref,
		Entrypoint: command, Cmd: []string{}, Labels: e.labels("gateway")}
	spec.Network.attach(&req)
	box, err := e.run(ctx, req, logs)
	if err != nil {
		return said{}, err
	}
	select {
	case <-box.exited:
	case <-ctx.Done():
		return said{}, errors.Join(context.Cause(ctx), box.remove(ctx))
	}
	var text strings.Builder
	for _, line := range logs.Tail(maxVersionLines) {
		text.WriteString(line.Text + "\n")
	}
	return said{text: text.String()}, box.remove(ctx)
}

// maxVersionLines is how much of what a product says of itself is read.
const maxVersionLines = 200

// box is a running container whose log is being read.
type box struct {
	engine *Engine
	id     string
	addr   netip.Addr
	// exited is closed when the log has been read to its end, which is when the container has stopped.
	exited chan struct{}
}

// run starts a container on the request's network, publishing nothing, and reads its log into logs until it ends.
// On failure the container is removed.
func (e *Engine) run(ctx context.Context, req testcontainers.ContainerRequest, logs *LogBook) (*box, error) {
	unpublished(&req)
	id, err := e.create(ctx, req)
	if id == "" {
		return nil, err
	}
	b := &box{engine: e, id: id, exited: make(chan struct{})}
	if err == nil && len(req.Networks) > 0 { // one beside another container has that one's address
		err = b.locate(ctx, req.Networks[0])
	}
	var stream io.ReadCloser
	if err == nil {
		stream, err = e.stream(ctx, id, time.Time{})
	}
	if err != nil {
		close(b.exited)
		return nil, errors.Join(err, b.remove(ctx))
	}
	go b.follow(stream, logs)
	return b, nil
}

// createTimeout bounds the creation of one container or network by the engine.
const createTimeout = 30 * time.Second

// create makes and starts a container, to the end once begun: the engine would finish a creation whose client has gone
// away. It gives the container's id also when the start failed; without an id there is no container.
func (e *Engine) create(ctx context.Context, req testcontainers.ContainerRequest) (id string, err error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	containers, err := e.containers()
	if err != nil {
		return "", err
	}
	creating, cancel := context.WithTimeout(context.WithoutCancel(ctx), createTimeout)
	defer cancel()
	made, err := containers.CreateContainer(creating, req)
	if made == nil && errdefs.IsConflict(err) {
		return "", err // the name is somebody else's
	}
	if made == nil {
		return "", errors.Join(err, e.undo(ctx, e.removeContainer, req.Name))
	}
	if err == nil {
		err = made.Start(creating)
	}
	if err == nil {
		err = ctx.Err()
	}
	return made.GetContainerID(), err
}

// undo removes by its name what the engine may have made although it did not say so: its answer came too late.
func (e *Engine) undo(ctx context.Context, remove func(context.Context, string) error, name string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return remove(ctx, name)
}

// unpublished keeps testcontainers from publishing the ports that an image exposes, which it does when a request exposes
// none. The container's own address is what we use.
func unpublished(req *testcontainers.ContainerRequest) {
	var config *container.Config
	var host *container.HostConfig
	modifyConfig, modifyHost := req.ConfigModifier, req.HostConfigModifier
	req.ConfigModifier = func(c *container.Config) {
		config = c
		if modifyConfig != nil {
			modifyConfig(c)
		}
	}
	req.HostConfigModifier = func(h *container.HostConfig) {
		host = h
		if modifyHost != nil {
			modifyHost(h)
		}
	}
	// This hook runs after the one that adds the exposed ports.
	req.LifecycleHooks = append(req.LifecycleHooks, testcontainers.ContainerLifecycleHooks{
		PreCreates: []testcontainers.ContainerRequestHook{func(context.Context, testcontainers.ContainerRequest) error {
			config.ExposedPorts, host.PortBindings = nil, nil
			return nil
		}},
	})
}

func (b *box) locate(ctx context.Context, network string) error {
	found, err := b.engine.docker.ContainerInspect(ctx, b.id, client.ContainerInspectOptions{})
	if err != nil {
		return fmt.Errorf("inspect container: %w", err)
	}
	// A container that has exited already has no address; its log tells why.
	if endpoint := found.Container.NetworkSettings.Networks[network]; endpoint != nil && endpoint.IPAddress.IsValid() {
		b.addr = endpoint.IPAddress
	}
	return nil
}

// follow ends when the container does, because then its log ends.
func (b *box) follow(stream io.ReadCloser, logs *LogBook) {
	defer close(b.exited)
	defer logs.end()
	defer stream.Close()
	reader, writer := io.Pipe()
	go func() {
		_, err := stdcopy.StdCopy(writer, writer, stream)
		writer.CloseWithError(err)
	}()
	logs.read(reader)
}

// awaitGateway waits until all lanes are ready and asks the product for its version at the same time. A gateway that
// exits makes the question fail, too; then the exit is what matters.
func (b *box) awaitGateway(ctx context.Context, r *Running, image Image, binary string) error {
	if !b.addr.IsValid() {
		return b.awaitExit(ctx)
	}
	d := r.spec.Definition
	asked := make(chan error, 1)
	var version string // belongs to the goroutine until it has answered
	go func() {
		var err error
		version, err = b.engine.version(d, image, binary, func() (string, error) {
			return d.askVersion(ctx, binary, func(ctx context.Context, args []string) (said, error) {
				return b.exec(ctx, append([]string{binary}, args...))
			})
		})
		asked <- err
	}()
	if err := awaitReady(ctx, d.Ready, r.lanes, b.exited); err != nil {
		return err
	}
	select {
	case err := <-asked:
		r.version = version
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// awaitExit waits for the rest of the log of a container that has stopped.
func (b *box) awaitExit(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	select {
	case <-b.exited:
		return errExited
	case <-ctx.Done():
		return errors.Join(errExited, ctx.Err())
	}
}

// remove kills the container, removes it and waits for the end of its log. It does so within stopTimeout although the
// context may have ended: what is not removed now would stay.
func (b *box) remove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if err := b.engine.removeContainer(ctx, b.id); err != nil {
		return err
	}
	select {
	case <-b.exited:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("await the end of the log: %w", ctx.Err())
	}
}
