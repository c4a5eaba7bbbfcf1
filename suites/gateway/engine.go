package gateway

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/log"
	"golang.org/x/sync/singleflight"

	"github.com/gatefault/gatefault/suites/gateway/quickstart"
)

func init() { quickstart.Over() }

// Labels of everything that gatefault makes in an engine.
const (
	labelProject = "gatefault"       // what it is: gateway, upstream, network
	labelOwner   = "gatefault.owner" // the process that made it
	labelBinary  = "gatefault.binary"
	labelRecipe  = "gatefault.recipe" // of an image built from Debian packages: what it was built of
)

// connectTimeout bounds how long an engine may take to answer at all.
const connectTimeout = 5 * time.Second

// ErrNoEngine means that no Docker engine answers.
var ErrNoEngine = errors.New("no Docker engine answers")

// Progress is told what takes long: pulls and builds. name is the gateway's name or "upstream".
type Progress func(name, message string)

// Engine is a connection to a Docker engine and the owner of what is started through it. All calls go to the engine that
// answered [Connect].
type Engine struct {
	docker     *client.Client
	containers func() (testcontainers.GenericProvider, error) // made when the first container is
	owner      owner
	progress   Progress
	builds     singleflight.Group
	images     sync.Map // of image ids to *imageFiles
	versions   sync.Map // of products, image ids and programs to their versions
	upstreams  sync.Map // of programs, by path, size and time, to images of the upstream

	networkMu sync.Mutex // guards the choice of a free subnet until the network exists
}

// Connect finds the Docker engine (the one that DOCKER_HOST names, else Docker's default socket, else a rootless engine's)
// and asks whether it answers. The error wraps [ErrNoEngine], and [fs.ErrPermission] when this user may not use the
// engine's socket. progress may be nil.
func Connect(ctx context.Context, progress Progress) (*Engine, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	self, err := currentOwner()
	if err != nil {
		return nil, err
	}
	docker, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	if progress == nil {
		progress = func(string, string) {}
	}
	return newEngine(docker, self, progress), nil
}

func newEngine(docker *client.Client, self owner, progress Progress) *Engine {
	return &Engine{docker: docker, containers: containersOf(docker), owner: self, progress: progress}
}

// containersOf makes testcontainers use the given client, once. By itself it takes the first engine that this process
// ever asked for, or the one of a file in the home folder, which may be another one.
func containersOf(docker *client.Client) func() (testcontainers.GenericProvider, error) {
	return sync.OnceValues(func() (testcontainers.GenericProvider, error) {
		if err := prepareTestcontainers(); err != nil {
			return nil, err
		}
		provider, err := testcontainers.ProviderDefault.GetProvider(testcontainers.WithLogger(log.NewNoopLogger()))
		if err != nil {
			return nil, fmt.Errorf("prepare testcontainers: %w", err)
		}
		told, ok := provider.(interface{ SetClient(client.APIClient) })
		if !ok {
			return nil, fmt.Errorf("testcontainers would use another engine than %s", docker.DaemonHost())
		}
		told.SetClient(docker)
		return provider, nil
	})
}

// Client gives the connection, for what is not done here. It goes to the engine that was checked; [Engine.Close] closes it.
func (e *Engine) Client() *client.Client { return e.docker }

// Close releases the connection. It stops nothing: see [Running.Stop], [Upstream.Stop], [Network.Remove] and [Engine.Sweep].
func (e *Engine) Close() error { return e.docker.Close() }

// prepareTestcontainers sets what testcontainers-go keeps for the whole process or reads from the environment once. Its reaper is an
// image of its own that cannot be had everywhere, so labels and sweeps do that work. The host override is for machines
// that have /.dockerenv: there testcontainers guesses that the engine's host is the default gateway. The socket is for
// its reaper; unless it is set, testcontainers looks for it and panics when the engine has gone away.
var prepareTestcontainers = sync.OnceValue(func() error {
	log.SetDefault(log.NewNoopLogger())
	for name, value := range map[string]string{
		"TESTCONTAINERS_RYUK_DISABLED":          "true",
		"TESTCONTAINERS_HOST_OVERRIDE":          "localhost",
		"TESTCONTAINERS_DOCKER_SOCKET_OVERRIDE": "/var/run/docker.sock",
	} {
		if os.Getenv(name) != "" {
			continue
		}
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("prepare testcontainers: %w", err)
		}
	}
	return nil
})

// uniqueName is a name for a container or network that people can read.
func uniqueName(parts ...string) string {
	return strings.Join(append(append([]string{labelProject}, parts...), fmt.Sprintf("%08x", rand.Uint32())), "-")
}

func (e *Engine) labels(kind string) map[string]string {
	return map[string]string{labelProject: kind, labelOwner: e.owner.String()}
}
