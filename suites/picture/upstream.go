package picture

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/gatefault/gatefault/suites/look"
	"github.com/gatefault/gatefault/upstream"
)

// upstream tells what the journal has of the request: all of the connections that carried it or met a fault in its time,
// and what is of no connection.
func (b *builder) upstream() {
	conns := b.conns()
	for _, e := range b.Journal {
		lane := b.lane(e)
		switch {
		case e.Conn > 0 && !conns[e.Conn], strings.HasSuffix(e.Target, directRequest):
		case e.Conn > 0:
			b.onConn(e, lane)
		default:
			b.beside(e, lane)
		}
	}
}

// directRequest ends the target of a request that the harness made at the upstream itself.
const directRequest = "-direct/"

// lane is where an event of the journal happened.
func (b *builder) lane(e upstream.Event) int {
	if strings.HasSuffix(e.Endpoint, besideGateway) {
		return b.inner
	}
	if lane, known := b.servers[e.Endpoint]; known {
		return lane
	}
	return b.inner + 1
}

// conns are the connections to show.
func (b *builder) conns() map[uint64]bool {
	out := map[uint64]bool{}
	for _, e := range b.Journal {
		if b.marked(e) || e.Conn > 0 && e.Fault != "" && e.Target == "" && b.within(e) {
			out[e.Conn] = true
		}
	}
	return out
}

// onConn tells an event of a connection.
func (b *builder) onConn(e upstream.Event, lane int) {
	at := b.at(e)
	if e.Kind == upstream.KernelSaw {
		b.kernel(e, lane)
		return
	}
	if b.End != "" && at > b.Done+slack {
		return // what the end of the fault did
	}
	in := Event{At: at, From: b.inner, To: lane, Conn: e.Conn}
	out := Event{At: at, From: lane, To: b.inner, Conn: e.Conn}
	here := Event{At: at, Kind: Mark, From: lane, To: lane, Conn: e.Conn}
	switch e.Kind {
	case upstream.Accepted:
		in.Kind, in.Text, in.Broke = Connect, "connects", e.Fault != ""
		b.tell(in)
	case upstream.Handshake:
		here.Text, here.Broke = strings.TrimSpace("TLS "+e.How), e.By != "" || e.How != "complete"
		b.tell(here)
	case upstream.Requested:
		b.requested(e, in, out)
	case upstream.Fired:
		here.Text, here.Broke = e.Fault+" takes effect", true
		b.tell(here)
	case upstream.SentBytes:
		out.Kind, out.Text, out.Size, out.Sample = Bytes, answerText(e.Sample, true), e.Bytes, e.Sample
		b.tell(out)
	case upstream.PeerClosed:
		b.tell(ended(in, e.How))
	case upstream.Closed:
		b.closed(e, in, out)
	case upstream.Failed:
		here.Text = cmp.Or(e.Detail, "fails")
		b.tell(here)
	}
}

// requested tells a request and, of a healthy one, the answer that is out.
func (b *builder) requested(e upstream.Event, in, out Event) {
	in.Kind, in.Text = Request, strings.TrimSpace(e.Method+" "+b.short(e.Target))
	b.tell(in)
	if e.Status > 0 {
		out.Kind, out.Text, out.Size = Bytes, fmt.Sprintf("%d healthy answer", e.Status), e.Bytes
		b.tell(out)
	}
}

// short leaves the mark out of a target.
func (b *builder) short(target string) string {
	if before, after, found := strings.Cut(target, b.Mark); found && b.marked(upstream.Event{Target: target}) {
		target = before + after
	} else if i := strings.LastIndex(b.Mark, "/"); i > 0 {
		target = strings.Replace(target, b.Mark[:i], "", 1) // another phase of the cell
	}
	return cmp.Or(strings.TrimRight(strings.TrimSuffix(target, cellParameter), "?&"), "/")
}

// cellParameter holds the mark where it stands in the query.
const cellParameter = "gatefault-cell="

// closed tells the end of a connection; the harness's own ending of it tells nothing.
func (b *builder) closed(e upstream.Event, in, out Event) {
	switch {
	case e.How == "aborted", e.By == "peer" && b.peerClosed(e.Conn):
	case e.By == "peer":
		b.tell(ended(in, e.How))
	default:
		b.tell(ended(out, e.How))
	}
}

