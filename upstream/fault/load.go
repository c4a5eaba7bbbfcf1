package fault

import (
	"context"
	"fmt"
	"sync/atomic"
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
	{Name: "load.shed", Doc: "has few workers and no queue: what they cannot take is answered at once with 503 and Retry-After",
		Level: Request, Evidence: Event,
		Params: []Param{
			{"workers", Int, "1", "0", "1024", "requests served at once"},
			{"service", Duration, "200ms", "1ms", "1m", "time a worker needs for one request"},
			{"retry-after", Int, "5", "0", "3600", "seconds that a client is asked to wait"},
		},
		New: newShedding},
	{Name: "load.slow-dependency", Doc: "waits for a slow dependency in some requests, until these hold all of its workers and the others wait too",
		Level: Request, Evidence: Event,
		Params: []Param{
			{"workers", Int, "4", "1", "1024", "requests served at once; the others wait for a worker"},
			{"every", Int, "2", "1", "1000", "one request in this many needs the dependency"},
			{"delay", Duration, "5s", "1ms", "1h", "time that the dependency takes; the rest of a request takes none"},
		},
		New: newDependency},
	{Name: "load.connection-limit", Doc: "takes a limited number of connections: a further one is accepted and closed with FIN before reading",
		Level: Accept, Evidence: Event,
		Params: []Param{
			{"limit", Int, "2", "0", "65536", "open connections, counted from the injection on"},
			{"service", Duration, "1s", "1ms", "1m", "time that each request takes"},
		},
		Script: "read-request\nsleep ${service}\nrespond 200 \"ok\\n\"",
		New:    newConnectionLimit},
	{Name: "load.backlog", Doc: "accepts no more connections and its accept queue is full: the kernel drops further attempts",
		Level: Armed, Arm: FillBacklog, Evidence: Kernel},
}

// pool is a number of workers.
type pool chan struct{}

// tryTake takes a worker if one is free.
func (p pool) tryTake() bool {
	select {
	case p <- struct{}{}:
		return true
	default:
		return false
	}
}

// take waits for a worker.
func (p pool) take(ctx context.Context) error {
	select {
	case p <- struct{}{}:
		return nil
	case <-ctx.Done():
		return &wire.Ended{By: "us", How: wire.Aborted}
	}
}

func (p pool) release() { <-p }

// saturation is a server of N workers in front of a queue of M.
type saturation struct {
	inside  pool // workers + queue
	workers pool
	service time.Duration
}

func newSaturation(v Values) Handler {
	s := &saturation{
		inside:  make(pool, v.Int("workers")+v.Int("queue")),
		workers: make(pool, v.Int("workers")),
		service: v.Duration("service"),
	}
	return s.serve
}

// serve fires when the request has to wait or is shed.
func (s *saturation) serve(ctx context.Context, c *wire.Session) error {
	if err := c.Read(); err != nil {
		return err
	}
	if !s.inside.tryTake() {
		c.Fire()
		return c.Respond(503, "the application's queue is full\n")
	}
	defer s.inside.release()
	if !s.workers.tryTake() {
		c.Fire()
		if err := s.workers.take(ctx); err != nil {
			return err
		}
	}
	defer s.workers.release()
	// The work goes on though the client may have left: the usual application does not notice.
	if err := wire.Pause(ctx, s.service); err != nil {
		return err
	}
	return c.Respond(200, "ok\n")
}

// shedAnswer is what a server says that sheds load (RFC 9110 §15.6.4, §10.2.3).
const shedAnswer = "HTTP/1.1 503 Service Unavailable\r\n${sentinel}Retry-After: %d\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nbusy\n"

func newShedding(v Values) Handler {
	workers, service := make(pool, v.Int("workers")), v.Duration("service")
	shed := wire.Send(fmt.Sprintf(shedAnswer, v.Int("retry-after")))
	return func(ctx context.Context, c *wire.Session) error {
		if err := c.Read(); err != nil {
			return err
		}
		if !workers.tryTake() {
			c.Fire()
			return shed.Run(ctx, c)
		}
		defer workers.release()
		if err := wire.Pause(ctx, service); err != nil {
			return err
		}
		return c.Respond(200, "ok\n")
	}
}

// dependency is a server of N workers, some of whose requests wait for something else.
type dependency struct {
	workers pool
	every   uint64
	delay   time.Duration
	seen    atomic.Uint64
}

func newDependency(v Values) Handler {
	d := &dependency{workers: make(pool, v.Int("workers")), every: uint64(v.Int("every")), delay: v.Duration("delay")}
	return d.serve
}

// serve fires when the request waits, for the dependency or for a worker.
func (d *dependency) serve(ctx context.Context, c *wire.Session) error {
	if err := c.Read(); err != nil {
		return err
	}
	needs, free := d.seen.Add(1)%d.every == 0, d.workers.tryTake()
	if needs || !free {
		c.Fire()
	}
	if !free {
		if err := d.workers.take(ctx); err != nil {
			return err
		}
	}
	defer d.workers.release()
	if needs {
		if err := wire.Pause(ctx, d.delay); err != nil {
			return err
		}
	}
	return c.Respond(200, "ok\n")
}

// newConnectionLimit serves no request, it meets connections as they are accepted. A taken place is free again when the
// connection, and with it ctx, ends.
func newConnectionLimit(v Values) Handler {
	places := make(pool, v.Int("limit"))
	return func(ctx context.Context, c *wire.Session) error {
		if places.tryTake() {
			context.AfterFunc(ctx, places.release)
			return nil
		}
		c.Fire()
		return wire.Close().Run(ctx, c)
	}
}
