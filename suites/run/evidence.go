package run

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/fault"
)

// proof is what the upstream's journal says of one cell.
type proof struct {
	fault    *fault.Fault
	wanted   int // requests, connections or process ends that must have met the fault
	contact  scenarios.Contact
	checked  bool             // health checks met the fault, too
	probed   bool             // health checks of a user's gateway may have met it
	before   bool             // the fault met the request before this one
	direct   []upstream.Event // the fault took effect on our own request to the upstream
	requests []upstream.Event // the cell's request, each attempt
	own      []upstream.Event // requests that the gateway made by itself: for an error page, or as a health check
	accepts  []upstream.Event // connections that met a fault at accept
	begun    int              // how often a backend's application began to work on it
	fired    []upstream.Event // the fault took effect on one of them
	kernel   []upstream.Event // firewall counters
	process  []upstream.Event // wait statuses
	queries  []upstream.Event // the name server was asked and answered wrong
	failed   []upstream.Event
	shaken   []upstream.Event // ends of TLS handshakes
	verified []upstream.Event // attempts of the upstream's own that met the fault
	arrived  []upstream.Event // connections that came
	cleared  uint64           // where in the upstream's journal a fault elsewhere ends
	ended    uint64           // where we ended the fault, in the journal that tells of it; 0: within the traffic
}

// newProof sorts the endpoint's events of one cell. A lane belongs to one cell at a time, so what happens on its endpoint
// between injection and clearing is the cell's; requests carry the cell's id besides.
func (c *cell) newProof(events []upstream.Event, wanted int, contact scenarios.Contact) proof {
	f, target := c.fault, c.path(phaseFault)
	p := proof{fault: f, wanted: wanted, contact: contact, checked: c.checked(), before: c.meeting() != target}
	p.probed = c.way != nil && c.way.Checked
	for _, e := range events {
		if e.Target == target+directSuffix+"/" {
			if e.Kind == upstream.Fired && e.Fault == f.Name {
				p.direct = append(p.direct, e)
			}
			continue
		}
		switch e.Kind {
		case upstream.Requested:
			switch {
			case strings.Contains(e.Target, target):
				p.requests = append(p.requests, e)
			case c.way != nil && !strings.Contains(e.Target, cellParameter):
				p.own = append(p.own, e)
			}
		case upstream.Accepted:
			p.arrived = append(p.arrived, e)
			if e.Fault == f.Name {
				p.accepts = append(p.accepts, e)
			}
		case upstream.Fired:
			if e.Fault == f.Name && (f.Level != fault.Request || strings.Contains(e.Target, c.meeting())) {
				p.fired = append(p.fired, e)
			}
		case upstream.KernelSaw:
			if e.Fault == f.Name {
				p.kernel = append(p.kernel, e)
			}
		case upstream.Queried:
			if e.Fault == f.Name {
				p.queries = append(p.queries, e)
			}
		case upstream.ProcessEnd, upstream.Stopped:
			p.process = append(p.process, e)
		case upstream.Verified:
			if e.Fault == f.Name {
				p.verified = append(p.verified, e)
			}
		case upstream.Failed:
			p.failed = append(p.failed, e)
		case upstream.Handshake:
			p.shaken = append(p.shaken, e)
		}
	}
	return p
}

// evidence says what proves that the fault fired for this cell, or an error that says what is missing.
func (p proof) evidence() (string, error) {
	if len(p.failed) > 0 {
		return "", fmt.Errorf("the upstream could not do its part: %s", p.failed[0].Detail)
	}
	switch p.fault.Evidence {
	case fault.None:
		return "none needed", nil
	case fault.Event:
		return p.event()
	case fault.Kernel:
		return p.counted()
	case fault.Query:
		return p.asked()
	case fault.Exit:
		return p.waitStatus()
	case fault.State:
		return p.state()
	}
	return "", fmt.Errorf("no way is known to prove %s", p.fault.Name)
}