func (b *builder) peerClosed(conn uint64) bool {
	for _, e := range b.Journal {
		if e.Kind == upstream.PeerClosed && e.Conn == conn {
			return true
		}
	}
	return false
}

func ended(e Event, how string) Event {
	e.Kind, e.Text = Close, "closes (FIN)"
	if how == "rst" {
		e.Kind, e.Text = Reset, "resets (RST)"
	}
	return e
}

// beside tells an event that is of no connection.
func (b *builder) beside(e upstream.Event, lane int) {
	if e.Kind == upstream.KernelSaw {
		b.kernel(e, lane)
		return
	}
	before := b.at(e) < 0 && broke(e) && e.Kind != upstream.Queried // the fault came before the request
	if !before && !b.within(e) {
		return
	}
	here := Event{At: b.at(e), Kind: Mark, From: lane, To: lane, Broke: broke(e)}
	switch e.Kind {
	case upstream.Queried:
		here.Kind, here.From, here.To = Ask, b.inner, b.names
		here.Text = fmt.Sprintf("%s %s: %s", e.Type, e.Name, cmp.Or(e.Answer, "no answer"))
	case upstream.ProcessEnd:
		here.Text = "the process ends: " + strings.TrimSpace(e.How+" "+e.Detail)
	case upstream.ProcessRun:
		here.Text = "the process starts"
	case upstream.Verified:
		here.Text = e.Fault + " is in force"
	case upstream.Stopped:
		here.Text = "the process is stopped"
	case upstream.Fired:
		here.Text = e.Fault + " takes effect"
	case upstream.Failed:
		here.Text = cmp.Or(e.Detail, "fails")
	default:
		return
	}
	b.tell(here)
}

// broke tells whether an event is where it broke.
func broke(e upstream.Event) bool {
	switch e.Kind {
	case upstream.Accepted, upstream.Fired, upstream.Queried, upstream.Verified:
		return e.Fault != ""
	case upstream.ProcessEnd, upstream.Stopped:
		return true
	case upstream.KernelSaw:
		return e.Packets > 0
	}
	return false
}

// kernel tells packets that the firewall met. It counts them at the end; that they began when the request came follows from
// the request, or from the connection that they are of.
func (b *builder) kernel(e upstream.Event, lane int) {
	if e.Packets == 0 {
		return
	}
	text := packets(e.Packets)
	if e.Attempts > 1 {
		text += fmt.Sprintf(" of %d connections", e.Attempts)
	}
	b.tell(Event{At: b.after(e.Conn), Kind: Lost, From: b.inner, To: lane, Text: text + ": " + e.Fault, Conn: e.Conn, Broke: true, About: true})
}

func packets(n uint64) string {
	if n == 1 {
		return "1 packet"
	}
	return fmt.Sprintf("%d packets", n)
}

// after is the time of the latest event so far of a connection, or of the request.
func (b *builder) after(conn uint64) time.Duration {
	at := b.sent()
	for _, e := range b.Events {
		if conn > 0 && e.Conn == conn {
			at = max(at, e.At)
		}
	}
	return at
}

// tapped tells what passed between the gateways of a chain.
func (b *builder) tapped() {
	for _, e := range b.Tap {
		at := b.at(e)
		if b.End != "" && at > b.Done+slack {
			continue
		}
		in := Event{At: at, From: b.gateway, To: b.inner, Conn: e.Conn}
		if e.By == upstream.ByServer {
			in.From, in.To = b.inner, b.gateway
		}
		switch e.Kind {
		case upstream.Accepted:
			in.Kind, in.Text = Connect, "connects"
			b.tell(in)
		case upstream.Relayed:
			in.Kind, in.Text, in.Size, in.Sample = Bytes, answerText(e.Sample, true), e.Bytes, e.Sample
			if e.By == upstream.ByClient {
				in.Kind, in.Text = Request, b.requestText(e.Sample)
			}
			b.tell(in)
		case upstream.Closed:
			b.tell(ended(in, e.How))
		}
	}
}

// requestText is the method and target of a request's bytes.
func (b *builder) requestText(data []byte) string {
	line, _, _ := strings.Cut(string(data), "\r\n")
	words := strings.Fields(line)
	if len(words) < 2 {
		return "request"
	}
	return look.VisibleLine(words[0] + " " + b.short(words[1]))
}
