// Package firewall makes the kernel drop, refuse or merely count connections to
// one address, as a packet filter between a gateway and its upstream would.
//
// The rules go into an nftables table of this process's own, over netlink, in
// the network namespace the process runs in; no nft program is needed. The
// table disappears with the process, however it ends: see [Open].
package firewall

import (
	"errors"
	"net/netip"
)

// ErrUnavailable says that this machine or process cannot filter packets. The
// error that wraps it gives the reason: not Linux, no CAP_NET_ADMIN, a kernel
// without nf_tables.
var ErrUnavailable = errors.New("packet filtering is unavailable")

// Action is what a rule does with the SYN of a new connection, [DropReplies]
// apart. Packets of connections that exist already always pass.
type Action string

const (
	// Drop loses the SYN, and every retransmission of it: the client waits
	// until its own connect timeout.
	Drop Action = "drop"
	// RejectReset answers with a TCP reset: ECONNREFUSED, as from a closed port.
	RejectReset Action = "reject-reset"
	// RejectHost answers with ICMP host unreachable (RFC 792), or ICMPv6 address
	// unreachable (RFC 4443 section 3.1): EHOSTUNREACH. Between two sockets of one
	// machine an ICMPv6 error takes effect only after the first retransmission,
	// at 1 s: the first one finds the socket locked (Linux, tcp_v6_err).
	RejectHost Action = "reject-host"
	// RejectAdmin answers with ICMP administratively prohibited (RFC 1812
	// section 5.2.7.1): EHOSTUNREACH over IPv4, EACCES over IPv6,
	// the latter as late as for RejectHost.
	RejectAdmin Action = "reject-admin"
	// DropReplies drops every packet that leaves from the address, of new and old
	// connections: what arrives is taken, and no answer comes back.
	DropReplies Action = "drop-replies"
	// Count lets the SYN pass and only counts it: the evidence for a port that
	// refuses by itself, because nobody listens there.
	Count Action = "count"
)

// Actions lists every Action that [Firewall.Arm] accepts.
func Actions() []Action {
	return []Action{Drop, RejectReset, RejectHost, RejectAdmin, DropReplies, Count}
}

// MaxAttempts is the number of attempts one rule can tell apart. The rule keeps
// acting and counting packets beyond it.
const MaxAttempts = 65535

// Hits is what a rule has met since it was armed.
type Hits struct {
	Packets uint64 // packets matched, retransmissions included
	Bytes   uint64 // their size in bytes, IP headers included
	// Attempts is the number of distinct Sources, so a SYN that is
	// retransmitted counts once. It stays 0 for [Firewall.ArmConn].
	Attempts int
	// Sources are the client addresses and ports of the attempts, sorted.
	Sources []netip.AddrPort
}
