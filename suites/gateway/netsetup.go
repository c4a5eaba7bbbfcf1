package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
)

// netSetup is the hidden command of the gatefault program that sets the network of a container from inside, see netns.Setup.
const netSetup = "net-setup"

// loopbackInterface is the interface that every network namespace has.
const loopbackInterface = "lo"

// Reach makes addresses reachable for the gateway in its own subnet, where an upstream has taken them; see [Upstream.Take]. The
// gateway itself may not change its network: a container beside it does, and ends.
func (r *Running) Reach(ctx context.Context, addrs ...netip.Addr) error {
	if r.box == nil {
		return errors.New("reach an address: the gateway runs in no container")
	}
	e := r.box.engine
	tag, err := e.UpstreamImage(ctx, r.spec.Program)
	if err != nil {
		return err
	}
	logs := NewLogBook(Regexp{})
	req := testcontainers.ContainerRequest{
		Name: uniqueName("route"), Image: tag, Labels: e.labels("route"),
		Entrypoint:     append([]string{programPath}, netSetupArgs(r.box.addr.String(), "route", addrs)...),
		ConfigModifier: func(c *container.Config) { c.User, c.Healthcheck = "0:0", noHealthcheck() },
		HostConfigModifier: func(h *container.HostConfig) {
			h.NetworkMode, h.CapAdd = container.NetworkMode("container:"+r.box.id), []string{"NET_ADMIN"}
		},
	}
	req.Cmd = []string{}
	box, err := e.run(ctx, req, logs)
	if err != nil {
		return fmt.Errorf("make addresses reachable for the gateway: %w", err)
	}
	code, err := box.exitCode(ctx)
	if err == nil && code != 0 {
		err = startError("the container that sets its routes", logs, errExited)
	}
	if err = errors.Join(err, box.remove(ctx)); err != nil {
		return fmt.Errorf("make addresses reachable for the gateway: %w", err)
	}
	return nil
}

func netSetupArgs(on, what string, addrs []netip.Addr) []string {
	args := []string{netSetup, on, what}
	for _, addr := range addrs {
		args = append(args, addr.String())
	}
	return args
}

// Join puts the upstream on a further network, under names that are its there, and gives its address on it.
func (u *Upstream) Join(ctx context.Context, n *Network, names ...string) (netip.Addr, error) {
	docker := u.box.engine.docker
	_, err := docker.NetworkConnect(ctx, n.id, client.NetworkConnectOptions{Container: u.box.id, EndpointConfig: &network.EndpointSettings{Aliases: names}})
	if err != nil {
		return netip.Addr{}, fmt.Errorf("put the upstream on network %s: %w", n.Name, err)
	}
	return u.addressOn(ctx, n)
}

// addressOn is the upstream's own address on a network.
func (u *Upstream) addressOn(ctx context.Context, n *Network) (netip.Addr, error) {
	found, err := u.box.engine.docker.ContainerInspect(ctx, u.box.id, client.ContainerInspectOptions{})
	if err != nil {
		return netip.Addr{}, fmt.Errorf("inspect the upstream: %w", err)
	}
	endpoint := found.Container.NetworkSettings.Networks[n.Name]
	if endpoint == nil || !endpoint.IPAddress.IsValid() {
		return netip.Addr{}, fmt.Errorf("the upstream is not on network %s", n.Name)
	}
	return endpoint.IPAddress, nil
}

// Leave takes the upstream off a network that it joined, with the addresses that it took there.
func (u *Upstream) Leave(ctx context.Context, n *Network) error {
	_, err := u.box.engine.docker.NetworkDisconnect(ctx, n.id, client.NetworkDisconnectOptions{Container: u.box.id, Force: true})
	if err != nil {
		return fmt.Errorf("take the upstream off network %s: %w", n.Name, err)
	}
	return nil
}

// Take gives the upstream further addresses: on its interface in a network, or without one on the loopback interface. They go
// with the container, or when it leaves the network.
func (u *Upstream) Take(ctx context.Context, n *Network, addrs ...netip.Addr) error {
	if u.inside != nil {
		return u.inside.take(ctx, addrs)
	}
	on := loopbackInterface
	if n != nil {
		own, err := u.addressOn(ctx, n)
		if err != nil {
			return err
		}
		on = own.String()
	}
	command := append([]string{programPath}, netSetupArgs(on, "address", addrs)...)
	answer, err := u.box.exec(ctx, command)
	if err == nil && answer.ended != "" {
		err = fmt.Errorf("%s %s", strings.Join(command, " "), answer)
	}
	if err != nil {
		return fmt.Errorf("give the upstream the addresses %s: %w", slices.Clip(addrs), err)
	}
	return nil
}
