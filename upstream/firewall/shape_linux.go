package firewall

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"
)

// Limits of a shaped path: how long a packet is held at most, and the slowest rate, in bytes per second.
const (
	MaxDelay = time.Minute
	MinRate  = 256
)

// ArmDelay holds every packet that arrives for addr back by delay, up to [MaxDelay]: a connect takes so much longer, and
// so does every request. IPv4 only.
func (f *Firewall) ArmDelay(addr netip.AddrPort, delay time.Duration) (*Rule, error) {
	if delay < 0 || delay > MaxDelay {
		return nil, fmt.Errorf("delay %s by %s: it takes 0s to %s", addr, delay, MaxDelay)
	}
	return f.armShape("delay", addr, destination, &shaper{delay: delay})
}

// ArmRate lets the packets that leave from addr pass at no more than rate bytes per second, IP headers included, in the
// order they came: a slow link of that address alone. IPv4 only.
func (f *Firewall) ArmRate(addr netip.AddrPort, rate int) (*Rule, error) {
	if rate < MinRate {
		return nil, fmt.Errorf("slow %s to %d bytes per second: it takes %d or more", addr, rate, MinRate)
	}
	return f.armShape("rate", addr, source, &shaper{rate: rate})
}

// CanShape tells whether this kernel can do [Firewall.ArmDelay] and [Firewall.ArmRate]; the error wraps [ErrUnavailable].
func (f *Firewall) CanShape() error {
	r, err := f.ArmDelay(netip.MustParseAddrPort("127.255.255.254:1"), 0)
	if err != nil {
		return err
	}
	return r.Disarm()
}

func (f *Firewall) armShape(what string, addr netip.AddrPort, e end, s *shaper) (*Rule, error) {
	at := unmap(addr)
	if !addr.IsValid() || addr.Port() == 0 || !at.Addr().Is4() && !at.Addr().IsUnspecified() {
		return nil, fmt.Errorf("arm %s: %v is not an IPv4 address with a port", what, addr)
	}
	if err := errors.Join(f.openQueues(), s.open()); err != nil {
		return nil, errors.Join(explainShape(what, err), s.stop())
	}
	rule, err := f.armAs(what, addr, func(b *builder) {
		b.rule.table, b.rule.shaper = f.queue, s
		b.shape(at, e, s.number)
	})
	if err != nil {
		return nil, errors.Join(explainShape(what, err), s.stop())
	}
	return rule, nil
}

// openQueues makes the table for targets of the older xtables, which the kernel takes in tables of family ip, not inet.
func (f *Firewall) openQueues() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.sock == nil:
		return errClosed
	case f.queue != nil:
		return nil
	}
	table := &nftables.Table{Name: f.table.Name, Family: nftables.TableFamilyIPv4}
	if err := addTable(f.sock, table, f.flags); err != nil {
		return err
	}
	f.queue = table
	return nil
}

// shape counts the packets and hands them to a queue of this process.
func (b *builder) shape(at netip.AddrPort, e end, queue uint16) {
	hook, peer := nftables.ChainHookInput, source
	if e == source {
		hook, peer = nftables.ChainHookOutput, destination
	}
	chain := b.chain("", hook, shapePriority(b.rule.f.made))
	b.countAttempts()
	match := packets(true, e, at)
	b.add(chain, match, []expr.Any{&expr.Counter{}}, countAttempt(true, peer, b.rule.set))
	b.add(chain, match, []expr.Any{toQueue(queue)})
}

// shapePriority puts the shaping chains before all others and each after the older ones. A packet that is let go goes on
// after the chain of the number that its own had when it was held (Linux, nf_reinject): a chain put in before it
// would have it held twice.
func shapePriority(made int) *nftables.ChainPriority {
	return nftables.ChainPriorityRef(nftables.ChainPriority(math.MinInt32/2 + made))
}

// toQueue is the target NFQUEUE of revision 3, struct xt_NFQ_info_v3 of linux/netfilter/xt_NFQUEUE.h: number, count,
// flags, padded. Packets pass when nobody listens (NFQ_FLAG_BYPASS). The native `queue` is missing in some kernels.
func toQueue(number uint16) expr.Any {
	info := binaryutil.NativeEndian.PutUint16(number)
	info = append(info, binaryutil.NativeEndian.PutUint16(1)...)
	info = append(info, binaryutil.NativeEndian.PutUint16(1)...)
	unknown := xt.Unknown(append(info, 0, 0))
	return &expr.Target{Name: "NFQUEUE", Rev: 3, Info: &unknown}
}

// explainShape adds to what explain knows the errors of a kernel without the parts for shaping.
func explainShape(what string, err error) error {
	if errors.Is(err, ErrUnavailable) || !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EOPNOTSUPP) {
		return err
	}
	return fmt.Errorf("%w: cannot %s packets, because this kernel lacks nft_compat, xt_NFQUEUE or nfnetlink_queue (%w)", ErrUnavailable, what, err)
}
