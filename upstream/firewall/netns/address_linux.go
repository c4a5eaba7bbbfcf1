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

// changeAddress sends one request of rtnetlink(7) and awaits the kernel's word on it.
func changeAddress(kind netlink.HeaderType, flags netlink.HeaderFlags, index int, prefix netip.Prefix) error {
	conn, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		return err
	}
	defer conn.Close()
	attributes := netlink.NewAttributeEncoder()
	attributes.Bytes(unix.IFA_LOCAL, prefix.Addr().AsSlice())
	attributes.Bytes(unix.IFA_ADDRESS, prefix.Addr().AsSlice())
	list, err := attributes.Encode()
	if err != nil {
		return err
	}
	// struct ifaddrmsg: family, prefix length, flags, scope, index.
	family := byte(unix.AF_INET)
	if prefix.Addr().Is6() {
		family = unix.AF_INET6
	}
	head := binary.NativeEndian.AppendUint32([]byte{family, byte(prefix.Bits()), 0, unix.RT_SCOPE_UNIVERSE}, uint32(index))
	_, err = conn.Execute(netlink.Message{
		Header: netlink.Header{Type: kind, Flags: netlink.Request | netlink.Acknowledge | flags},
		Data:   append(head, list...),
	})
	return err
}
