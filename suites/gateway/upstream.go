package gateway

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"

	"github.com/gatefault/gatefault/docker"
)

// ControlPort is the port of the upstream's control API inside its container.
const ControlPort = 9500

// programFolder is where the program lies, alone, in the upstream's image, and programPath its path.
const (
	programFolder = "/gatefault"
	programPath   = programFolder + "/gatefault"
)

// tokenVariable is the environment variable in which the upstream gets the token of its control API.
const tokenVariable = "GATEFAULT_TOKEN"

// authorityVariable is the one in which it gets the secret of its authority.
const authorityVariable = "GATEFAULT_CA"

// UpstreamSpec says how to run the chaos upstream in a container.
type UpstreamSpec struct {
	// Binary is the path of a statically linked gatefault program for Linux.
	Binary  string
	Network *Network
	// Beside, instead of a network, is a gateway in a container whose network namespace it shares: it then sees what the
	// gateway's host would.
	Beside *Running
	// Sockets, if set, is the volume that it makes its sockets in.
	Sockets *Volume
	// Volumes are further volumes, by the folder in which they lie for it.
	Volumes map[string]*Volume
	// IPv6 gives the container's interfaces IPv6 addresses, which the engine withholds on networks like ours.
	IPv6 bool
	// Names are further names of the upstream on the network.
	Names []string
	// Memory limits the container, in bytes, with no swap beyond it. 0 means no limit.
	Memory int64
	// Token protects the control API; it is passed in GATEFAULT_TOKEN.
	Token string
	// Authority is the secret of the authority that signs what it presents, see [pki.Authority.Secret]; nil: one of its own.
	Authority []byte
	// Env is added to the environment.
	Env map[string]string
	// Args replace the image's command `upstream`.
	Args []string
}

// Upstream is a running upstream container, or one in a sandbox.
type Upstream struct {
	addr    netip.Addr
	logs    *LogBook
	box     *box    // nil in a sandbox
	inside  *inside // nil in a container
	control netip.AddrPort
}

// Addr is its own address. Nothing is published.
func (u *Upstream) Addr() netip.Addr { return u.addr }

// Control is where the control API listens.
func (u *Upstream) Control() netip.AddrPort { return u.control }

// Logs is what the upstream logs.
func (u *Upstream) Logs() *LogBook { return u.logs }

// Exited is closed when it has stopped, for whatever reason.
func (u *Upstream) Exited() <-chan struct{} {
	if u.inside != nil {
		return u.inside.program.exited
	}
	return u.box.exited
}

// Stop kills the upstream and removes its container. Stopping twice is harmless.
func (u *Upstream) Stop(ctx context.Context) error {
	if u.inside != nil {
		return u.inside.program.stop(ctx)
	}
	return u.box.remove(ctx)
}

// Upstream builds the image of the given program, unless it is there, and runs it as root with CAP_NET_ADMIN, so that it
// can set firewall rules in its own network namespace. It returns when the control port accepts.
func (e *Engine) Upstream(ctx context.Context, spec UpstreamSpec) (*Upstream, error) {
	if (spec.Network == nil) == (spec.Beside == nil) || spec.Beside != nil && spec.Beside.box == nil {
		return nil, errors.New("run the upstream: either a network or a gateway in a container is needed")
	}
	tag, err := e.UpstreamImage(ctx, spec.Binary)
	if err != nil {
		return nil, err
	}
	logs := NewLogBook(Regexp{})
	box, err := e.run(ctx, e.upstreamRequest(spec, tag), logs)
	if err != nil {
		return nil, fmt.Errorf("run the upstream: %w", err)
	}
	if spec.Beside != nil {
		box.addr = spec.Beside.box.addr
	}
	u := &Upstream{addr: box.addr, logs: logs, box: box, control: netip.AddrPortFrom(box.addr, ControlPort)}
	ready := box.awaitExit
	if u.addr.IsValid() {
		ready = func(ctx context.Context) error {
			return awaitReady(ctx, ReadyTCP, []netip.AddrPort{u.Control()}, box.exited)
		}
	}
	if err := ready(ctx); err != nil {
		return nil, errors.Join(startError("upstream", logs, err), box.remove(ctx))
	}
	return u, nil
}

func (e *Engine) upstreamRequest(spec UpstreamSpec, tag string) testcontainers.ContainerRequest {
	req := testcontainers.ContainerRequest{
		Name:  uniqueName("upstream"),
		Image: tag, Cmd: spec.Args, Labels: e.labels("upstream"), Env: map[string]string{tokenVariable: spec.Token},
		ConfigModifier: func(c *container.Config) {
			c.User = "0:0"
			c.Healthcheck = noHealthcheck()
		},
		HostConfigModifier: func(h *container.HostConfig) {
			h.CapAdd = []string{"NET_ADMIN"}
			// ICMP errors are rate-limited by default, which turns parallel rejects into timeouts (icmp(7)).
			h.Sysctls = map[string]string{"net.ipv4.icmp_ratelimit": "0"}
			allowIPv6(h, spec.IPv6)
			h.Memory, h.MemorySwap = spec.Memory, spec.Memory
		},
	}
	if spec.Authority != nil {
		req.Env[authorityVariable] = string(spec.Authority)
	}
	for name, value := range spec.Env {
		req.Env[name] = value
	}
	if spec.Beside == nil {
		spec.Network.attach(&req, spec.Names...)
	} else {
		spec.Beside.share(&req)
	}
	spec.Sockets.attach(&req)
	modifyHost(&req, func(h *container.HostConfig) { h.Mounts = append(h.Mounts, mounts(spec.Volumes)...) })
	return req
}

