package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strconv"
	"time"

	"github.com/gatefault/gatefault/upstream"
)

// LostError tells that a stream missed events: they had left the journal before they could be sent.
type LostError struct{ Events uint64 }

func (e *LostError) Error() string {
	return fmt.Sprintf("%d events had left the journal before they were asked for", e.Events)
}

// Events follows the journal: the events after the given one that match f, then the new ones as they come. It connects
// again when the connection breaks and goes on where it was. It ends when ctx does, silently; with an error when the
// first connection fails or the API answers a [*Problem]. A [*LostError] does not end it.
func (c *Client) Events(ctx context.Context, after uint64, f upstream.Filter) iter.Seq2[upstream.Event, error] {
	return func(yield func(upstream.Event, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		s := &follower{client: c, last: after, path: withQuery(prefix+"/events", filterQuery(f)), yield: yield}
		for s.connect(ctx) {
			if pause(ctx, c.reconnect) != nil {
				return
			}
		}
	}
}

// follower is one reader of events across its connections.
type follower struct {
	client  *Client
	path    string
	last    uint64 // number of the last event seen
	reached bool   // the API has answered once
	yield   func(upstream.Event, error) bool
}

// connect follows one connection to its end and tells whether to connect again.
func (s *follower) connect(ctx context.Context) bool {
	header := http.Header{"Last-Event-Id": {strconv.FormatUint(s.last, 10)}, "Accept": {"text/event-stream"}}
	resp, err := s.client.send(ctx, http.MethodGet, s.path, nil, header)
	if err != nil {
		return s.refused(ctx, err)
	}
	defer resp.Body.Close()
	s.reached = true
	return s.read(resp.Body) && ctx.Err() == nil
}

func (s *follower) refused(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	var p *Problem
	if errors.As(err, &p) || !s.reached {
		s.yield(upstream.Event{}, err)
		return false
	}
	return true
}

// read takes messages until the stream ends; it is false when the consumer has had enough.
func (s *follower) read(body io.Reader) bool {
	r := bufio.NewReaderSize(body, 64<<10)
	var m message
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return true
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) > 0 {
			m.field(line)
			continue
		}
		if !s.take(m) {
			return false
		}
		m = message{}
	}
}

// take hands a message on.
func (s *follower) take(m message) bool {
	if n, err := strconv.ParseUint(m.id, 10, 64); err == nil {
		s.last = n
	}
	switch {
	case len(m.data) == 0:
		return true
	case m.event == lostEvent:
		lost := &LostError{}
		lost.Events, _ = strconv.ParseUint(string(m.data), 10, 64)
		return s.yield(upstream.Event{}, lost)
	}
	var e upstream.Event
	if err := json.Unmarshal(m.data, &e); err != nil {
		return s.yield(upstream.Event{}, fmt.Errorf("event %s cannot be read: %w", m.id, err))
	}
	return s.yield(e, nil)
}

// message is one message of an event stream (WHATWG HTML §9.2.6), as far as this API writes them.
type message struct {
	id, event string
	data      []byte
}

func (m *message) field(line []byte) {
	name, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(name) {
	case "id":
		m.id = string(value)
	case "event":
		m.event = string(value)
	case "data":
		m.data = append(m.data, value...)
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