// event wants the fault to have taken effect on as many requests or connections as are wanted.
func (p proof) event() (string, error) {
	if p.contact == scenarios.NoContact {
		return p.inForce()
	}
	met := map[string]bool{}
	for _, e := range p.fired {
		met[cmp.Or(e.Target, e.Remote)] = true
	}
	if len(met) < p.wanted {
		return "", fmt.Errorf("%s took effect %s in this cell, says the upstream's journal; at least %d must be there", p.fault.Name, count(len(met), "time"), p.wanted)
	}
	e, more := p.first(), ""
	if e.Conn == 0 {
		return fmt.Sprintf("journal %d: %s took effect: %s", e.Seq, e.Fault, e.Detail), nil
	}
	if len(met) > 1 {
		more = fmt.Sprintf(", the first of %d", len(met))
	}
	if p.before && e.Request < 2 {
		return "", fmt.Errorf("the priming request came on a fresh connection: the gateway does not keep connections")
	}
	text := fmt.Sprintf("journal %d: %s took effect on ", e.Seq, e.Fault)
	switch {
	case e.Target == "":
		text += fmt.Sprintf("connection %d", e.Conn)
	case p.before:
		text += fmt.Sprintf("connection %d, kept after its request %d; %s", e.Conn, e.Request, p.next())
	case e.Request > 1:
		text += fmt.Sprintf("request %d of connection %d, a reused one", e.Request, e.Conn)
	default:
		text += fmt.Sprintf("request %d of connection %d", e.Request, e.Conn)
	}
	return text + more + p.handshake(e.Conn), nil
}

// first is the event that tells most: where the fault met the request before, one on a connection that was kept.
func (p proof) first() upstream.Event {
	kept := func(e upstream.Event) bool { return p.before && e.Request > 1 }
	return p.fired[max(0, slices.IndexFunc(p.fired, kept))]
}

// handshake tells how the TLS handshake of a connection ended, if there was one.
func (p proof) handshake(conn uint64) string {
	i := slices.IndexFunc(p.shaken, func(e upstream.Event) bool { return e.Conn == conn })
	if i < 0 {
		return ""
	}
	return fmt.Sprintf("; handshake %s: %s", p.shaken[i].How, p.shaken[i].Detail)
}

// next tells where the request after the fault arrived.
func (p proof) next() string {
	if len(p.requests) == 0 {
		return "the next request did not arrive"
	}
	e := p.requests[0]
	return fmt.Sprintf("the next request came as request %d of connection %d", e.Request, e.Conn)
}

// inForce wants our own request, or at least a connection, to have met the fault, where the gateway's request need not.
func (p proof) inForce() (string, error) {
	met, what := p.direct, "our own request"
	if p.fault.Level == fault.Accept {
		met, what = p.fired, "a connection"
	}
	if len(met) == 0 {
		return "", fmt.Errorf("%s was not in force: %s to the upstream did not meet it", p.fault.Name, what)
	}
	text := fmt.Sprintf("journal %d: %s was in force, %s met it", met[0].Seq, p.fault.Name, what)
	if p.uncounted() {
		return text, nil
	}
	return text + "; the gateway went there " + count(p.attempts(), "time"), nil
}

func (p proof) counted() (string, error) {
	for _, e := range p.kernel {
		switch {
		case e.Packets > 0:
			return fmt.Sprintf("journal %d: the kernel counted %s from %s", e.Seq, packets(e.Packets), count(e.Attempts, "connection attempt")), nil
		case e.Detail != "":
			return "", fmt.Errorf("%w: %s", upstream.ErrUnsupported, e.Detail)
		}
	}
	return "", fmt.Errorf("the kernel counted no packet that met %s", p.fault.Name)
}

// atGate takes in what the journal beside the gateway says; the upstream's own tells when the fault ended.
func (p *proof) atGate(events []upstream.Event, cleared uint64) {
	for _, e := range events {
		switch e.Kind {
		case upstream.Verified:
			p.verified, p.cleared = append(p.verified, e), cleared
		case upstream.Failed:
			p.failed = append(p.failed, e)
		}
	}
}

// state wants the fault to have been there at the beginning and at the end, and no connection in between. It does not show
// the gateway's attempt: a connection that cannot be made leaves no trace at the upstream.
func (p proof) state() (string, error) {
	if len(p.verified) < 2 {
		return "", fmt.Errorf("nothing shows that %s was in force from the beginning to the end", p.fault.Name)
	}
	first, last := p.verified[0], p.verified[len(p.verified)-1]
	if last.Seq <= p.ended {
		return "", fmt.Errorf("journal %d: %s was over before it was cleared", last.Seq, p.fault.Name)
	}
	from, to := first.Seq, last.Seq
	if p.cleared > 0 {
		from, to = 0, p.cleared
	}
	for _, e := range p.arrived {
		if e.Seq > from && e.Seq < to {
			return "", fmt.Errorf("journal %d: a connection came through in spite of %s", e.Seq, p.fault.Name)
		}
	}
	return fmt.Sprintf("journal %d and %d: %s was in force before and after the request (%s), and no connection came through",
		first.Seq, last.Seq, p.fault.Name, first.Detail), nil
}

func packets(n uint64) string { return count(int(n), "packet") }

