package netns

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// AddAddress gives an interface of this process's network namespace a further address: prefix is the address with the
// length of its subnet. remove takes it away again.
func AddAddress(name string, prefix netip.Prefix) (remove func() error, err error) {
	iface, err := net.InterfaceByName(name)
	if err != nil {
		return nil, fmt.Errorf("find interface %s: %w", name, err)
	}
	if err := changeAddress(unix.RTM_NEWADDR, netlink.Create|netlink.Excl, iface.Index, prefix); err != nil {
		return nil, fmt.Errorf("add address %s to %s: %w", prefix, name, err)
	}
	return func() error {
		if err := changeAddress(unix.RTM_DELADDR, 0, iface.Index, prefix); err != nil {
			return fmt.Errorf("remove address %s from %s: %w", prefix, name, err)
		}
		return nil
	}, nil
}

// AddRoute makes addresses reachable directly through an interface of this process's network namespace, as if they were of its
// own subnet. A route that is there already is replaced.
func AddRoute(name string, to netip.Prefix) error {
	iface, err := net.InterfaceByName(name)
	if err != nil {
		return fmt.Errorf("find interface %s: %w", name, err)
	}
	attributes := netlink.NewAttributeEncoder()
	attributes.Bytes(unix.RTA_DST, to.Addr().AsSlice())
	attributes.Uint32(unix.RTA_OIF, uint32(iface.Index))
	// struct rtmsg: family, lengths of destination and source, TOS, table, protocol, scope, type, flags.
	head := []byte{family(to.Addr()), byte(to.Bits()), 0, 0, unix.RT_TABLE_MAIN, unix.RTPROT_STATIC, unix.RT_SCOPE_LINK, unix.RTN_UNICAST, 0, 0, 0, 0}
	if err := request(unix.RTM_NEWROUTE, netlink.Create|netlink.Replace, head, attributes); err != nil {
		return fmt.Errorf("add a route to %s through %s: %w", to, name, err)
	}
	return nil
}

// InterfaceOf finds the interface of this process's network namespace that has an address.
func InterfaceOf(addr netip.Addr) (name string, err error) {
	all, err := net.Interfaces()
	if err != nil {
		return "", fmt.Errorf("list interfaces: %w", err)
	}
	for _, iface := range all {
		addrs, err := iface.Addrs()
		if err != nil {
			return "", fmt.Errorf("list the addresses of %s: %w", iface.Name, err)
		}
		for _, a := range addrs {
			if prefix, err := netip.ParsePrefix(a.String()); err == nil && prefix.Addr() == addr {
				return iface.Name, nil
			}
		}
	}
	return "", fmt.Errorf("no interface has the address %s", addr)
}

// changeAddress adds an address to an interface or takes it away.
func changeAddress(kind netlink.HeaderType, flags netlink.HeaderFlags, index int, prefix netip.Prefix) error {
	attributes := netlink.NewAttributeEncoder()
	attributes.Bytes(unix.IFA_LOCAL, prefix.Addr().AsSlice())
	attributes.Bytes(unix.IFA_ADDRESS, prefix.Addr().AsSlice())
	// struct ifaddrmsg: family, prefix length, flags, scope, index.
	head := []byte{family(prefix.Addr()), byte(prefix.Bits()), 0, unix.RT_SCOPE_UNIVERSE}
	if prefix.Addr().Is6() {
		head[2] = unix.IFA_F_NODAD // at once: nobody else has it
	}
	return request(kind, flags, binary.NativeEndian.AppendUint32(head, uint32(index)), attributes)
}

func family(addr netip.Addr) byte {
	if addr.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// request sends one request of rtnetlink(7) and awaits the kernel's word on it.
func request(kind netlink.HeaderType, flags netlink.HeaderFlags, head []byte, attributes *netlink.AttributeEncoder) error {
	conn, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		return err
	}
	defer conn.Close()
	list, err := attributes.Encode()
	if err != nil {
		return err
	}
	_, err = conn.Execute(netlink.Message{
		Header: netlink.Header{Type: kind, Flags: netlink.Request | netlink.Acknowledge | flags},
		Data:   append(head, list...),
	})
	return err
}
