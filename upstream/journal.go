package upstream

import (
	"bytes"
	"context"
	"maps"
	"sync"
	"time"
)

// EventKind says what a journal event tells.
type EventKind string

// Kinds of events.
const (
	Accepted   EventKind = "accept"      // a connection was accepted
	Hello      EventKind = "hello"       // a TLS ClientHello was read
	Handshake  EventKind = "handshake"   // a TLS handshake is over, how and by whom; the detail says which certificate was presented
	Requested  EventKind = "request"     // a request's head was read and the plan decided; for healthy ones, the answer is out
	Fired      EventKind = "fired"       // a fault took effect, on a connection or request
	SentBytes  EventKind = "sent"        // a fault's script sent a run of bytes
	PeerClosed EventKind = "peer-closed" // the peer's FIN or RST was seen while a script waited
	Closed     EventKind = "close"       // a connection is over
	PlanSet    EventKind = "plan"        // the endpoint's plan changed
	Relayed    EventKind = "relayed"     // a tap passed bytes on
	KernelSaw  EventKind = "kernel"      // what the kernel counted while an endpoint was armed
	ProcessEnd EventKind = "exit"        // the serving process ended
	ProcessRun EventKind = "start"       // the serving process started
	Stopped    EventKind = "stopped"     // the serving process is stopped, as its wait status says
	Queried    EventKind = "queried"     // the name server was asked; a fault is named if it made the answer wrong
	Verified   EventKind = "verified"    // an attempt of the upstream's own met the fault that is armed
	Failed     EventKind = "failed"      // a fault could not do what it should
)

// Event is one line of the journal. Fields that say nothing of a kind are left out.
type Event struct {
	Seq      uint64        `json:"seq"`
	At       time.Duration `json:"at"` // nanoseconds since the upstream started, monotonic
	Kind     EventKind     `json:"kind"`
	Endpoint string        `json:"endpoint"`
	Conn     uint64        `json:"conn,omitempty"`    // connection number, from 1
	Request  int           `json:"request,omitempty"` // request number on the connection, from 1
	Remote   string        `json:"remote,omitempty"`
	Method   string        `json:"method,omitempty"`
	Target   string        `json:"target,omitempty"`
	Fault    string        `json:"fault,omitempty"`
	Rule     int           `json:"rule,omitempty"` // number of the plan's rule that decided, from 1
	Status   int           `json:"status,omitempty"`
	Bytes    int64         `json:"bytes,omitempty"`
	Sample   []byte        `json:"sample,omitempty"` // the first bytes of a run
	Name     string        `json:"name,omitempty"`   // that was asked for
	Type     string        `json:"type,omitempty"`   // of the record: A, AAAA
	Answer   string        `json:"answer,omitempty"` // address, NODATA, NXDOMAIN, SERVFAIL, REFUSED or nothing
	By       string        `json:"by,omitempty"`     // us or peer
	How      string        `json:"how,omitempty"`    // fin, rst, aborted, alert, complete, signal name, udp, tcp
	Packets  uint64        `json:"packets,omitempty"`
	Attempts int           `json:"attempts,omitempty"` // distinct source address and port
	OOM      bool          `json:"oom,omitempty"`      // the kernel's out-of-memory killer did it
	Detail   string        `json:"detail,omitempty"`
}

// Journal keeps the last events in a ring of fixed size.
type Journal struct {
	start  time.Time
	notify chan struct{} // closed and replaced when events arrive and someone waits
	// forward, if set before use, takes the events instead: a child process hands them to its parent.
	forward func(Event)

	mu      sync.Mutex // guards what follows
	ring    []slot
	last    uint64 // the newest event's Seq
	fired   map[string]uint64
	waiting bool
}

// slot is a place of the ring. The text that is another with every request is copied into bytes that stay with the slot, so
// that a request leaves no garbage.
type slot struct {
	Event
	target []byte
}

// event copies the slot's event.
func (s *slot) event() Event {
	e := s.Event
	e.Target = string(s.target)
	return e
}

func newJournal(size int, start time.Time) *Journal {
	return &Journal{start: start, ring: make([]slot, size), fired: map[string]uint64{}, notify: make(chan struct{})}
}

