package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/control"
)

// plans measures how long a plan change takes over the API while wrk asks on 64 connections without a pause. Then it changes
// plans while it asks itself, and counts the answers of a plan whose successor had been confirmed before the request was sent.
func plans(ctx context.Context, b *bench) ([]line, error) {
	var p50, p99 samples
	var total watcher
	changes := 1000
	if b.quick {
		changes = 100
	}
	for range b.runs {
		s := &server{}
		err := s.upstream(ctx, b)
		var times []float64
		if err == nil {
			times, err = timeChanges(ctx, s, changes)
		}
		if err == nil {
			err = total.change(ctx, s, changes)
		}
		if err = errors.Join(err, s.stop()); err != nil {
			return nil, err
		}
		p50, p99 = append(p50, quantile(times, 0.5)), append(p99, quantile(times, 0.99))
	}
	return []line{
		{What: fmt.Sprintf("%s changes, p50 %s ms; p99", number(float64(changes)), number(p50.median())), Result: p99.String() + " ms", Bar: "<= 5 ms", Met: p99.median() <= 5},
		{What: fmt.Sprintf("%s changes, answers of a plan that was not in force any more", number(float64(changes*b.runs))),
			Result: fmt.Sprintf("%d of %s", total.stale.Load(), number(float64(total.asked.Load()))), Bar: "0", Met: total.stale.Load() == 0},
	}, nil
}

// changer changes the plan of a server's endpoint. Its answers tell the number of the plan.
type changer struct{ *control.Client }

func newChanger(s *server) (changer, error) {
	client, err := control.NewClient("http://"+s.control, "", control.ClientOptions{})
	return changer{client}, err
}

func (c changer) set(ctx context.Context, n int) error {
	script := fmt.Sprintf("read-request\nrespond 200 \"%d\"", n)
	_, err := c.SetPlan(ctx, "app", upstream.Plan{Rules: []upstream.Rule{{Script: script}}}, upstream.Keep)
	return err
}

// timeChanges gives how long each change took, in milliseconds, under wrk's load.
func timeChanges(ctx context.Context, s *server, n int) (times []float64, err error) {
	c, err := newChanger(s)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	load := pinned(ctx, clientCore, "wrk", "-t1", "-c64", "-d1h", "http://"+s.addr+"/")
	if err := load.Start(); err != nil {
		return nil, err
	}
	defer func() {
		_ = load.Process.Kill()
		_ = load.Wait()
	}()
	for i := range n {
		began := time.Now()
		if err := c.set(ctx, i); err != nil {
			return nil, err
		}
		times = append(times, float64(time.Since(began).Microseconds())/1000)
	}
	return times, nil
}

// watcher asks and compares the answers with the plan that is in force.
type watcher struct {
	inForce, asked, stale atomic.Int64
}

// change changes the plan again and again while 64 connections ask.
func (w *watcher) change(ctx context.Context, s *server, n int) error {
	c, err := newChanger(s)
	if err != nil {
		return err
	}
	defer c.Close()
	w.inForce.Store(0)
	if err := c.set(ctx, 0); err != nil {
		return err
	}
	asking, stop := context.WithCancel(ctx)
	const connections = 64
	errs := make([]error, connections)
	var wg sync.WaitGroup
	for i := range connections {
		wg.Go(func() { errs[i] = w.ask(asking, s.addr) })
	}
	for i := 1; i <= n && err == nil; i++ {
		err = c.set(ctx, i)
		w.inForce.Store(int64(i))
	}
	stop()
	wg.Wait()
	return errors.Join(append(errs, err)...)
}

// ask asks on one connection until ctx ends.
func (w *watcher) ask(ctx context.Context, addr string) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	for r := bufio.NewReader(c); ctx.Err() == nil; {
		before := w.inForce.Load()
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: bench.example\r\n\r\n"); err != nil {
			return err
		}
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			return err
		}
		got, err := strconv.ParseInt(string(text), 10, 64)
		if err != nil {
			return err
		}
		if w.asked.Add(1); got < before {
			w.stale.Add(1)
		}
	}
	return nil
}
