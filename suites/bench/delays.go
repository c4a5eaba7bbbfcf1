package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// together is how many connections wait at once.
const together = 1000

// delays compares how exactly gatefault waits with a bare server that does the same by time.Sleep. Both have the same
// client, which takes the time from the request to the first byte of its answer.
func delays(ctx context.Context, b *bench) ([]line, error) {
	asked := []struct {
		d      time.Duration
		rounds int
	}{{time.Millisecond, 20}, {50 * time.Millisecond, 10}, {2 * time.Second, 1}}
	var out []line
	for _, a := range asked {
		var ours, bare samples
		for range b.runs {
			late, err := b.lateness(ctx, a.d, a.rounds, func(s *server) error {
				return s.upstream(ctx, b, "--fault", "head.slow", "--param", "delay="+a.d.String())
			})
			if err != nil {
				return nil, err
			}
			ours = append(ours, late)
			if late, err = b.lateness(ctx, a.d, a.rounds, func(s *server) error { return ofPeers("sleep")(ctx, b, s, false) }); err != nil {
				return nil, err
			}
			bare = append(bare, late)
		}
		ratio := ours.over(bare)
		out = append(out, line{What: fmt.Sprintf("%s: %s ms late at the p99, a bare server with time.Sleep %s ms", a.d, number(ours.median()*1e3), number(bare.median()*1e3)),
			Result: ratio.String() + "x", Bar: "<= 1.5x", Met: ratio.median() <= 1.5})
	}
	return out, nil
}

// lateness gives the p99 of the time in seconds that answers come later than asked, over several rounds in which all
// connections ask at once.
func (b *bench) lateness(ctx context.Context, d time.Duration, rounds int, start func(*server) error) (float64, error) {
	s := &server{}
	err := start(s)
	var all []float64
	if err == nil {
		all, err = askTogether(s.addr, d, rounds)
	}
	if err = errors.Join(err, s.stop()); err != nil {
		return 0, err
	}
	return quantile(all, 0.99), nil
}

func askTogether(addr string, d time.Duration, rounds int) ([]float64, error) {
	clients := make([]*patient, together)
	for i := range clients {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return nil, err
		}
		defer c.Close()
		clients[i] = &patient{conn: c, r: bufio.NewReader(c)}
	}
	request := fmt.Appendf(nil, "GET /%s HTTP/1.1\r\nHost: bench.example\r\n\r\n", d)
	var all []float64
	for range rounds {
		begin := make(chan struct{})
		var wg sync.WaitGroup
		for _, c := range clients {
			wg.Go(func() {
				<-begin
				c.late, c.err = c.ask(request, d)
			})
		}
		close(begin)
		wg.Wait()
		for _, c := range clients {
			if c.err != nil {
				return nil, c.err
			}
			all = append(all, c.late.Seconds())
		}
	}
	return all, nil
}

// patient is a client that takes the time.
type patient struct {
	conn net.Conn
	r    *bufio.Reader
	late time.Duration
	err  error
}

func (p *patient) ask(request []byte, d time.Duration) (time.Duration, error) {
	began := time.Now()
	if _, err := p.conn.Write(request); err != nil {
		return 0, err
	}
	if _, err := p.r.Peek(1); err != nil {
		return 0, err
	}
	late := time.Since(began) - d
	resp, err := http.ReadResponse(p.r, nil)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return late, err
}
