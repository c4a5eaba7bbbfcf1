package firewall

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// patience bounds every exchange with the kernel, which answers within
// milliseconds; without it a lost netlink message would hang the caller.
const patience = 5 * time.Second

// Firewall holds this process's rules in the network namespace it was opened
// in. Its methods may be called from several goroutines at once.
type Firewall struct {
	log   *slog.Logger
	table *nftables.Table
	flags uint32 // of the tables

	mu    sync.Mutex        // guards what follows, and the order of messages on owner
	owner *nftables.Conn    // the only socket that may change an owned table
	sock  *netlink.Conn     // the socket inside owner; nil once closed
	rules map[*Rule]bool    // armed rules
	queue *nftables.Table   // the table of shaping rules; nil until there is one
	idle  []*nftables.Chain // of disarmed rules, empty; see shaping
	made  int               // rules ever made: their names
}

// Open makes an empty table in the network namespace of the calling process,
// after it has swept away what dead owners left there (see [Sweep]).
//
// The table is owned by a socket (NFT_TABLE_F_OWNER, Linux 5.12): nobody else
// can change it, and the kernel removes it when the process ends, even by
// SIGKILL. Older kernels get a plain table, which the next Open sweeps.
//
// The error wraps [ErrUnavailable] if this machine or process cannot filter.
func Open(log *slog.Logger) (*Firewall, error) { return open(log, tableOwned) }

func open(log *slog.Logger, flags uint32) (*Firewall, error) {
	if err := Sweep(log); err != nil {
		return nil, err
	}
	f := &Firewall{log: log, flags: flags, rules: map[*Rule]bool{}}
	var err error
	if f.owner, f.sock, err = dialOwner(); err != nil {
		return nil, explain("open a netlink socket", err)
	}
	if err := f.makeTable(); err != nil {
		return nil, errors.Join(explain("make a table", err), f.owner.CloseLasting())
	}
	log.Debug("firewall opened", "table", f.table.Name)
	return f, nil
}

func (f *Firewall) makeTable() error {
	name, err := tableName(f.sock)
	if err != nil {
		return err
	}
	f.table = &nftables.Table{Name: name, Family: nftables.TableFamilyINet}
	err = addTable(f.sock, f.table, f.flags)
	if f.flags != 0 && (errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL)) {
		f.log.Debug("this kernel cannot own tables; a killed run leaves its table to the next one")
		f.flags = 0
		return addTable(f.sock, f.table, 0)
	}
	return err
}

// Arm makes the kernel do a with every new TCP connection to addr. An
// unspecified address (0.0.0.0 or ::) stands for every address, of IPv4 and IPv6.
// When Arm returns the rule is in force. Of several rules for one address the one
// armed last decides; [Count] sees all attempts, whatever the others do.
func (f *Firewall) Arm(a Action, addr netip.AddrPort) (*Rule, error) {
	if !slices.Contains(Actions(), a) {
		return nil, fmt.Errorf("firewall action %q does not exist: choose one of %v", a, Actions())
	}
	if !addr.IsValid() || addr.Port() == 0 {
		return nil, fmt.Errorf("arm %s: %v is not an address with a port", a, addr)
	}
	at := unmap(addr)
	return f.armAs(string(a), addr, func(b *builder) {
		if a == DropReplies {
			b.dropReplies(at)
		} else {
			b.synRules(a, at)
		}
	})
}

// ArmLoss loses percent of every 100 packets that arrive for addr, spread
// evenly and always the same ones: the first, and with 30 % the 5th, 8th, 11th
// ... after it. [Hits.Packets] counts the lost ones alone. Of an unspecified
// address IPv4 and IPv6 are counted apart.
func (f *Firewall) ArmLoss(addr netip.AddrPort, percent int) (*Rule, error) {
	if !addr.IsValid() || addr.Port() == 0 || percent < 1 || percent > 100 {
		return nil, fmt.Errorf("lose %d %% of the packets for %v: give an address with a port, and 1 to 100 %%", percent, addr)
	}
	return f.armAs("loss", addr, func(b *builder) { b.lossRules(unmap(addr), percent) })
}

