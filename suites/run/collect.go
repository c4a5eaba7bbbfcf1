package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/control"
)

// evidence reads the journal of the cell. What a process endpoint tells may still be under way, so it asks again for a
// while. A journal that cannot be read is our failure, missing evidence is [notInjected].
func (c *cell) evidence(ctx context.Context, from uint64) (proof, string, error) {
	wanted := 1
	if t := c.scenario.Traffic; t != nil {
		wanted = t.Requests
	}
	for deadline := time.Now().Add(evidenceTimeout); ; {
		events, next, err := c.journal(ctx, from)
		if err != nil {
			return proof{}, "", err
		}
		p := newProof(c.fault, events, c.path(phaseFault), wanted)
		c.result.Journal = events
		evidence, missing := p.evidence()
		wait := time.Until(deadline)
		if missing == nil {
			return p, evidence, nil
		}
		if wait <= 0 || errors.Is(missing, upstream.ErrUnsupported) {
			return p, "", notInjected{missing}
		}
		if _, err := c.control.Journal(ctx, control.JournalQuery{After: next, Wait: wait,
			Filter: upstream.Filter{Endpoint: c.endpoint}, Limit: 1}); err != nil {
			return p, "", fmt.Errorf("read the journal: %w", err)
		}
	}
}

// journal reads all events of the cell's endpoint since from.
func (c *cell) journal(ctx context.Context, from uint64) ([]upstream.Event, uint64, error) {
	var events []upstream.Event
	for {
		page, err := c.control.Journal(ctx, control.JournalQuery{After: from, Filter: upstream.Filter{Endpoint: c.endpoint}})
		if err != nil {
			return nil, from, fmt.Errorf("read the journal: %w", err)
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
	_ = c.gateway.Logs().Await(ctx, c.path(phaseEnd)) // without it the lines so far are what there is
	book, now := c.gateway.Logs(), time.Now()
	c.result.Log = slices.DeleteFunc(texts(book.Lines(c.id, gateway.LaneName(c.index), began, now)), c.isOwnNoise)
	c.result.SharedLog = texts(book.Shared(began, now))
}

// isOwnNoise tells the lines of our own healthy requests: they say nothing of the fault.
func (c *cell) isOwnNoise(line string) bool {
	return slices.ContainsFunc([]string{phaseProof, phaseRecover, phaseEnd}, func(phase string) bool {
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
