package firewall

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// builder adds the parts of one rule to a transaction.
type builder struct {
	conn *nftables.Conn
	rule *Rule
	err  error
}

// synRules counts, and then treats, the SYNs to ip and port. Evidence and
// verdict are rules of their own: a full set ends its rule, and the verdict has
// to hold all the same.
func (b *builder) synRules(a Action, at netip.AddrPort) {
	priority := nftables.ChainPriorityFilter
	if a == Count {
		priority = nftables.ChainPriorityRef(*priority - 1) // before any verdict
	}
	chain := b.chain("", nftables.ChainHookInput, priority)
	b.countAttempts()
	for _, v4 := range families(at.Addr()) {
		match := join(packets(v4, destination, at), isSYN())
		b.add(chain, match, []expr.Any{&expr.Counter{}}, countAttempt(v4, source, b.rule.set))
		if a != Count {
			b.add(chain, match, verdict(a))
		}
	}
}

// dropReplies drops what leaves from at and counts it. An attempt is a peer that is lost a SYN-ACK or data: what we still have to
// acknowledge of a connection that was closed right before is none.
func (b *builder) dropReplies(at netip.AddrPort) {
	chain := b.chain("", nftables.ChainHookOutput, nftables.ChainPriorityFilter)
	b.countAttempts()
	for _, v4 := range families(at.Addr()) {
		match := packets(v4, source, at)
		b.add(chain, match, anyFlag(flagSYN|flagPSH), countAttempt(v4, destination, b.rule.set))
		b.add(chain, match, []expr.Any{&expr.Counter{}}, verdict(Drop))
	}
}

// lossRules counts the attempts and drops percent of 100 packets for at.
func (b *builder) lossRules(at netip.AddrPort, percent int) {
	chain := b.chain("", nftables.ChainHookInput, nftables.ChainPriorityFilter)
	b.countAttempts()
	for i, v4 := range families(at.Addr()) {
		lost := b.numbers(uint32(i), spread(percent))
		match := packets(v4, destination, at)
		b.add(chain, match, isSYN(), countAttempt(v4, source, b.rule.set))
		b.add(chain, match, []expr.Any{
			&expr.Numgen{Register: 1, Modulus: 100, Type: unix.NFT_NG_INCREMENTAL},
			&expr.Lookup{SourceRegister: 1, SetName: lost.Name, SetID: lost.ID},
			&expr.Counter{}}, verdict(Drop))
	}
}

// spread gives percent of the numbers 0 to 99, evenly apart, 0 among them.
func spread(percent int) (chosen []uint32) {
	for i := range 100 {
		if i*percent%100 < percent {
			chosen = append(chosen, uint32(i))
		}
	}
	return chosen
}

// numbers is the i-th anonymous set of the transaction; it belongs to the one rule that looks into it and goes with that.
func (b *builder) numbers(i uint32, list []uint32) *nftables.Set {
	set := &nftables.Set{Table: b.rule.table, ID: 2 + i, Name: "__set%d", Anonymous: true, Constant: true, KeyType: nftables.TypeMark}
	var elements []nftables.SetElement
	for _, n := range list {
		elements = append(elements, nftables.SetElement{Key: binaryutil.NativeEndian.PutUint32(n)})
	}
	b.err = errors.Join(b.err, b.conn.AddSet(set, elements))
	return set
}

// countAttempts makes the set that the rule's attempts go into.
func (b *builder) countAttempts() {
	b.rule.set = attempts(b.rule.table, b.rule.name)
	b.err = errors.Join(b.err, b.conn.AddSet(b.rule.set, nil))
}

// packets matches the TCP packets that one end of which is at.
func packets(v4 bool, e end, at netip.AddrPort) []expr.Any {
	return join(tcpOver(v4), address(v4, e, at.Addr()), portIs(e, at.Port()))
}

// dropBetween drops what goes from one end of a connection to the other.
func (b *builder) dropBetween(hook *nftables.ChainHook, suffix string, from, to netip.AddrPort) {
	v4 := from.Addr().Is4()
	b.add(b.chain(suffix, hook, nftables.ChainPriorityFilter),
		tcpOver(v4),
		address(v4, source, from.Addr()), portIs(source, from.Port()),
		address(v4, destination, to.Addr()), portIs(destination, to.Port()),
		[]expr.Any{&expr.Counter{}}, verdict(Drop))
}

func (b *builder) chain(suffix string, hook *nftables.ChainHook, priority *nftables.ChainPriority) *nftables.Chain {
	c := b.conn.AddChain(&nftables.Chain{
		Name: b.rule.name + suffix, Table: b.rule.table,
		Type: nftables.ChainTypeFilter, Hooknum: hook, Priority: priority,
	})
	b.rule.chains = append(b.rule.chains, c)
	return c
}

func (b *builder) add(chain *nftables.Chain, parts ...[]expr.Any) {
	b.conn.AddRule(&nftables.Rule{Table: chain.Table, Chain: chain, Exprs: join(parts...)})
}

