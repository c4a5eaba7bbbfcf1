package upstream

import (
	"context"
	"errors"
	"fmt"
	"net"
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
}

// arm does what an armed rule says and remembers how to undo it. The caller holds the endpoint's lock.
func (ep *Endpoint) arm(r *rule) error {
	undo, err := ep.armNow(r)
	if err != nil {
		return fmt.Errorf("arm %s: %w", r.Fault, err)
	}
	ep.undo = append(ep.undo, undo)
	if r.For > 0 {
		plan := ep.plan.Load()
		ep.timers = append(ep.timers, time.AfterFunc(time.Duration(r.For), func() { ep.expire(plan) }))
	}
	return nil
}

// expire disarms the endpoint when a time limit of plan is over and plan is still in force.
func (ep *Endpoint) expire(plan *compiled) {
	_ = ep.lock(context.Background())
	defer ep.unlock()
	if ep.plan.Load() != plan || ep.closed {
		return
	}
	if err := ep.disarm(); err != nil {
		ep.up.log.Warn("disarm", "endpoint", ep.id, "err", err)
	}
}

func (ep *Endpoint) armNow(r *rule) (func() error, error) {
	switch r.fault.Arm {
	case fault.Refuse:
		return ep.armRefusal(r.Fault)
	case fault.StopProcess:
		return ep.server.resume, ep.server.stop()
	}
	return ep.armFirewall(r.Fault, firewallActions[r.fault.Arm])
}

// disarm undoes everything armed, the latest first. The caller holds the endpoint's lock.
func (ep *Endpoint) disarm() error {
	var errs []error
	for i := len(ep.undo) - 1; i >= 0; i-- {
		errs = append(errs, ep.undo[i]())
	}
	for _, t := range ep.timers {
		t.Stop()
	}
	ep.undo, ep.timers = nil, nil
	return errors.Join(errs...)
}

// armFirewall sets a rule for the endpoint's address; undoing it journals what the kernel counted.
func (ep *Endpoint) armFirewall(name string, action firewall.Action) (func() error, error) {
	rule, err := ep.up.fw.Arm(action, ep.Addr())
	if err != nil {
		return nil, err
	}
	return func() error { return ep.journalHits(rule, Event{Fault: name}) }, nil
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

// armRefusal shuts the listener. Where there is a firewall it counts the attempts that meet the closed port; elsewhere
// connecting to it ourselves proves at least that it is closed.
func (ep *Endpoint) armRefusal(name string) (func() error, error) {
	count := func() error { return ep.journalRefusal(name) }
	if ep.up.fw != nil {
		var err error
		if count, err = ep.armFirewall(name, firewall.Count); err != nil {
			return nil, err
		}
	}
	if err := ep.server.refuse(); err != nil {
		return nil, errors.Join(err, count())
	}
	return func() error { return errors.Join(count(), ep.server.listen()) }, nil
}

func (ep *Endpoint) journalRefusal(name string) error {
	c, err := net.DialTimeout("tcp", ep.Addr().String(), time.Second)
	if err == nil {
		_ = c.Close()
		return fmt.Errorf("%s accepts connections though it should refuse them", ep.Addr())
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("%s does not refuse: %w", ep.Addr(), err)
	}
	ep.up.journal.Add(Event{Kind: KernelSaw, Endpoint: ep.id, Fault: name,
		Detail: "our own connection attempt was refused; attempts of others are not counted here: " + ep.up.fwErr.Error()})
	return nil
}
