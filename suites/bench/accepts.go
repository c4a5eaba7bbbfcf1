package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// accepts compares how many connections a second gatefault breaks at accept with a bare accept loop that does the same.
func accepts(ctx context.Context, b *bench) ([]line, error) {
	var out []line
	for _, how := range []struct{ fault, bare, what, request string }{
		{"tcp.accept-close", "accept-close", "accept and close", ""},
		{"tcp.accept-reset", "accept-reset", "accept and reset when the request comes", "GET / HTTP/1.1\r\nHost: bench.example\r\n\r\n"},
	} {
		var ours, bare samples
		for range b.runs {
			rate, err := b.broken(ctx, how.request, func(s *server) error { return s.upstream(ctx, b, "--fault", how.fault) })
			if err != nil {
				return nil, err
			}
			ours = append(ours, rate)
			if rate, err = b.broken(ctx, how.request, func(s *server) error { return ofPeers(how.bare)(ctx, b, s, false) }); err != nil {
				return nil, err
			}
			bare = append(bare, rate)
		}
		ratio := ours.over(bare)
		out = append(out, line{What: fmt.Sprintf("%s, %s/s; a bare loop %s/s", how.what, number(ours.median()), number(bare.median())),
			Result: ratio.String() + "x", Bar: ">= 0.8x", Met: ratio.median() >= 0.8})
	}
	return out, nil
}

// broken gives how many connections a second a server accepts and breaks.
func (b *bench) broken(ctx context.Context, request string, start func(*server) error) (float64, error) {
	s := &server{}
	err := start(s)
	var rate float64
	if err == nil {
		rate, err = b.connect(s.addr, request)
	}
	return rate, errors.Join(err, s.stop())
}

// connect connects again and again from several goroutines, each time until the other side has ended the connection.
func (b *bench) connect(addr, request string) (float64, error) {
	d := 2 * time.Second
	if b.quick {
		d = 300 * time.Millisecond
	}
	const clients = 16
	var count atomic.Int64
	errs := make([]error, clients)
	began := time.Now()
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			for time.Since(began) < d && errs[i] == nil {
				errs[i] = meetEnd(addr, request)
				count.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(count.Load()) / time.Since(began).Seconds(), errors.Join(errs...)
}

// meetEnd connects, sends the request and reads until the end, whichever it is.
func meetEnd(addr, request string) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	_ = c.(*net.TCPConn).SetLinger(0)
	_, _ = io.WriteString(c, request)
	_, _ = io.ReadAll(c)
	return c.Close()
}