// armAs arms one rule about addr and says what failed.
func (f *Firewall) armAs(what string, addr netip.AddrPort, build func(*builder)) (*Rule, error) {
	rule, err := f.arm(build)
	if err != nil {
		return nil, explain(fmt.Sprintf("arm %s for %s", what, addr), err)
	}
	f.log.Debug("firewall armed", "action", what, "addr", addr)
	return rule, nil
}

// ArmConn drops every packet, in both directions, of the one established
// connection between local (the address in this namespace) and remote.
// Other connections of either address are not touched.
func (f *Firewall) ArmConn(local, remote netip.AddrPort) (*Rule, error) {
	local, remote = unmap(local), unmap(remote)
	if !local.IsValid() || !remote.IsValid() || local.Addr().Is4() != remote.Addr().Is4() {
		return nil, fmt.Errorf("drop connection %v to %v: these are not the two ends of one connection", local, remote)
	}
	rule, err := f.arm(func(b *builder) {
		b.dropBetween(nftables.ChainHookInput, "in", remote, local)
		b.dropBetween(nftables.ChainHookOutput, "out", local, remote)
	})
	if err != nil {
		return nil, explain(fmt.Sprintf("drop connection %s to %s", local, remote), err)
	}
	f.log.Debug("firewall armed", "action", "drop-connection", "local", local, "remote", remote)
	return rule, nil
}

func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// arm runs one transaction: all of what build adds comes into force at once.
func (f *Firewall) arm(build func(*builder)) (*Rule, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sock == nil {
		return nil, errClosed
	}
	f.made++
	b := &builder{conn: f.owner, rule: &Rule{f: f, table: f.table, name: fmt.Sprintf("rule%d", f.made)}}
	build(b)
	if err := errors.Join(b.err, f.flush()); err != nil {
		return nil, err
	}
	f.rules[b.rule] = true
	return b.rule, nil
}

var errClosed = errors.New("the firewall is closed")

// flush sends what is waiting on the owner socket as one transaction. The
// caller holds f.mu.
func (f *Firewall) flush() error {
	if err := f.sock.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	return f.owner.Flush()
}

// Close disarms every rule, keeping their [Rule.Hits] readable, and removes the
// table. It is idempotent.
func (f *Firewall) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sock == nil {
		return nil
	}
	var errs []error
	for r := range f.rules {
		if r.shaper != nil {
			errs = append(errs, r.disarm())
		}
	}
	for r := range f.rules {
		errs = append(errs, r.settle())
	}
	f.owner.DelTable(f.table)
	if f.queue != nil {
		f.owner.DelTable(f.queue)
	}
	errs = append(errs, f.flush(), f.owner.CloseLasting())
	f.sock, f.rules = nil, nil
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close firewall: %w", err)
	}
	return nil
}

// reader opens a socket for one question. Reading needs no ownership, and a
// socket of its own keeps answers apart from the owner's acknowledgements.
func reader() (*nftables.Conn, error) {
	return nftables.New(nftables.WithSockOptions(func(c *netlink.Conn) error {
		return c.SetDeadline(time.Now().Add(patience))
	}))
}

// explain turns the errors that mean "not on this machine" into
// ErrUnavailable with a reason; other errors only get their context.
func explain(doing string, err error) error {
	reason := ""
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		reason = "the process lacks CAP_NET_ADMIN in its network namespace"
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EPROTONOSUPPORT), errors.Is(err, unix.EAFNOSUPPORT):
		reason = "this kernel has no nf_tables, or lacks a part of it"
	default:
		return fmt.Errorf("%s: %w", doing, err)
	}
	return fmt.Errorf("%w: cannot %s, because %s (%w)", ErrUnavailable, doing, reason, err)
}
