package main

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// held are connections whose requests are never answered.
type held struct{ conns []*net.TCPConn }

// grow opens connections until there are n, and sends a request on each.
func (h *held) grow(addr, path string, n int) error {
	const dialers = 32
	request := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: bench.example\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n", path)
	missing := n - len(h.conns)
	conns, errs := make([]*net.TCPConn, missing), make([]error, dialers)
	var wg sync.WaitGroup
	for d := range dialers {
		wg.Go(func() {
			for i := d; i < missing && errs[d] == nil; i += dialers {
				conns[i], errs[d] = ask(addr, request)
			}
		})
	}
	wg.Wait()
	for _, c := range conns {
		if c != nil {
			h.conns = append(h.conns, c)
		}
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// ask sends a request on a connection of its own, which ends with RST: no address is kept back for it afterwards.
func ask(addr string, request []byte) (*net.TCPConn, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	if _, err := c.Write(request); err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), c.(*net.TCPConn).SetLinger(0)
}

func (h *held) close() {
	for _, c := range h.conns {
		_ = c.Close()
	}
}

// settled waits until the memory of a process has not grown for a while, and gives it.
func settled(ctx context.Context, p *process) (float64, error) {
	var last float64
	for same := 0; same < 4; {
		now, err := p.resident()
		if err != nil {
			return 0, err
		}
		if same++; now > last {
			last, same = now, 0
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return last, nil
}

// heldConnections are how many are stalled, in steps.
var heldConnections = []int{5_000, 15_000}

// descriptors is how many of them a process may have here; toxiproxy takes two for a connection.
const descriptors = 20_000

// memory measures what a connection costs that waits for an answer.
func memory(ctx context.Context, b *bench) ([]line, error) {
	all := peers()
	costs := make([]map[int]samples, len(all))
	for i := range costs {
		costs[i] = map[int]samples{}
	}
	for range b.runs {
		for i, p := range all {
			if err := p.run(ctx, b, true, func(s *server) error { return stalled(ctx, b, p, s, costs[i]) }); err != nil {
				return nil, err
			}
		}
	}
	var out []line
	for i, p := range all {
		for _, n := range heldConnections {
			l := line{What: fmt.Sprintf("%s, %s connections", p.name, number(float64(n)))}
			if cost := costs[i][n]; len(cost) == 0 {
				l.Result = "not possible here: two descriptors a connection, and a process may have 20,000"
			} else if l.Result = cost.times(1./1024).String() + " KiB"; i == 0 {
				l.Bar, l.Met = "<= 6 KiB", cost.median() <= 6<<10
			}
			out = append(out, l)
		}
	}
	flat := costs[0][heldConnections[1]].over(costs[0][heldConnections[0]])
	return append(out, line{What: "gatefault, 15,000 against 5,000", Result: flat.String() + "x", Bar: "flat", Met: flat.median() <= 1.1}), nil
}

// stalled adds to costs what a connection of a server costs in bytes.
func stalled(ctx context.Context, b *bench, p peer, s *server, costs map[int]samples) error {
	h := &held{}
	defer h.close()
	if err := h.grow(s.addr, s.path, 10); err != nil {
		return err
	}
	before, err := settled(ctx, s.measured)
	if err != nil {
		return err
	}
	for _, n := range heldConnections {
		if p.name == "toxiproxy" && 2*n > descriptors {
			continue
		}
		if err := h.grow(s.addr, s.path, n+10); err != nil {
			return err
		}
		now, err := settled(ctx, s.measured)
		if err != nil {
			return err
		}
		costs[n] = append(costs[n], (now-before)/float64(n))
	}
	return nil
}
