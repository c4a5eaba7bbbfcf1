package firewall

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Prohibit forbids the programs of this network namespace to open TCP connections to addr: connect() gives EACCES at once,
// as a policy of the host does (ip rule ... prohibit, ip-rule(8)). The result takes the rule back. The kernel does not
// count what meets it.
func (f *Firewall) Prohibit(addr netip.AddrPort) (undo func() error, err error) {
	to := unmap(addr)
	if !addr.IsValid() || addr.Port() == 0 || addr.Addr().IsUnspecified() {
		return nil, fmt.Errorf("prohibit %v: give an address with a port", addr)
	}
	if to.Addr().IsLoopback() {
		if err := f.demoteLocal(to.Addr().Is4()); err != nil {
			return nil, explain("put a rule before the local ones", err)
		}
	}
	if err := askRoutes(unix.RTM_NEWRULE, prohibition(to)); err != nil {
		return nil, explain(fmt.Sprintf("prohibit %s", addr), err)
	}
	return func() error { return askRoutes(unix.RTM_DELRULE, prohibition(to)) }, nil
}

// rule is one of the routing policy database: struct fib_rule_hdr of linux/fib_rules.h and its attributes.
type routeRule struct {
	v4       bool
	dst      netip.AddrPort // invalid: all
	table    byte
	action   byte
	priority uint32
}

func prohibition(to netip.AddrPort) routeRule {
	return routeRule{v4: to.Addr().Is4(), dst: to, action: unix.FR_ACT_PROHIBIT}
}

// demoteLocal makes room before the rule for this machine's own addresses, which is the first one. The namespace is ours
// alone, so it stays so.
func (f *Firewall) demoteLocal(v4 bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	local := routeRule{v4: v4, table: unix.RT_TABLE_LOCAL, action: unix.FR_ACT_TO_TBL, priority: 1}
	if err := askRoutes(unix.RTM_NEWRULE, local); err != nil && !errors.Is(err, unix.EEXIST) {
		return err
	}
	local.priority = 0
	if err := askRoutes(unix.RTM_DELRULE, local); err != nil && !errors.Is(err, unix.ENOENT) {
		return err
	}
	return nil
}

func askRoutes(kind netlink.HeaderType, r routeRule) error {
	data, err := r.encode()
	if err != nil {
		return err
	}
	c, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	flags := netlink.Request | netlink.Acknowledge
	if kind == unix.RTM_NEWRULE {
		flags |= netlink.Create | netlink.Excl
	}
	_, err = c.Execute(netlink.Message{Header: netlink.Header{Type: kind, Flags: flags}, Data: data})
	return err
}

func (r routeRule) encode() ([]byte, error) {
	header := make([]byte, unix.SizeofRtMsg) // of the same form and size as fib_rule_hdr
	header[0] = unix.AF_INET6
	if r.v4 {
		header[0] = unix.AF_INET
	}
	header[4], header[7] = r.table, r.action
	e := netlink.NewAttributeEncoder()
	e.Uint32(unix.FRA_PRIORITY, r.priority)
	if r.dst.IsValid() {
		header[1] = byte(r.dst.Addr().BitLen())
		e.Bytes(unix.FRA_DST, r.dst.Addr().AsSlice())
		e.Uint8(unix.FRA_IP_PROTO, unix.IPPROTO_TCP)
		e.Uint32(unix.FRA_DPORT_RANGE, uint32(r.dst.Port())<<16|uint32(r.dst.Port())) // two of 16 bits, first and last
	}
	attributes, err := e.Encode()
	return append(header, attributes...), err
}
