package fault

import (
	"context"
	"time"

	"github.com/gatefault/gatefault/upstream/wire"
)

var load = []*Fault{
	{Name: "load.saturate", Doc: "has few workers: requests wait in a bounded queue, and beyond that are shed with 503",
		Level: Request, Evidence: Event,
		Params: []Param{
			{"workers", Int, "1", "1", "1024", "requests served at once"},
			{"queue", Int, "64", "0", "65536", "requests that may wait; the next one is answered 503"},
			{"service", Duration, "800ms", "1ms", "1m", "time a worker needs for one request"},
		},
		New: newSaturation},
	{Name: "load.backlog", Doc: "accepts no more connections and its accept queue is full: the kernel drops further attempts",
		Level: Armed, Arm: FillBacklog, Evidence: Kernel},
}

// saturation is a server of N workers in front of a queue of M.
type saturation struct {
	inside  chan struct{} // workers + queue
	workers chan struct{}
	service time.Duration
}

func newSaturation(v Values) Handler {
	s := &saturation{
		inside:  make(chan struct{}, v.Int("workers")+v.Int("queue")),
		workers: make(chan struct{}, v.Int("workers")),
		service: v.Duration("service"),
	}
	return s.serve
}

func (s *saturation) serve(ctx context.Context, c *wire.Session) error {
	if err := c.Read(); err != nil {
		return err
	}
	select {
	case s.inside <- struct{}{}:
		defer func() { <-s.inside }()
	default:
		return c.Respond(503, "the application's queue is full\n")
	}
	select {
	case s.workers <- struct{}{}:
		defer func() { <-s.workers }()
	case <-ctx.Done():
		return &wire.Ended{By: "us", How: wire.Aborted}
	}
	// The work goes on though the client may have left: the usual application does not notice.
	if err := wire.Pause(ctx, s.service); err != nil {
		return err
	}
	return c.Respond(200, "ok\n")
}
