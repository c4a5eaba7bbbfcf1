package main

import (
	"net/http"
	"strings"
	"sync"
)

// watch is a transport that notices when the upstream, once reached, is gone, and when its events are followed anew.
type watch struct {
	*http.Transport
	gone func() // called once each time it goes

	mu            sync.Mutex // guards what follows
	reached, away bool
	streams       int  // connections to the stream of events so far
	back          bool // one more has come since it was asked
}

func newWatch(gone func()) *watch {
	return &watch{Transport: http.DefaultTransport.(*http.Transport).Clone(), gone: gone}
}

// RoundTrip sends a request.
func (w *watch) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := w.Transport.RoundTrip(r)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err == nil:
		w.reached, w.away = true, false
		if strings.HasSuffix(r.URL.Path, "/events") {
			w.streams++
			w.back = w.back || w.streams > 1
		}
	case w.reached && !w.away && r.Context().Err() == nil:
		w.away = true
		w.gone()
	}
	return resp, err
}

// returned tells once that the stream of events was broken and has been connected again.
func (w *watch) returned() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	was := w.back
	w.back = false
	return was
}
