package gateway

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/log"
	"golang.org/x/sync/singleflight"
)

// Labels of everything that gatefault makes in an engine.
const (
	labelProject = "gatefault"       // what it is: gateway, upstream, network
	labelOwner   = "gatefault.owner" // the process that made it
	labelBinary  = "gatefault.binary"
)

// connectTimeout bounds how long an engine may take to answer at all.
const connectTimeout = 5 * time.Second

// ErrNoEngine means that no Docker engine answers.
var ErrNoEngine = errors.New("no Docker engine answers")

// Progress is told what takes long: pulls and builds. name is the gateway's name or "upstream".
type Progress func(name, message string)

// Engine is a connection to a Docker engine and the owner of what is started through it.
type Engine struct {
	docker   *testcontainers.DockerClient
	owner    owner
	progress Progress
	builds   singleflight.Group

	networkMu sync.Mutex // guards the choice of a free subnet until the network exists
}

// Connect finds the Docker engine the usual way (DOCKER_HOST, the current context, the default sockets) and asks whether
// it answers. The error wraps [ErrNoEngine]. progress may be nil.
func Connect(ctx context.Context, progress Progress) (*Engine, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if err := prepareTestcontainers(); err != nil {
		return nil, err
	}
	self, err := currentOwner()
	if err != nil {
		return nil, err
	}
	docker, err := dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w; start Docker or correct DOCKER_HOST", ErrNoEngine, err)
	}
	if progress == nil {
		progress = func(string, string) {}
	}
	return &Engine{docker: docker, owner: self, progress: progress}, nil
}

func dial(ctx context.Context) (*testcontainers.DockerClient, error) {
	if err := askNamedEngine(ctx); err != nil {
		return nil, err
	}
	docker, err := testcontainers.NewDockerClientWithOpts(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := docker.Ping(ctx, client.PingOptions{}); err != nil {
		return nil, errors.Join(err, docker.Close())
	}
	return docker, nil
}

// askNamedEngine asks the engine that DOCKER_HOST names, if it is set: testcontainers would silently take another one
// when that one does not answer.
func askNamedEngine(ctx context.Context) error {
	if os.Getenv(client.EnvOverrideHost) == "" {
		return nil
	}
	docker, err := client.New(client.FromEnv)
	if err != nil {
		return err
	}
	_, err = docker.Ping(ctx, client.PingOptions{})
	return errors.Join(err, docker.Close())
}

// Close releases the connection. It stops nothing: see [Running.Stop], [Upstream.Stop], [Network.Remove] and [Engine.Sweep].
func (e *Engine) Close() error { return e.docker.Close() }

// prepareTestcontainers sets what testcontainers-go reads from the environment once, at its first use. Its reaper is an
// image of its own that cannot be had everywhere, so labels and sweeps do that work. The host override is for machines
// that have /.dockerenv: there testcontainers guesses that the engine's host is the default gateway.
func prepareTestcontainers() error {
	log.SetDefault(log.NewNoopLogger())
	for name, value := range map[string]string{
		"TESTCONTAINERS_RYUK_DISABLED": "true",
		"TESTCONTAINERS_HOST_OVERRIDE": "localhost",
	} {
		if os.Getenv(name) != "" {
			continue
		}
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("prepare testcontainers: %w", err)
		}
	}
	return nil
}

func (e *Engine) labels(kind string) map[string]string {
	return map[string]string{labelProject: kind, labelOwner: e.owner.String()}
}
