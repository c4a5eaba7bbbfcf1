package gateway

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
)

// Networks are cut from this private range, 125 addresses for containers each. Docker's own pools hold about 30 networks of /16 or /20,
// which parallel runs would use up.
var networkRange = netip.MustParsePrefix("10.83.0.0/16")

const (
	networkBits     = 24
	networkAttempts = 20
)

// ErrNoSubnet means that no free subnet was found for a network.
var ErrNoSubnet = errors.New("no free subnet")

// Network is a private bridge network of one run.
type Network struct {
	// Name is the network's name in the engine.
	Name string
	// Subnet is a /24.
	Subnet netip.Prefix

	id     string
	engine *Engine
}

// Network makes a bridge network with a small subnet of its own that overlaps neither this machine's addresses nor the
// engine's networks. Remove it when its containers are gone.
func (e *Engine) Network(ctx context.Context) (*Network, error) {
	e.networkMu.Lock()
	defer e.networkMu.Unlock()
	var last error
	for range networkAttempts {
		taken, err := e.takenSubnets(ctx)
		if err != nil {
			return nil, err
		}
		subnet, ok := freeSubnet(taken)
		if !ok {
			return nil, fmt.Errorf("%w in %s", ErrNoSubnet, networkRange)
		}
		made, err := e.createNetwork(ctx, subnet)
		if err == nil {
			return made, nil
		}
		last = err // another process may have taken the subnet in between
	}
	return nil, fmt.Errorf("%w: %w", ErrNoSubnet, last)
}

// createNetwork goes on to the end once begun, like create.
func (e *Engine) createNetwork(ctx context.Context, subnet netip.Prefix) (*Network, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), createTimeout)
	defer cancel()
	n := &Network{Name: uniqueName(), Subnet: subnet, engine: e}
	made, err := e.docker.NetworkCreate(ctx, n.Name, client.NetworkCreateOptions{
		Driver: "bridge", Labels: e.labels("network"),
		IPAM: &network.IPAM{Driver: "default", Config: []network.IPAMConfig{{Subnet: subnet, IPRange: containerRange(subnet)}}},
	})
	if err != nil {
		return nil, errors.Join(err, e.undo(ctx, e.removeNetwork, n.Name))
	}
	n.id = made.ID
	return n, nil
}

// containerRange is the lower half of a subnet. The engine gives containers addresses from it alone: those of the upper half
// are where endpoints are said to have been (see the upstream's dns faults).
func containerRange(subnet netip.Prefix) netip.Prefix {
	return netip.PrefixFrom(subnet.Addr(), subnet.Bits()+1)
}

// spares is how many addresses [Network.Spare] can give.
const spares = 64

// Spare gives an address that the engine never gives out, for an upstream to take: the i-th one from the end of the subnet, from 0
// to 63. It panics beyond that.
func (n *Network) Spare(i int) netip.Addr {
	if i < 0 || i >= spares {
		panic(fmt.Sprintf("a network has %d spare addresses, there is no number %d", spares, i))
	}
	addr := n.Subnet.Masked().Addr().As4()
	addr[3] = byte(254 - i)
	return netip.AddrFrom4(addr)
}

// Remove removes the network. Its containers must be gone. One that the engine holds nevertheless stays, which is told as progress.
func (n *Network) Remove(ctx context.Context) error {
	if err := n.engine.removeNetwork(ctx, n.id); !errors.Is(err, errHeld) {
		return err
	}
	return nil
}

func (e *Engine) takenSubnets(ctx context.Context) ([]netip.Prefix, error) {
	taken, err := hostSubnets()
	if err != nil {
		return nil, err
	}
	list, err := e.docker.NetworkList(ctx, client.NetworkListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list networks: %w", err)
	}
	for _, n := range list.Items {
		for _, config := range n.IPAM.Config {
			taken = append(taken, config.Subnet)
		}
	}
	return taken, nil
}

func hostSubnets() ([]netip.Prefix, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	var subnets []netip.Prefix
	for _, addr := range addrs {
		if prefix, err := netip.ParsePrefix(addr.String()); err == nil {
			subnets = append(subnets, prefix.Masked())
		}
	}
	return subnets, nil
}

// freeSubnet takes a random place to start, so that processes that choose at the same time seldom meet.
func freeSubnet(taken []netip.Prefix) (netip.Prefix, bool) {
	const count = 1 << (networkBits - 16)
	start := rand.IntN(count)
	for i := range count {
		base := networkRange.Addr().As4()
		offset := (start + i) % count << (32 - networkBits)
		base[2], base[3] = byte(offset>>8), byte(offset)
		subnet := netip.PrefixFrom(netip.AddrFrom4(base), networkBits)
		if !overlapsAny(subnet, taken) {
			return subnet, true
		}
	}
	return netip.Prefix{}, false
}

func overlapsAny(subnet netip.Prefix, taken []netip.Prefix) bool {
	for _, other := range taken {
		if other.IsValid() && subnet.Overlaps(other) {
			return true
		}
	}
	return false
}

// attach puts a container on the network, under the given further names.
func (n *Network) attach(req *testcontainers.ContainerRequest, names ...string) {
	req.Networks = []string{n.Name}
	if len(names) > 0 {
		req.NetworkAliases = map[string][]string{n.Name: names}
	}
}
