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
// client, which takes the time from the request to the first byte of its answer. Every connection has had an answer before:
// a first one pays for the memory of the connection, in both servers, and says nothing of the delay.
func delays(ctx context.Context, b *bench) ([]line, error) {
	var out []line
	for _, a := range []asking{
		{d: time.Millisecond, rounds: 20, spread: true}, {d: 50 * time.Millisecond, rounds: 10, spread: true},
		{d: 2 * time.Second, rounds: 1, spread: true}, {d: 50 * time.Millisecond, rounds: 10},
	} {
		var ours, bare samples
		for range b.runs {
			late, err := a.lateness(func(s *server) error {
				return s.upstream(ctx, b, "--fault", "head.slow", "--param", "delay="+a.d.String())
			})
			if err != nil {
				return nil, err
			}
			ours = append(ours, late)
			if late, err = a.lateness(func(s *server) error { return ofPeers("sleep")(ctx, b, s, false) }); err != nil {
				return nil, err
			}
			bare = append(bare, late)
		}
		ratio := ours.over(bare)
		l := line{What: fmt.Sprintf("%s: %s ms late at the p99, a bare server with time.Sleep %s ms", a, number(ours.median()*1e3), number(bare.median()*1e3)),
			Result: ratio.String() + "x"}
		if a.spread {
			l.Bar, l.Met = "<= 1.5x", ratio.median() <= 1.5
		}
		out = append(out, l)
	}
	return out, nil
}

// asking is how all connections ask for answers that come after d.
type asking struct {
	d      time.Duration
	rounds int  // that count
	spread bool // requests are sent evenly over d, so that all wait at the same time; else in the same instant
}

func (a asking) String() string {
	if a.spread {
		return a.d.String()
	}
	return a.d.String() + ", all requests in the same instant, which one core has to read"
}

// lateness gives, of several rounds, the median of their p99: the time in seconds that answers come later than asked. One round
// in which something else takes the processor does not decide it.
func (a asking) lateness(start func(*server) error) (float64, error) {
	s := &server{}
	err := start(s)
	var rounds []samples
	if err == nil {
		rounds, err = a.askTogether(s.addr)
	}
	if err = errors.Join(err, s.stop()); err != nil {
		return 0, err
	}
	var late samples
	for _, r := range rounds {
		late = append(late, quantile(r, 0.99))
	}
	return late.median(), nil
}

// askTogether gives how late the answers of each round but the first came, in seconds.
func (a asking) askTogether(addr string) (all []samples, err error) {
	clients := make([]*patient, together)
	for i := range clients {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return nil, err
		}
		defer c.Close()
		clients[i] = &patient{conn: c, r: bufio.NewReader(c)}
		if a.spread {
			clients[i].waits = a.d * time.Duration(i) / together
		}
	}
	request := fmt.Appendf(nil, "GET /%s HTTP/1.1\r\nHost: bench.example\r\n\r\n", a.d)
	for range 1 + a.rounds {
		begin := make(chan struct{})
		var wg sync.WaitGroup
		for _, c := range clients {
			wg.Go(func() {
				<-begin
				time.Sleep(c.waits)
				c.late, c.err = c.ask(request, a.d)
			})
		}
		close(begin)
		wg.Wait()
		late := make(samples, together)
		for i, c := range clients {
			if c.err != nil {
				return nil, c.err
			}
			late[i] = c.late.Seconds()
		}
		all = append(all, late)
	}
	return all[1:], nil
}

// patient is a client that takes the time.
type patient struct {
	conn  net.Conn
	r     *bufio.Reader
	waits time.Duration // before it asks
	late  time.Duration
	err   error
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
