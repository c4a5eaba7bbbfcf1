// Package picture shows what went over each wire while a gateway answered one request: as SVG for pages and as text for
// terminals, both drawn from one plain model that can be sent as JSON.
package picture

import (
	"time"
)

// Picture is what happened, in the order of time. All times are nanoseconds since the client's request began; what went
// before it, such as the filling of a connection pool, has negative ones.
type Picture struct {
	Title string `json:"title"`
	// Lanes are who took part, from the client inwards. Events name them by their place here.
	Lanes  []Lane  `json:"lanes"`
	Events []Event `json:"events"`
	// Until is how far the picture goes: to the last event or, while a request is under way, to now.
	Until time.Duration `json:"until"`
	// Notes are sentences below the picture, such as why times of the upstream are no better than a guess.
	Notes []string `json:"notes,omitempty"`
}

// Lane is who took part.
type Lane struct {
	Name string `json:"name"`
	Note string `json:"note,omitempty"` // such as the product and its version
}

// Kind says what an event is.
type Kind string

// Kinds of events.
const (
	Connect Kind = "connect" // a connection is made, or tried
	Request Kind = "request" // a request, as one who can read it tells
	Bytes   Kind = "bytes"   // a run of bytes
	Close   Kind = "close"   // FIN
	Reset   Kind = "reset"   // RST
	Lost    Kind = "lost"    // packets that do not arrive
	Ask     Kind = "ask"     // a question to a name server, with its answer
	Mark    Kind = "mark"    // something that happens at one place: a fault takes effect, a process ends
	Timeout Kind = "timeout" // one has waited long enough
	Done    Kind = "done"    // the answer is whole
)

// Event is one thing that happened.
type Event struct {
	At   time.Duration `json:"at"`
	Kind Kind          `json:"kind"`
	From int           `json:"from"`
	To   int           `json:"to"` // as From where it happens at one place
	Text string        `json:"text"`
	// Conn is the number of the connection, for events behind the gateway.
	Conn uint64 `json:"conn,omitempty"`
	// Size is how many bytes went; Sample begins with the first of them.
	Size   int64  `json:"size,omitempty"`
	Sample []byte `json:"sample,omitempty"`
	// Broke marks where it broke.
	Broke bool `json:"broke,omitempty"`
	// About says that the time was not seen, but follows from other events.
	About bool `json:"about,omitempty"`
}

// local tells whether the event happens at one place.
func (e Event) local() bool { return e.From == e.To }

// start is the time of the first event, or that of the request where nothing went before it.
func (p *Picture) start() time.Duration {
	first := time.Duration(0)
	for _, e := range p.Events {
		first = min(first, e.At)
	}
	return first
}

// end is how far the picture goes.
func (p *Picture) end() time.Duration {
	last := p.Until
	for _, e := range p.Events {
		last = max(last, e.At)
	}
	return last
}
