package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"golang.org/x/sync/errgroup"
)

// pollEvery is the time between two looks at a lane that does not accept yet.
const pollEvery = 10 * time.Millisecond

var errExited = errors.New("it exited")

// awaitReady returns when every lane is ready. It gives up when the context ends, when exited is closed, or after
// startTimeout.
func awaitReady(ctx context.Context, kind Readiness, lanes []netip.AddrPort, exited <-chan struct{}) error {
	look := lookTCP
	if kind == ReadyHTTP {
		look = lookHTTP
	}
	return awaitEach(ctx, look, lanes, exited)
}

// looker looks once whether a lane is ready.
type looker func(ctx context.Context, lane netip.AddrPort) error

func awaitEach(ctx context.Context, look looker, lanes []netip.AddrPort, exited <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	lookers, ctx := errgroup.WithContext(ctx)
	ready := make(chan struct{})
	lookers.Go(func() error {
		select {
		case <-exited:
			return errExited
		case <-ready:
			return nil
		case <-ctx.Done():
			return nil
		}
	})
	lookers.Go(func() error {
		defer close(ready)
		for i, lane := range lanes {
			if err := awaitLane(ctx, look, lane); err != nil {
				return fmt.Errorf("lane %d (%s) is not ready: %w", i, lane, err)
			}
		}
		return nil
	})
	return lookers.Wait()
}

func awaitLane(ctx context.Context, look looker, lane netip.AddrPort) error {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		err := look(ctx, lane)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-ticker.C:
		}
	}
}

// lookTimeout bounds one look. A container that just got its address may swallow the first SYN.
const lookTimeout = 500 * time.Millisecond

func lookTCP(ctx context.Context, lane netip.AddrPort) error {
	dialer := net.Dialer{Timeout: lookTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", lane.String())
	if err != nil {
		return err
	}
	return conn.Close()
}

func lookHTTP(ctx context.Context, lane netip.AddrPort) error {
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+lane.String()+"/", nil)
	if err != nil {
		return err
	}
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}
