package upstream

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/gatefault/gatefault/upstream/firewall/netns"
)

// oldAddress is an address that this machine has for as long as somebody is said to have been there.
type oldAddress struct {
	users  int
	remove func() error
}

// oldOf gives the address at which an endpoint is said to have been: its own with the first bit of the host part flipped, so
// that different machines of a subnet have different ones.
func oldOf(own netip.Prefix) netip.Addr {
	b := own.Addr().As4()
	b[own.Bits()/8] ^= 1 << (7 - own.Bits()%8)
	return netip.AddrFrom4(b)
}

// loopback is what this machine alone can reach; all of it is there already.
var loopback = netip.MustParsePrefix("127.0.0.0/8")

// mayAddAddress tells why the upstream cannot have a further address.
func (u *Upstream) mayAddAddress() error {
	if !u.opts.OwnNamespace || netns.IsHost() {
		return errors.New("this upstream shares the host's network namespace, where gatefault adds no address; run it in its container")
	}
	return nil
}

// mayHaveOld tells why the endpoint cannot have an old address.
func (ep *Endpoint) mayHaveOld() error {
	addr := ep.addr.Addr().Unmap()
	switch {
	case addr.IsUnspecified():
		return fmt.Errorf("endpoint %s listens on every address, so on its old one, too; open it on one address of this machine", ep.id)
	case !addr.Is4():
		return fmt.Errorf("endpoint %s has no IPv4 address", ep.id)
	case loopback.Contains(addr):
		return nil
	}
	return ep.up.mayAddAddress()
}

// takeOld gives the endpoint's old address, which stays until undo. When taken, another endpoint listens there, on the same
// port; otherwise nobody does, and the kernel refuses connections.
func (ep *Endpoint) takeOld(taken bool) (addr netip.Addr, undo func() error, err error) {
	addr, leave, err := ep.up.useOld(ep.addr.Addr().Unmap())
	if err != nil || !taken {
		return addr, leave, err
	}
	other, err := ep.up.Listen(EndpointConfig{ID: ep.id + ".old", Address: netip.AddrPortFrom(addr, ep.addr.Port()).String(), Protocol: ep.speaks})
	if err != nil {
		return addr, nil, errors.Join(fmt.Errorf("open another service at the old address: %w", err), leave())
	}
	return addr, func() error { other.Close(); return leave() }, nil
}

// useOld makes sure that this machine has the old address of own.
func (u *Upstream) useOld(own netip.Addr) (netip.Addr, func() error, error) {
	if loopback.Contains(own) {
		return oldOf(netip.PrefixFrom(own, loopback.Bits())), func() error { return nil }, nil
	}
	name, prefix, err := interfaceOf(own)
	if err != nil {
		return netip.Addr{}, nil, err
	}
	addr := oldOf(prefix)
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.old[addr] == nil {
		remove, err := netns.AddAddress(name, netip.PrefixFrom(addr, prefix.Bits()))
		if err != nil {
			return addr, nil, err
		}
		u.old[addr] = &oldAddress{remove: remove}
	}
	u.old[addr].users++
	return addr, func() error { return u.leaveOld(addr) }, nil
}

func (u *Upstream) leaveOld(addr netip.Addr) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	old := u.old[addr]
	if old.users--; old.users > 0 {
		return nil
	}
	delete(u.old, addr)
	return old.remove()
}

// interfaceOf finds the interface that has an address, and the address with the length of its subnet.
func interfaceOf(addr netip.Addr) (string, netip.Prefix, error) {
	all, err := net.Interfaces()
	if err != nil {
		return "", netip.Prefix{}, err
	}
	for _, i := range all {
		addrs, err := i.Addrs()
		if err != nil {
			return "", netip.Prefix{}, err
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Unmap() == addr && p.Bits() < 31 {
				return i.Name, p, nil
			}
		}
	}
	return "", netip.Prefix{}, fmt.Errorf("no interface of this machine has the address %s in a subnet", addr)
}
