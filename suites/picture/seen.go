package picture

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatefault/gatefault/suites/probe"
	"github.com/gatefault/gatefault/suites/run"
	"github.com/gatefault/gatefault/upstream"
)

// Seen is what is known of one request, from everybody who saw some of it. It may be drawn while the request is under way.
type Seen struct {
	Title   string
	Gateway string // product and version
	// Mark is the part of the request's target by which the journal tells it from others.
	Mark    string
	Wrote   []byte // the first bytes of the request
	Dialed  time.Duration
	Sent    time.Duration // 0: not yet
	Chunks  []run.Chunk   // what the client received, or the first of it
	Size    int64         // of all that it received; default: of the chunks
	End     probe.End     // empty: under way
	Done    time.Duration // when the end was known
	Now     time.Duration // while under way: how far the picture goes
	Journal []upstream.Event
	// Tap is what passed between the two gateways of a chain.
	Tap []upstream.Event
	// Began is when the request began on the clock of each endpoint's journal. Where it is missing the first event of the
	// request stands in for it.
	Began map[string]time.Duration
	// Notes are sentences to put below the picture.
	Notes []string
}

// Build makes the picture.
func Build(s Seen) *Picture {
	b := &builder{Seen: s, Picture: &Picture{Title: s.Title, Notes: slices.Clone(s.Notes)}}
	b.lanes()
	b.client()
	b.tapped()
	b.upstream()
	slices.SortStableFunc(b.Events, func(a, c Event) int { return cmp.Compare(a.At, c.At) })
	b.number()
	b.Events = thin(b.Events)
	b.Until = max(b.Now, b.Done)
	return b.Picture
}

// number tells the connections behind the gateway apart where there is more than one.
func (b *builder) number() {
	n := map[[2]int]int{}
	for i, e := range b.Events {
		if e.Kind != Connect {
			continue
		}
		way := [2]int{e.From, e.To}
		if n[way]++; n[way] > 1 {
			b.Events[i].Text += fmt.Sprintf(" again (%d)", n[way])
		}
	}
}

// builder is a picture in the making.
type builder struct {
	Seen
	*Picture
	gateway, inner int            // lanes; the same without a chain
	servers        map[string]int // lanes of the upstream's endpoints
	names          int            // lane of the name server; 0: none
	guessed        bool
}

const clientLane = 0

// lanes says who took part: an endpoint of the upstream has one if it is in the journal, the first has one in any case.
func (b *builder) lanes() {
	b.add("client", "")
	b.gateway = b.add("gateway", b.Gateway)
	b.inner = b.gateway
	if len(b.Tap) > 0 {
		b.Picture.Lanes[b.gateway].Name = "outer gateway"
		b.inner = b.add("inner gateway", b.Gateway)
	}
	b.servers = map[string]int{}
	for _, e := range b.Journal {
		if _, known := b.servers[e.Endpoint]; !known && !strings.HasSuffix(e.Endpoint, besideGateway) && e.Kind != upstream.Queried {
			b.servers[e.Endpoint] = b.add("upstream", "")
		}
	}
	if len(b.servers) == 0 {
		b.servers[""] = b.add("upstream", "")
	}
	if len(b.servers) > 1 {
		n := 0
		for i := range b.Picture.Lanes {
			if b.Picture.Lanes[i].Name == "upstream" {
				n++
				b.Picture.Lanes[i].Name = fmt.Sprintf("upstream %d", n)
			}
		}
	}
	if slices.ContainsFunc(b.Journal, func(e upstream.Event) bool { return e.Kind == upstream.Queried && b.within(e) }) {
		b.names = b.add("name server", "")
	}
}

// besideGateway ends the name of what changes a gateway's own way out.
const besideGateway = "-out"

func (b *builder) add(name, note string) int {
	b.Picture.Lanes = append(b.Picture.Lanes, Lane{name, note})
	return len(b.Picture.Lanes) - 1
}

func (b *builder) tell(e Event) { b.Events = append(b.Events, e) }