func join(parts ...[]expr.Any) []expr.Any {
	var all []expr.Any
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// families tells which of IPv4 (true) and IPv6 (false) an address stands for.
func families(ip netip.Addr) []bool {
	if ip.IsUnspecified() {
		return []bool{true, false}
	}
	return []bool{ip.Is4()}
}

// end is one end of a packet.
type end int

const (
	source end = iota
	destination
)

// tcpOver matches TCP over IPv4 or IPv6.
func tcpOver(v4 bool) []expr.Any {
	family := byte(unix.NFPROTO_IPV6)
	if v4 {
		family = unix.NFPROTO_IPV4
	}
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1}, equal(family),
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, equal(unix.IPPROTO_TCP),
	}
}

func equal(b ...byte) expr.Any { return &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: b} }

// address matches the source or destination address; unspecified matches all.
func address(v4 bool, e end, ip netip.Addr) []expr.Any {
	if ip.IsUnspecified() {
		return nil
	}
	return []expr.Any{loadAddress(v4, e, 1), equal(ip.AsSlice()...)}
}

// loadAddress reads an address out of an IPv4 (RFC 791 section 3.1) or IPv6
// header (RFC 8200 section 3).
func loadAddress(v4 bool, e end, register uint32) expr.Any {
	offset, size := uint32(8), uint32(16)
	if v4 {
		offset, size = 12, 4
	}
	return &expr.Payload{
		DestRegister: register, Base: expr.PayloadBaseNetworkHeader,
		Offset: offset + uint32(e)*size, Len: size,
	}
}

func portIs(e end, port uint16) []expr.Any {
	return []expr.Any{loadPort(e, 1), equal(binary.BigEndian.AppendUint16(nil, port)...)}
}

func loadPort(e end, register uint32) expr.Any {
	return &expr.Payload{
		DestRegister: register, Base: expr.PayloadBaseTransportHeader,
		Offset: uint32(e) * 2, Len: 2,
	}
}

// Control bits of TCP (RFC 9293 section 3.1).
const (
	flagFIN = 0x01
	flagSYN = 0x02
	flagRST = 0x04
	flagPSH = 0x08
	flagACK = 0x10
)

// isSYN matches the first packet of a connection: SYN without ACK, FIN or RST. Unlike a connection state it needs no conntrack.
func isSYN() []expr.Any {
	return append(flags(flagFIN|flagSYN|flagRST|flagACK), equal(flagSYN))
}

// anyFlag matches packets with at least one of the flags.
func anyFlag(mask byte) []expr.Any {
	return append(flags(mask), &expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: []byte{0}})
}

// flags loads those of a packet's control bits that the mask has.
func flags(mask byte) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 13, Len: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 1, Mask: []byte{mask}, Xor: []byte{0}},
	}
}

// attempts is the set that a rule's attempts go into. Its ID only has to be
// unlike others within one transaction; given here it spares the library's
// global counter, which two firewalls would race for.
func attempts(table *nftables.Table, name string) *nftables.Set {
	return &nftables.Set{
		Table: table, ID: 1, Name: name, Size: MaxAttempts,
		Dynamic: true, Concatenation: true, KeyByteOrder: binaryutil.BigEndian,
		KeyType: nftables.MustConcatSetType(nftables.TypeIP6Addr, nftables.TypeInetService),
	}
}

// countAttempt adds address and port of one end to the set. IPv4 addresses take
// their IPv4-mapped form (RFC 4291 section 2.5.5.2), so one set serves both.
func countAttempt(v4 bool, e end, set *nftables.Set) []expr.Any {
	// The 4-byte registers that follow one another from NFT_REG32_00: four for
	// the address, one for the port.
	const key, keyPort = unix.NFT_REG32_00, unix.NFT_REG32_00 + 4
	add := []expr.Any{
		loadPort(e, keyPort),
		&expr.Dynset{SrcRegKey: key, SetName: set.Name, SetID: set.ID, Operation: unix.NFT_DYNSET_OP_ADD},
	}
	if !v4 {
		return append([]expr.Any{loadAddress(false, e, key)}, add...)
	}
	mapped := []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}
	return append([]expr.Any{
		&expr.Immediate{Register: key, Data: mapped}, loadAddress(true, e, key+3),
	}, add...)
}

func verdict(a Action) []expr.Any {
	switch a {
	case RejectReset:
		return []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_TCP_RST}}
	case RejectHost:
		return unreachable(unix.NFT_REJECT_ICMPX_HOST_UNREACH)
	case RejectAdmin:
		return unreachable(unix.NFT_REJECT_ICMPX_ADMIN_PROHIBITED)
	default:
		return []expr.Any{&expr.Verdict{Kind: expr.VerdictDrop}}
	}
}

// unreachable answers by ICMP or ICMPv6, whichever the packet came over.
func unreachable(code uint8) []expr.Any {
	return []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_ICMPX_UNREACH, Code: code}}
}