// Add appends e with the next sequence number and, unless it has one, the time.
func (j *Journal) Add(e Event) {
	if e.At == 0 {
		e.At = time.Since(j.start)
	}
	if j.forward != nil {
		j.forward(e)
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.put(&e)
	s.target = append(s.target[:0], e.Target...)
}

// addRequest is Add for an event of a request with that target.
func (j *Journal) addRequest(e *Event, target []byte) {
	if j.forward != nil {
		e.Target = string(target)
		j.Add(*e)
		return
	}
	e.At = time.Since(j.start)
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.put(e)
	s.target = append(s.target[:0], target...)
}

// put gives e its number and its slot; the caller holds mu and sets the target.
func (j *Journal) put(e *Event) *slot {
	j.last++
	s := &j.ring[j.last%uint64(len(j.ring))]
	s.Event = *e
	s.Seq, s.Target = j.last, ""
	j.count(e)
	if j.waiting {
		close(j.notify)
		j.notify, j.waiting = make(chan struct{}), false
	}
	return s
}

// count adds an event that tells of a fault to the faults that fired; the caller holds mu.
func (j *Journal) count(e *Event) {
	switch {
	case e.Fault == "":
	case e.Kind == Fired, e.Kind == Stopped, e.Kind == Queried, e.Kind == ProcessEnd:
		j.fired[e.Fault]++
	case e.Kind == KernelSaw:
		j.fired[e.Fault] += uint64(e.Attempts)
	}
}

// Fired tells how often each fault has fired since the upstream started: on a connection, on a request, by the end of a process, on a
// question to the name server or, as the kernel counted it while an endpoint was armed, on a connection attempt.
func (j *Journal) Fired() map[string]uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return maps.Clone(j.fired)
}

// Filter chooses events; a zero field chooses all.
type Filter struct {
	Endpoint string
	Contains string // part of the request's target
	Kind     EventKind
}

// match tells whether the filter chooses an event; part is what its target is to contain.
func (f *Filter) match(s *slot, part []byte) bool {
	return (f.Endpoint == "" || s.Endpoint == f.Endpoint) &&
		(f.Kind == "" || s.Kind == f.Kind) &&
		(len(part) == 0 || bytes.Contains(s.target, part))
}

// Page is a part of the journal.
type Page struct {
	Events []Event `json:"events"`
	Next   uint64  `json:"next"` // ask for events after this one next
	// At is when the page was made, on the clock of the events: it tells how that clock and the reader's differ.
	At time.Duration `json:"at,omitempty"`
	// Lost counts events that were asked for and have left the ring already.
	Lost uint64 `json:"lost,omitempty"`
}

// scanStep bounds how many events one hold of the lock looks at, so that a search does not stall the data plane.
const scanStep = 2048

// After gives up to limit events that match f and are newer than seq.
func (j *Journal) After(seq uint64, f Filter, limit int) Page {
	page := Page{Events: []Event{}, Next: seq}
	for part := []byte(f.Contains); j.scan(&page, &f, part, limit); {
	}
	page.At = time.Since(j.start)
	return page
}

// scan goes on with a page and tells whether there may be more for it.
func (j *Journal) scan(page *Page, f *Filter, part []byte, limit int) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if oldest := j.oldest(); page.Next+1 < oldest {
		page.Lost += oldest - page.Next - 1
		page.Next = oldest - 1
	}
	for range scanStep {
		if page.Next >= j.last || len(page.Events) >= limit {
			return false
		}
		page.Next++
		if s := &j.ring[page.Next%uint64(len(j.ring))]; f.match(s, part) {
			page.Events = append(page.Events, s.event())
		}
	}
	return true
}

// oldest is the number of the oldest event kept; the caller holds mu.
func (j *Journal) oldest() uint64 {
	if size := uint64(len(j.ring)); j.last > size {
		return j.last - size + 1
	}
	return 1
}

// Last is the newest event's sequence number.
func (j *Journal) Last() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last
}

// Wait returns when there is an event newer than seq or ctx ends.
func (j *Journal) Wait(ctx context.Context, seq uint64) error {
	j.mu.Lock()
	if j.last > seq {
		j.mu.Unlock()
		return nil
	}
	j.waiting = true
	ch := j.notify
	j.mu.Unlock()
	select {
	case <-ch:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