// client tells the client's side.
func (b *builder) client() {
	if b.Dialed > 0 {
		b.tell(Event{At: 0, Kind: Connect, From: clientLane, To: b.gateway, Text: "connects"})
	}
	if b.Dialed > 0 || b.Sent > 0 || len(b.Chunks) > 0 {
		b.tell(Event{At: b.sent(), Kind: Request, From: clientLane, To: b.gateway, Text: b.requestText(b.Wrote), Sample: sample(b.Wrote)})
	}
	left := b.Size
	for i, c := range b.Chunks {
		left -= int64(len(c.Data))
		b.tell(Event{At: c.At, Kind: Bytes, From: b.gateway, To: clientLane, Text: answerText(c.Data, i == 0), Size: int64(len(c.Data)), Sample: sample(c.Data)})
	}
	if left > 0 && len(b.Chunks) > 0 {
		b.tell(Event{At: b.Done, Kind: Bytes, From: b.gateway, To: clientLane, Text: "until here", Size: left, About: true})
	}
	b.clientEnd()
}

// sent is when the request went: on a busy machine the client may learn of that later than others get it, and an answer may
// come before all of it is out.
func (b *builder) sent() time.Duration {
	at := b.Sent
	if len(b.Chunks) > 0 {
		at = min(at, b.Chunks[0].At)
	}
	for _, e := range b.Journal {
		if b.marked(e) {
			at = min(at, b.at(e))
		}
	}
	return max(at, b.Dialed)
}

func (b *builder) clientEnd() {
	e := Event{At: b.Done, Kind: Mark, From: clientLane, To: clientLane}
	switch b.End {
	case "", probe.EndCanceled:
		return
	case probe.EndComplete:
		e.Kind, e.Text = Done, "the answer is whole"
	case probe.EndFIN:
		e.Kind, e.From, e.Text = Close, b.gateway, "closes (FIN)"
	case probe.EndReset:
		e.Kind, e.From, e.Text = Reset, b.gateway, "resets (RST)"
	case probe.EndTimeout:
		e.Kind, e.Text = Timeout, "gives up"
	case probe.EndMalformed:
		e.Text = "this is no HTTP"
	case probe.EndDialError:
		e.Text = "cannot connect"
	case probe.EndHandshake, probe.EndAlert:
		e.Text = "no TLS"
	case probe.EndLimit:
		e.Text = "has read enough"
	default:
		e.Text = "fails"
	}
	b.tell(e)
}

// at puts an event of a journal on the client's clock.
func (b *builder) at(e upstream.Event) time.Duration {
	began, known := b.Began[e.Endpoint]
	if !known {
		began = b.guess()
	}
	return e.At - began
}

// guess takes the first event of the request in the journal for its beginning.
func (b *builder) guess() time.Duration {
	if !b.guessed {
		b.guessed = true
		b.Picture.Notes = append(b.Picture.Notes, "How the clocks of client and upstream differ was not measured: the upstream's times count from its first event of the request.")
	}
	first := time.Duration(-1)
	for _, e := range b.Journal {
		if b.marked(e) || first < 0 && broke(e) {
			return e.At - b.Dialed
		}
	}
	return max(first, 0)
}

// marked tells whether an event is of the request and not of one whose mark only begins alike.
func (b *builder) marked(e upstream.Event) bool {
	_, rest, found := strings.Cut(e.Target, b.Mark)
	return found && b.Mark != "" && (rest == "" || strings.ContainsAny(rest[:1], "/?&"))
}

// slack is how long after the answer the upstream's side of it may go on.
const slack = 50 * time.Millisecond

// within tells whether an event that names no request lies in the time of this one.
func (b *builder) within(e upstream.Event) bool {
	at := b.at(e)
	return at >= -slack && (b.End == "" || at <= b.Done+slack)
}

// sampleSize bounds the bytes of an event.
const sampleSize = 256

func sample(data []byte) []byte { return slices.Clone(data[:min(len(data), sampleSize)]) }