// noHealthcheck turns an image's own check off: the harness watches ports itself, and a check every few seconds would
// disturb measurements and be an innocent victim of the out-of-memory killer.
func noHealthcheck() *container.HealthConfig {
	return &container.HealthConfig{Test: []string{"NONE"}}
}

// allowIPv6 turns IPv6 on in a container's network namespace, the loopback interface included.
func allowIPv6(h *container.HostConfig, wanted bool) {
	if wanted {
		setSysctl(h, "net.ipv6.conf.all.disable_ipv6", "0")
	}
}

func setSysctl(h *container.HostConfig, name, value string) {
	if h.Sysctls == nil {
		h.Sysctls = map[string]string{}
	}
	h.Sysctls[name] = value
}

// share puts a container into the gateway's network namespace, whose settings it cannot change.
func (r *Running) share(req *testcontainers.ContainerRequest) {
	modifyHost(req, func(h *container.HostConfig) {
		h.NetworkMode, h.Sysctls = container.NetworkMode("container:"+r.box.id), nil
	})
}

// UpstreamImage returns the tag of the upstream's image for the given static program, building it if it is missing. The
// tag holds the program's sha256, so a changed program never runs in a stale image. Images of
// older programs that nothing uses are removed after an hour.
func (e *Engine) UpstreamImage(ctx context.Context, binary string) (string, error) {
	info, err := os.Stat(binary)
	if err != nil {
		return "", fmt.Errorf("read the upstream's program: %w", err)
	}
	key := fmt.Sprint(binary, info.Size(), info.ModTime().UnixNano())
	if tag, ok := e.upstreams.Load(key); ok {
		return tag.(string), nil
	}
	program, err := os.ReadFile(binary)
	if err != nil {
		return "", fmt.Errorf("read the upstream's program: %w", err)
	}
	dockerfile, err := fs.ReadFile(docker.Files, "upstream/Dockerfile")
	if err != nil {
		return "", fmt.Errorf("read the upstream's Dockerfile: %w", err)
	}
	sum := sha256.Sum256(append(dockerfile, program...))
	tag := "gatefault/upstream:" + hex.EncodeToString(sum[:8])
	_, err, _ = e.builds.Do("build "+tag, func() (any, error) {
		if _, err := e.docker.ImageInspect(ctx, tag); err == nil {
			return nil, nil
		}
		e.progress("upstream", "building "+tag)
		return nil, e.buildUpstream(ctx, tag, dockerfile, program)
	})
	if err != nil {
		return "", fmt.Errorf("build the upstream's image: %w", err)
	}
	e.upstreams.Store(key, tag)
	return tag, nil
}

func (e *Engine) buildUpstream(ctx context.Context, tag string, dockerfile, program []byte) error {
	context, err := buildContext(dockerfile, program)
	if err != nil {
		return err
	}
	answer, err := e.docker.ImageBuild(ctx, context, client.ImageBuildOptions{Tags: []string{tag}, Remove: true, ForceRemove: true})
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if err := drainMessages(answer.Body); err != nil {
		return err
	}
	return e.removeOldUpstreams(ctx)
}

// staleAfter is the age from which an upstream image that no container uses is removed when a new one is built. Younger
// ones may be just about to be used by another process.
const staleAfter = time.Hour

func (e *Engine) removeOldUpstreams(ctx context.Context) error {
	images, err := e.docker.ImageList(ctx, client.ImageListOptions{Filters: make(client.Filters).Add("label", labelProject+"=upstream")})
	if err != nil {
		return fmt.Errorf("list upstream images: %w", err)
	}
	for _, image := range images.Items {
		if time.Since(time.Unix(image.Created, 0)) < staleAfter {
			continue
		}
		_, err := e.docker.ImageRemove(ctx, image.ID, client.ImageRemoveOptions{PruneChildren: true})
		if err != nil && !errdefs.IsNotFound(err) && !errdefs.IsConflict(err) {
			e.progress("upstream", "an old image stays: "+err.Error()) // another run may be removing it, too
		}
	}
	return nil
}

func buildContext(dockerfile, program []byte) (*bytes.Buffer, error) {
	var archive bytes.Buffer
	writer := tar.NewWriter(&archive)
	for _, file := range []struct {
		name string
		mode int64
		data []byte
	}{{"Dockerfile", 0o644, dockerfile}, {"gatefault", 0o755, program}} {
		if err := writer.WriteHeader(&tar.Header{Name: file.name, Mode: file.mode, Size: int64(len(file.data))}); err != nil {
			return nil, fmt.Errorf("pack the build context: %w", err)
		}
		if _, err := writer.Write(file.data); err != nil {
			return nil, fmt.Errorf("pack the build context: %w", err)
		}
	}
	if err := writer.Close(); err != nil {
		return nil, fmt.Errorf("pack the build context: %w", err)
	}
	return &archive, nil
}
