package firewall

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

// Rule is one armed rule: base chains of its own, so that disarming is one
// transaction which needs no rule handles, and the set of its attempts.
type Rule struct {
	f      *Firewall
	table  *nftables.Table
	name   string
	chains []*nftables.Chain
	set    *nftables.Set // nil for a rule about one connection
	shaper *shaper       // holds the rule's packets back; nil for most rules
	final  *Hits         // the last reading, once disarmed; guarded by f.mu
}

// Hits returns what the rule has met so far. After [Rule.Disarm] it keeps
// returning the last reading.
func (r *Rule) Hits() (Hits, error) {
	r.f.mu.Lock()
	defer r.f.mu.Unlock()
	if r.final != nil {
		return clone(*r.final), nil
	}
	return r.read()
}

// clone keeps one caller's sorting or cutting of Sources from the next one's.
func clone(h Hits) Hits {
	h.Sources = slices.Clone(h.Sources)
	return h
}

func (r *Rule) read() (Hits, error) {
	conn, err := reader()
	if err != nil {
		return Hits{}, fmt.Errorf("read hits: %w", err)
	}
	var h Hits
	for _, chain := range r.chains {
		if err := addCounters(&h, conn, chain); err != nil {
			return Hits{}, fmt.Errorf("read counters of %s: %w", chain.Name, err)
		}
	}
	if r.set == nil {
		return h, nil
	}
	elements, err := conn.GetSetElements(r.set)
	if err != nil {
		return Hits{}, fmt.Errorf("read sources of %s: %w", r.name, err)
	}
	h.Sources = sources(elements)
	h.Attempts = len(h.Sources)
	return h, nil
}

func addCounters(h *Hits, conn *nftables.Conn, chain *nftables.Chain) error {
	rules, err := conn.GetRules(chain.Table, chain)
	if err != nil {
		return err
	}
	for _, rule := range rules {
		for _, e := range rule.Exprs {
			if c, ok := e.(*expr.Counter); ok {
				h.Packets += c.Packets
				h.Bytes += c.Bytes
			}
		}
	}
	return nil
}

// sources decodes the keys that [countAttempt] made. The dump of a set that
// grows meanwhile can show an element twice.
func sources(elements []nftables.SetElement) []netip.AddrPort {
	var list []netip.AddrPort
	for _, e := range elements {
		if len(e.Key) < 18 {
			continue
		}
		ip := netip.AddrFrom16([16]byte(e.Key[:16])).Unmap()
		list = append(list, netip.AddrPortFrom(ip, binary.BigEndian.Uint16(e.Key[16:18])))
	}
	slices.SortFunc(list, netip.AddrPort.Compare)
	return slices.Compact(list)
}

// Disarm takes the rule out of force. It is idempotent, also after
// [Firewall.Close].
func (r *Rule) Disarm() error {
	r.f.mu.Lock()
	defer r.f.mu.Unlock()
	return r.disarm()
}

// disarm is Disarm for a caller who holds f.mu.
func (r *Rule) disarm() error {
	f := r.f
	if !f.rules[r] {
		return nil
	}
	unread := r.settle()
	for _, chain := range r.chains {
		f.owner.FlushChain(chain)
	}
	if r.set != nil {
		f.owner.DelSet(r.set)
	}
	f.idle = append(f.idle, r.chains...)
	if !f.shaping() {
		f.removeIdle()
	}
	if err := f.flush(); err != nil {
		return fmt.Errorf("disarm %s: %w", r.name, cmp.Or(errors.Join(unread, err), err))
	}
	delete(f.rules, r)
	f.log.Debug("firewall disarmed", "rule", r.name, "packets", r.final.Packets, "attempts", r.final.Attempts)
	return errors.Join(unread, r.release())
}

// release lets the packets that the rule holds back go, now that no more come.
func (r *Rule) release() error {
	if r.shaper == nil {
		return nil
	}
	err := r.shaper.stop()
	if r.f.shaping() {
		return err
	}
	r.f.removeIdle()
	return errors.Join(err, r.f.flush())
}

// shaping tells whether packets may be held back. As long as they are, no base chain is removed: the kernel then drops
// what waits in any queue of the network namespace (Linux, nf_queue_nf_hook_drop). The caller holds f.mu.
func (f *Firewall) shaping() bool {
	for r := range f.rules {
		if r.shaper != nil {
			return true
		}
	}
	return false
}

// removeIdle removes the chains of disarmed rules with the next flush. The caller holds f.mu.
func (f *Firewall) removeIdle() {
	for _, chain := range f.idle {
		f.owner.DelChain(chain)
	}
	f.idle = nil
}

// settle keeps the last reading. The caller holds f.mu.
func (r *Rule) settle() error {
	h, err := r.read()
	r.final = &h
	return err
}
