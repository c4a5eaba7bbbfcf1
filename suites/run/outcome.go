package run

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/probe"
	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/fault"
)

// maxSample bounds the received bytes that a result keeps.
const maxSample = 16 << 10

// fill puts the observation into the result.
func (c *cell) fill(exchanges []probe.Exchange, p proof) {
	r := c.result
	r.Attempts, r.Received, r.Uncounted = p.attempts(), len(p.requests), p.uncounted()
	if r.Uncounted {
		r.Attempts = 0
	}
	worst := exchanges[0]
	if c.scenario.Again {
		r.Again = c.later(exchanges[1], worst)
		exchanges = exchanges[:1]
	}
	mark := c.path(phaseFault)
	if c.scenario.Traffic != nil {
		n := c.fillTraffic(exchanges, p)
		worst, mark = exchanges[n], c.numbered(n)
	} else {
		r.Observed = c.outcome(worst, c.path(phaseFault), p)
	}
	r.By = c.maker(r.Observed)
	r.FirstByte, r.Total = worst.FirstByte, worst.Done
	r.Client, r.Exchange = sample(worst), c.exchange(worst, mark)
}

// exchange is what the client knows of the request that is shown.
func (c *cell) exchange(ex probe.Exchange, mark string) *Exchange {
	out := &Exchange{Mark: mark, Wrote: ex.Wrote, Dialed: ex.Dialed, Secured: ex.Secured, Sent: ex.Sent,
		End: ex.End, Began: map[string]time.Duration{}}
	for _, chunk := range ex.Chunks {
		out.Size += int64(len(chunk.Data))
	}
	for endpoint, origin := range c.origins {
		out.Began[endpoint] = ex.Start.Sub(origin)
	}
	return out
}

// outcome joins what the client saw of its request for path with what the upstream knows. An answer of the upstream to
// another request than this one is stray; one to a request of the gateway's own is what it makes of the failure.
func (c *cell) outcome(ex probe.Exchange, path string, p proof) scenarios.Outcome {
	seen := ex.Outcome()
	o := scenarios.Outcome{Kind: scenarios.Kind(seen.Kind), Status: seen.Status}
	if seen.Kind != probe.Complete {
		return o
	}
	o.Kind = scenarios.Made
	nonce, from := ex.Header.Get(upstream.NonceField), ex.Header.Get(upstream.EndpointField)
	switch ours := slices.Contains(c.endpoints(), from); {
	case from != "" && !ours:
		o.Kind = scenarios.Foreign
	case ours && slices.Contains(c.nonces, nonce):
		o.Kind = scenarios.Stored
	case ours && (strings.HasSuffix(nonce, upstream.StrayMark) || ex.Excess > 0):
		o.Kind = scenarios.Stray
	case ours && (p.answered(nonce, path) || c.backend != nil && strings.HasPrefix(nonce, path)):
		o.Kind = scenarios.Passed
		if c.fault.Incomplete && slices.Contains(c.targets(), from) || lost(ex) {
			o.Kind = scenarios.Silent
		}
	case ours && nonce != "" && !p.replaced(nonce):
		o.Kind = scenarios.Stray
	}
	return o
}

// lost tells whether an answer that looks whole has another length than the upstream said.
func lost(ex probe.Exchange) bool {
	sent := ex.Header.Get(upstream.LengthField)
	return sent != "" && sent != fmt.Sprint(ex.BodyLen)
}

// later is the outcome of a request after the fault: an answer seen before was stored.
func (c *cell) later(ex, before probe.Exchange) scenarios.Outcome {
	healthy := *c
	healthy.fault = &fault.Fault{}
	healthy.nonces = append(slices.Clone(c.nonces), before.Header.Get(upstream.NonceField))
	return healthy.outcome(ex, c.path(phaseFault), c.newProof(c.result.Journal, 1, ""))
}

// maker tells who made an answer. In a chain the tap knows: what the client got is the inner gateway's answer if one of
// that status passed between the tiers before the outer one gave up.
func (c *cell) maker(o scenarios.Outcome) scenarios.By {
	switch {
	case slices.Contains([]scenarios.Kind{scenarios.Passed, scenarios.Stored, scenarios.Stray, scenarios.Foreign}, o.Kind):
		return scenarios.ByUpstream
	case o.Kind != scenarios.Made:
		return ""
	case c.tap == "":
		return scenarios.ByGateway
	}
	gone := map[uint64]bool{} // connections that the outer gateway has given up
	for _, e := range c.result.Tap {
		if e.Kind == upstream.Closed && e.By == upstream.ByClient {
			gone[e.Conn] = true
		}
		if !gone[e.Conn] && e.Kind == upstream.Relayed && e.By == upstream.ByServer && bytes.HasPrefix(e.Sample, fmt.Appendf(nil, "HTTP/1.1 %d ", o.Status)) {
			return scenarios.ByGateway
		}
	}
	return scenarios.ByEdge
}

func sample(ex probe.Exchange) []Chunk {
	var out []Chunk
	left := maxSample
	for _, ch := range ex.Chunks {
		n := min(left, len(ch.Data))
		if n == 0 {
			break
		}
		out = append(out, Chunk{ch.At, ch.Data[:n]})
		left -= n
	}
	return out
}