// asked wants the name to have been asked for, and answered wrong.
func (p proof) asked() (string, error) {
	if len(p.queries) == 0 {
		return "", fmt.Errorf("nobody asked the name server while %s was in force", p.fault.Name)
	}
	e := p.queries[0]
	return fmt.Sprintf("journal %d: the name server answered %s %s with %s", e.Seq, e.Type, e.Name, e.Answer), nil
}

func (p proof) waitStatus() (string, error) {
	unmet := p.fault.Level == fault.Request && len(p.fired) == 0 || len(p.requests) == 0
	if unmet && p.contact != scenarios.NoContact {
		return "", fmt.Errorf("the cell's request never met %s in the serving process", p.fault.Name)
	}
	var ends []upstream.Event // by what the fault does
	for _, e := range p.process {
		switch {
		case e.Kind == upstream.Stopped && p.fault.Arm == fault.StopProcess && len(p.requests) > 0 && p.requests[0].Seq <= p.ended:
			return "", fmt.Errorf("journal %d: the process that should be stopped read the request", p.requests[0].Seq)
		case e.Kind == upstream.Stopped && p.fault.Arm == fault.StopProcess:
			return fmt.Sprintf("journal %d: the serving process is stopped by %s", e.Seq, e.How), nil
		case e.Kind == upstream.ProcessEnd && e.OOM == p.fault.Needing(fault.Memory) && p.fault.Ends == cmp.Or(e.How, e.Detail):
			ends = append(ends, e)
		}
	}
	if len(ends) < p.wanted {
		return "", fmt.Errorf("%s of the serving process that show %s; at least %d must be there", count(len(ends), "end"), p.fault.Name, p.wanted)
	}
	e := ends[0]
	text := fmt.Sprintf("journal %d: the serving process ended by %s", e.Seq, strings.TrimSpace(e.How+" "+e.Detail))
	if len(ends) > 1 {
		text += fmt.Sprintf(", the first of %d", len(ends))
	}
	return text, nil
}

// attempts is how often the gateway went to the upstream: at each of the lane's servers, requests that arrived,
// connections that met the fault before a request, or connection attempts that the kernel counted, whichever saw more.
// Where health checks met the fault too, only requests can be told from them.
func (p proof) attempts() int {
	requests, accepts, most := map[string]int{}, map[string]int{}, map[string]int{}
	for _, e := range p.requests {
		requests[e.Endpoint]++
		most[e.Endpoint] = max(most[e.Endpoint], requests[e.Endpoint])
	}
	if p.checked || p.probed {
		p.accepts, p.kernel = nil, nil
	}
	for _, e := range p.accepts {
		accepts[e.Endpoint]++
		most[e.Endpoint] = max(most[e.Endpoint], accepts[e.Endpoint])
	}
	for _, e := range p.kernel {
		most[e.Endpoint] = max(most[e.Endpoint], e.Attempts)
	}
	n := 0
	for _, seen := range most {
		n += seen
	}
	return max(n, p.begun)
}

// uncounted tells whether attempts cannot be told from health checks of a user's gateway: where no request arrived, though a
// connection came or was tried.
func (p proof) uncounted() bool {
	arrived := map[string]bool{}
	for _, e := range p.requests {
		arrived[e.Endpoint] = true
	}
	unknown := func(e upstream.Event) bool { return !arrived[e.Endpoint] }
	return p.probed && p.begun == 0 && (len(p.requests) == 0 || slices.ContainsFunc(p.accepts, unknown) || slices.ContainsFunc(p.kernel, unknown))
}

// answered tells whether an answer with this nonce is one to the request that bears the mark, and not one that it is the
// beginning of; see upstream.NonceField.
func (p proof) answered(nonce, mark string) bool {
	for _, e := range p.requests {
		_, rest, ok := strings.Cut(e.Target, mark)
		if ok && (rest == "" || strings.ContainsAny(rest[:1], "/?&")) && isOf(nonce, e) {
			return true
		}
	}
	return false
}

// replaced tells whether an answer with this nonce is one to a request that the gateway made in the place of the client's, as
// for an error page that the upstream has. No client made it, so it is no answer that went astray.
func (p proof) replaced(nonce string) bool {
	return slices.ContainsFunc(p.own, func(e upstream.Event) bool { return isOf(nonce, e) })
}

// isOf tells whether a nonce is that of the answer to a request.
func isOf(nonce string, e upstream.Event) bool {
	return strings.HasSuffix(nonce, fmt.Sprintf("-%d-%d", e.Conn, e.Request))
}
