package netns

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
)

// Setup gives an interface of this network namespace further addresses, or makes others reachable through it. Its
// arguments are the interface, by its name lo or by an IPv4 address that it has, then `address` or `route`, then the addresses.
func Setup(args []string) error {
	if len(args) < 3 {
		return errors.New("net-setup needs an interface, address or route, and addresses")
	}
	name, own := args[0], netip.Addr{}
	if addr, err := netip.ParseAddr(name); err == nil {
		if name, err = InterfaceOf(addr); err != nil {
			return err
		}
		own = addr
	}
	for _, text := range args[2:] {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return err
		}
		if err := setup(args[1], name, own, netip.PrefixFrom(addr, addr.BitLen())); err != nil {
			return err
		}
	}
	return nil
}

func setup(what, name string, own netip.Addr, to netip.Prefix) error {
	if own.Is4() && to.Addr().Is6() {
		if err := addSource(name, own); err != nil {
			return err
		}
	}
	switch what {
	case "address":
		_, err := AddAddress(name, to)
		return err
	case "route":
		return AddRoute(name, to)
	}
	return fmt.Errorf("net-setup does not know %q", what)
}

// sources is a subnet of addresses that connections over IPv6 can leave from. The one that the kernel makes for each interface is
// of no use in its first two seconds, while others are asked whether they have it too (RFC 4862, 5.4): they would leave from ::1.
var sources = netip.MustParsePrefix("fd67:6174:6566::/96")

// addSource gives an interface its address of sources, which ends in its IPv4 address.
func addSource(name string, own netip.Addr) error {
	addr, tail := sources.Addr().As16(), own.As4()
	copy(addr[12:], tail[:])
	_, err := AddAddress(name, netip.PrefixFrom(netip.AddrFrom16(addr), sources.Bits()))
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}
