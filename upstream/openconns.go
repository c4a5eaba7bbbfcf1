package upstream

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// lifetime is the part of a connection that its server holds on to.
type lifetime struct {
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{} // closed when it is over
	over   func()        // closes it; whoever serves the connection calls it at the end
	idle   atomic.Bool   // between two requests
}

func (l *lifetime) begin() {
	l.done = make(chan struct{})
	l.ctx, l.cancel = context.WithCancel(context.Background())
}

// openConns are the open connections of an endpoint's server. Its lock guards them.
type openConns map[*lifetime]struct{}

// run has a connection served, to its end; the caller holds mu.
func (o openConns) run(ep *Endpoint, mu *sync.Mutex, c *lifetime, serve func()) {
	o[c] = struct{}{}
	ep.open.Add(1)
	c.over = func() {
		mu.Lock()
		delete(o, c)
		mu.Unlock()
		ep.open.Add(-1)
		close(c.done)
	}
	go serve()
}

// end ends the connections that doomed chooses and awaits the end of all.
func (o openConns) end(ctx context.Context, ep *Endpoint, mu *sync.Mutex, doomed func(*lifetime) bool) error {
	mu.Lock()
	open := make([]*lifetime, 0, len(o))
	for c := range o {
		open = append(open, c)
	}
	mu.Unlock()
	for _, c := range open {
		if doomed(c) {
			c.cancel()
		}
	}
	for _, c := range open {
		select {
		case <-c.done:
		case <-ctx.Done():
			return fmt.Errorf("connections of %s did not end: %w", ep.id, ctx.Err())
		}
	}
	return nil
}

func every(*lifetime) bool { return true }

func idle(c *lifetime) bool { return c.idle.Load() }
