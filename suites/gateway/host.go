package gateway

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/moby/moby/client"
)

// engineHosts are the places where an engine may listen, the likeliest first: the one that DOCKER_HOST names and no
// other, else Docker's default socket and those of rootless engines that are there
// (https://docs.docker.com/engine/security/rootless/).
func engineHosts() []string {
	if named := os.Getenv(client.EnvOverrideHost); named != "" {
		return []string{named}
	}
	hosts := []string{client.DefaultDockerHost}
	for _, socket := range rootlessSockets() {
		if _, err := os.Stat(socket); err == nil {
			hosts = append(hosts, "unix://"+socket)
		}
	}
	return hosts
}

func rootlessSockets() []string {
	sockets := []string{filepath.Join("/run/user", strconv.Itoa(os.Getuid()), "docker.sock")}
	if runtime := os.Getenv("XDG_RUNTIME_DIR"); runtime != "" {
		sockets = append(sockets, filepath.Join(runtime, "docker.sock"))
	}
	if home, err := os.UserHomeDir(); err == nil {
		sockets = append(sockets, filepath.Join(home, ".docker/run/docker.sock"), filepath.Join(home, ".docker/desktop/docker.sock"))
	}
	return sockets
}

// dial connects to the first engine that answers. The client stays with it, whatever becomes of the environment.
func dial(ctx context.Context) (*client.Client, error) {
	var failures []error
	for _, host := range engineHosts() {
		docker, err := dialHost(ctx, host)
		if err == nil {
			return docker, nil
		}
		failures = append(failures, err)
	}
	err := errors.Join(failures...)
	return nil, fmt.Errorf("%w: %w; %s", ErrNoEngine, err, advice(err))
}

func dialHost(ctx context.Context, host string) (*client.Client, error) {
	docker, err := client.New(client.FromEnv, client.WithHost(host))
	if err != nil {
		return nil, err
	}
	if _, err := docker.Ping(ctx, client.PingOptions{}); err != nil {
		return nil, errors.Join(orForbidden(ctx, host, err), docker.Close())
	}
	return docker, nil
}

// orForbidden gives the system's own error when this user may not use the engine's socket. The client keeps only its text.
func orForbidden(ctx context.Context, host string, err error) error {
	at, parseErr := client.ParseHostURL(host)
	if parseErr != nil || at.Scheme != "unix" {
		return err
	}
	conn, dialErr := new(net.Dialer).DialContext(ctx, at.Scheme, at.Host)
	if dialErr == nil {
		return errors.Join(err, conn.Close())
	}
	if errors.Is(dialErr, fs.ErrPermission) {
		return dialErr
	}
	return err
}

// advice says what to do when no engine answers.
func advice(err error) string {
	if errors.Is(err, fs.ErrPermission) {
		return "join the docker group (sudo usermod -aG docker $USER, then log in again) or run as root"
	}
	return "start Docker or correct DOCKER_HOST"
}
