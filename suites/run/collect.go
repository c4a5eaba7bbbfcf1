package run

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/control"
	"github.com/gatefault/gatefault/upstream/fault"
)

// evidence reads the journal of the cell. What a process endpoint tells may still be under way, so it asks again for a
// while. A journal that cannot be read is our failure, missing evidence is [notInjected].
func (c *cell) evidence(ctx context.Context, from uint64) (proof, string, error) {
	wanted := 1
	if c.scenario.Traffic != nil {
		wanted = max(wanted, c.fault.Least)
	}
	for deadline := time.Now().Add(evidenceTimeout); ; {
		events, next, err := c.journal(ctx, from)
		if err != nil {
			return proof{}, "", err
		}
		p := c.newProof(c.faulted(events), wanted, c.scenario.Contact)
		atGate, err := c.gateEvents(ctx)
		if err != nil {
			return p, "", fmt.Errorf("read the journal beside the gateway: %w", err)
		}
		p.ended = c.ending()
		p.atGate(atGate, c.cleared)
		c.result.Journal = append(events, atGate...)
		p.begun = c.begun()
		if c.fault.Level == fault.Beyond {
			evidence, err := c.beyondEvidence(ctx)
			return p, evidence, err
		}
		evidence, missing := p.evidence()
		wait := time.Until(deadline)
		if missing == nil {
			return p, evidence, nil
		}
		if wait <= 0 || errors.Is(missing, upstream.ErrUnsupported) {
			return p, "", notInjected{missing}
		}
		if _, _, err := c.awaitEvents(ctx, next, wait, upstream.Filter{}); err != nil {
			return p, "", fmt.Errorf("read the journal: %w", err)
		}
	}
}

// ending tells where we ended the fault, in the journal of who has it.
func (c *cell) ending() uint64 {
	t := c.scenario.Traffic
	switch {
	case t != nil && t.Inject != nil && t.Inject.Clear > 0:
		return 0
	case c.gateHost != nil:
		return c.gateEnd
	}
	return c.cleared
}

// faulted leaves out what came after the fault, where the cell asks again.
func (c *cell) faulted(events []upstream.Event) []upstream.Event {
	if !c.scenario.Again {
		return events
	}
	return slices.DeleteFunc(slices.Clone(events), func(e upstream.Event) bool {
		return e.Seq > c.cleared && e.Kind == upstream.Requested
	})
}

// journal reads all events of the lane's endpoints since from.
func (c *cell) journal(ctx context.Context, from uint64) ([]upstream.Event, uint64, error) {
	events, next, err := c.journalOf(ctx, c.control, c.endpoint, from)
	for _, s := range c.further {
		if err != nil {
			return events, next, err
		}
		var more []upstream.Event
		more, _, err = c.journalOf(ctx, c.control, s.endpoint, from)
		events = append(events, more...)
	}
	slices.SortStableFunc(events, func(a, b upstream.Event) int { return cmp.Compare(a.Seq, b.Seq) })
	return events, next, err
}

// journalOf reads an endpoint's events since from, and notes how the journal's clock and ours differ.
func (c *cell) journalOf(ctx context.Context, client *control.Client, endpoint string, from uint64) ([]upstream.Event, uint64, error) {
	var events []upstream.Event
	for {
		page, err := client.Journal(ctx, control.JournalQuery{After: from, Filter: upstream.Filter{Endpoint: endpoint}})
		if err != nil {
			return nil, from, fmt.Errorf("read the journal: %w", err)
		}
		if c.origins == nil {
			c.origins = map[string]time.Time{}
		}
		if origin := time.Now().Add(-page.At); c.origins[endpoint].IsZero() || origin.Before(c.origins[endpoint]) {
			c.origins[endpoint] = origin // the page that took the least time on its way tells best
		}
		if page.Lost > 0 {
			return nil, from, fmt.Errorf("the journal lost %d events before they were read", page.Lost)
		}
		events = append(events, page.Events...)
		if len(page.Events) == 0 {
			return events, page.Next, nil
		}
		from = page.Next
	}
}

// collectLog takes the gateway's log lines of the cell once the log shows a last, healthy request.
func (c *cell) collectLog(ctx context.Context, began time.Time) {
	c.healthy(ctx, phaseEnd)
	ctx, cancel := context.WithTimeout(ctx, logTimeout)
	defer cancel()
	for _, tier := range c.tiers() {
		book := tier.Logs()
		if c.way != nil && c.way.found.mute {
			_ = pause(ctx, quietLog)
		} else {
			_ = book.Await(ctx, c.path(phaseEnd)) // without it the lines so far are what there is
		}
		now := time.Now()
		lines := texts(book.Lines(c.id, c.tag, began, now))
		c.result.Log = append(c.result.Log, slices.DeleteFunc(lines, c.isOwnNoise)...)
		own, shared := c.ofDomain(texts(book.Shared(began, now)))
		c.result.Log = append(c.result.Log, own...)
		c.result.SharedLog = append(c.result.SharedLog, shared...)
	}
}

// quietLog is enough for the lines of a request that is over, where the log tells nothing of the last one.
const quietLog = 100 * time.Millisecond

// ofDomain takes out the lines that name no request but this lane's upstream, by its own name.
func (c *cell) ofDomain(lines []string) (own, others []string) {
	if c.domain == "" {
		return nil, lines
	}
	for _, line := range lines {
		if strings.Contains(line, c.domain) {
			own = append(own, line)
		} else {
			others = append(others, line)
		}
	}
	return own, others
}

// tiers lists the gateways that the cell's requests pass, from the upstream's side outwards.
func (c *cell) tiers() []*gateway.Running {
	return slices.DeleteFunc([]*gateway.Running{c.inner, c.gateway}, func(r *gateway.Running) bool { return r == nil })
}

// tapped reads what passed between the tiers on the connections that carried the cell's request.
func (c *cell) tapped(ctx context.Context, from uint64) ([]upstream.Event, error) {
	if c.tapControl != c.control {
		from = 0 // another journal, with few events
	}
	events, _, err := c.journalOf(ctx, c.tapControl, c.tap, from)
	carried := map[uint64]bool{}
	for _, e := range events {
		if e.Kind == upstream.Relayed && e.By == upstream.ByClient && bytes.Contains(e.Sample, []byte(c.path(phaseFault))) {
			carried[e.Conn] = true
		}
	}
	return slices.DeleteFunc(events, func(e upstream.Event) bool { return !carried[e.Conn] }), err
}

// isOwnNoise tells the lines of our own healthy requests: they say nothing of the fault.
func (c *cell) isOwnNoise(line string) bool {
	return slices.ContainsFunc([]string{phaseProof, phaseRecover, phaseEnd, phaseOccupy}, func(phase string) bool {
		return strings.Contains(line, c.path(phase))
	})
}

func texts(lines []gateway.Line) []string {
	var out []string
	for _, line := range lines {
		out = append(out, line.Text)
	}
	return out
}
