package upstream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/gatefault/gatefault/upstream/fault"
	"github.com/gatefault/gatefault/upstream/firewall"
)

var firewallActions = map[fault.Arming]firewall.Action{
	fault.DropSYN:     firewall.Drop,
	fault.RejectReset: firewall.RejectReset,
	fault.RejectHost:  firewall.RejectHost,
	fault.RejectAdmin: firewall.RejectAdmin,
	fault.DropReplies: firewall.DropReplies,
}

// armament is one armed rule and how to undo it.
type armament struct {
	undo  func() error
	timer *time.Timer // its end, if it has one
}

// arm does what an armed rule says and remembers how to undo it. The caller holds the endpoint's lock.
func (ep *Endpoint) arm(r *rule) error {
	undo, err := ep.armNow(r)
	if err != nil {
		return fmt.Errorf("arm %s: %w", r.fault.Name, err)
	}
	a := &armament{undo: undo}
	if r.For > 0 {
		a.timer = time.AfterFunc(time.Duration(r.For), func() { ep.expire(a) })
	}
	ep.armed = append(ep.armed, a)
	return nil
}

// expire disarms one rule when its time is over, unless that is done already.
func (ep *Endpoint) expire(a *armament) {
	_ = ep.lock(context.Background())
	defer ep.unlock()
	i := slices.Index(ep.armed, a)
	if i < 0 {
		return
	}
	ep.armed = slices.Delete(ep.armed, i, i+1)
	if err := a.undo(); err != nil {
		ep.up.log.Warn("disarm", "endpoint", ep.id, "err", err)
	}
}

func (ep *Endpoint) armNow(r *rule) (func() error, error) {
	switch r.fault.Arm {
	case fault.Refuse:
		return ep.armRefusal(r.Fault)
	case fault.StopProcess:
		return ep.server.resume, ep.server.stop(r.Fault)
	case fault.RemoveSocket, fault.DenySocket, fault.AbandonSocket, fault.FillSocket:
		return ep.armDoor(r.Fault, r.fault.Arm)
	case fault.DenyEgress:
		return ep.armEgress(r.Fault, syscall.EACCES)
	case fault.FillBacklog:
		return ep.armBacklog(r.Fault)
	}
	vals, err := r.fault.Values(r.Params)
	if err != nil {
		return nil, err
	}
	if s, ok := ep.server.(*childServer); ok && lives[r.fault.Arm] != nil {
		return s.supervise(r, vals)
	} else if ok && r.fault.Arm == fault.LimitFiles {
		return s.limitFiles(r.Fault)
	}
	fw, at := ep.up.fw, ep.Addr()
	switch r.fault.Arm {
	case fault.LosePackets:
		return ep.counting(r.Fault)(fw.ArmLoss(at, vals.Int("percent")))
	case fault.HoldPackets:
		return ep.counting(r.Fault)(fw.ArmDelay(at, vals.Duration("delay")))
	case fault.SlowLink:
		return ep.counting(r.Fault)(fw.ArmRate(at, vals.Int("rate")))
	}
	if lie := lies[r.fault.Arm]; lie != nil {
		return ep.armName(r, lie)
	}
	return ep.armFirewall(r.Fault, firewallActions[r.fault.Arm])
}

// disarm undoes everything armed, the latest first. The caller holds the endpoint's lock.
func (ep *Endpoint) disarm() error {
	var errs []error
	for _, a := range slices.Backward(ep.armed) {
		if a.timer != nil {
			a.timer.Stop()
		}
		errs = append(errs, a.undo())
	}
	ep.armed = nil
	return errors.Join(errs...)
}

// armFirewall sets a rule for the endpoint's address; undoing it journals what the kernel counted.
func (ep *Endpoint) armFirewall(name string, action firewall.Action) (func() error, error) {
	return ep.counting(name)(ep.up.fw.Arm(action, ep.Addr()))
}

// counting makes the undoing of a firewall rule, which journals what the kernel counted.
func (ep *Endpoint) counting(name string) func(*firewall.Rule, error) (func() error, error) {
	return func(rule *firewall.Rule, err error) (func() error, error) {
		if err != nil {
			return nil, err
		}
		return func() error { return ep.journalHits(rule, Event{Fault: name}) }, nil
	}
}

// journalHits removes a firewall rule and journals its counters as e.
func (ep *Endpoint) journalHits(rule *firewall.Rule, e Event) error {
	hits, err := rule.Hits()
	e.Kind, e.Endpoint = KernelSaw, ep.id
	e.Packets, e.Attempts = hits.Packets, hits.Attempts
	if err == nil {
		ep.up.journal.Add(e)
	}
	return errors.Join(err, rule.Disarm())
}

// armRefusal shuts the listener. Where there is a firewall it counts the attempts that meet the closed port.
func (ep *Endpoint) armRefusal(name string) (func() error, error) {
	count, err := ep.countAttempts(name)
	if err != nil {
		return nil, err
	}
	if err := ep.server.refuse(); err != nil {
		return nil, errors.Join(err, count())
	}
	return func() error { return errors.Join(count(), ep.server.listen()) }, nil
}

// armBacklog fills the accept queue. The attempts are counted from then on; a queue that has room again at the end is a
// failure.
func (ep *Endpoint) armBacklog(name string) (func() error, error) {
	s, ok := ep.server.(filler)
	if !ok {
		return nil, fmt.Errorf("%w: the accept queue of a %s endpoint cannot be filled (use kind: http)", ErrUnsupported, ep.Kind())
	}
	if err := s.fill(); err != nil {
		return nil, err
	}
	count, err := ep.countAttempts(name)
	if err != nil {
		return nil, errors.Join(err, s.drain())
	}
	return func() error {
		err := errors.Join(count(), s.drain())
		if errors.Is(err, errRoom) {
			ep.up.journal.Add(Event{Kind: Failed, Endpoint: ep.id, Fault: name, Detail: err.Error()})
		}
		return err
	}, nil
}

// countAttempts has the kernel count connection attempts, or notes why it does not.
func (ep *Endpoint) countAttempts(name string) (func() error, error) {
	if ep.up.fw != nil {
		return ep.armFirewall(name, firewall.Count)
	}
	return func() error {
		ep.up.journal.Add(Event{Kind: KernelSaw, Endpoint: ep.id, Fault: name, Detail: clip("connection attempts are not counted here: "+ep.up.fwErr.Error(), maxDetail)})
		return nil
	}, nil
}
