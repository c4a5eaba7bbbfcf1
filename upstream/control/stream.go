package control

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/gatefault/gatefault/upstream"
)

const (
	// lostEvent is the type of a message that says how many events a viewer missed.
	lostEvent = "lost"
	// batch is the most events written before a flush; viewerTimeout is how long a viewer may take to read them.
	batch         = 256
	viewerTimeout = 10 * time.Second
	// coalesce gathers what happens within it into one write: under load the journal grows 60,000 times a second.
	coalesce = 2 * time.Millisecond
)

// events streams the journal as server-sent events (WHATWG HTML §9.2).
func (a *api) events(w http.ResponseWriter, r *http.Request) (any, error) {
	s, err := a.newStream(w, r)
	if err != nil {
		return nil, err
	}
	select {
	case a.viewers <- struct{}{}:
		defer func() { <-a.viewers }()
	default:
		w.Header().Set("Retry-After", "10")
		return nil, tooMany.new("there are %d event streams already, the limit; close one or read the journal page by page", MaxViewers)
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // nginx in front would hold the events back
	s.run(r.Context())
	return nil, nil
}

// stream is one viewer.
type stream struct {
	journal   *upstream.Journal
	filter    upstream.Filter
	last      uint64 // the newest event looked at
	heartbeat time.Duration
	w         http.ResponseWriter
	control   *http.ResponseController
	buf       bytes.Buffer
}

func (a *api) newStream(w http.ResponseWriter, r *http.Request) (*stream, error) {
	q, err := parseQuery(r.URL.Query())
	if err != nil {
		return nil, err
	}
	from := r.Header.Get("Last-Event-ID") // stands before the query: a browser that connects again repeats the query
	if from == "" {
		from = r.URL.Query().Get("after")
	}
	after, err := parseSeq(from)
	if err != nil {
		return nil, err
	}
	s := &stream{journal: a.up.Journal(), filter: q.Filter, last: a.known(after), heartbeat: a.heartbeat, w: w}
	if from == "" {
		s.last = s.journal.Last()
	}
	s.control = http.NewResponseController(w)
	return s, nil
}

// run writes until ctx ends, which is when the viewer leaves or the server stops, or the viewer is too slow.
func (s *stream) run(ctx context.Context) {
	_ = s.control.SetReadDeadline(time.Time{}) // the read deadline would end ctx
	s.beat()
	for s.flush() == nil && ctx.Err() == nil {
		if s.take() {
			if pause(ctx, coalesce) != nil {
				return
			}
			continue
		}
		s.await(ctx)
	}
}

// take puts the next events into the buffer and tells whether there were any to look at.
func (s *stream) take() bool {
	page := s.journal.After(s.last, s.filter, batch)
	moved := page.Next > s.last
	s.last = page.Next
	if page.Lost > 0 {
		fmt.Fprintf(&s.buf, "event: %s\ndata: %d\n\n", lostEvent, page.Lost)
	}
	for _, e := range page.Events {
		b, _ := json.Marshal(e) // an Event has nothing that cannot be JSON
		fmt.Fprintf(&s.buf, "id: %d\ndata: %s\n\n", e.Seq, b)
	}
	return moved
}

// await returns when there are new events; after a time without one it beats.
func (s *stream) await(ctx context.Context) {
	wait, cancel := context.WithTimeout(ctx, s.heartbeat)
	defer cancel()
	if s.journal.Wait(wait, s.last) != nil {
		s.beat()
	}
}

// beat shows that the stream lives and how far it has looked: a message without data is not dispatched, its id counts.
func (s *stream) beat() { fmt.Fprintf(&s.buf, ": still here\nid: %d\n\n", s.last) }

// flush sends the buffer.
func (s *stream) flush() error {
	if s.buf.Len() == 0 {
		return nil
	}
	defer s.buf.Reset()
	if err := s.control.SetWriteDeadline(time.Now().Add(viewerTimeout)); err != nil {
		return err
	}
	if _, err := s.w.Write(s.buf.Bytes()); err != nil {
		return err
	}
	return s.control.Flush()
}
