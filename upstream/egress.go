package upstream

import (
	"context"
	"fmt"
	"net"
	"time"
)

// egress stands for an address elsewhere that programs of this network namespace connect to: a gateway's way out. Nobody
// listens here.
type egress struct{}

func startEgress(ep *Endpoint) (server, error) {
	ep.settle(ep.addr)
	return egress{}, nil
}

var errEgress = fmt.Errorf("%w: nobody listens here (kind: egress)", ErrUnsupported)

func (egress) apply(context.Context, *compiled, Existing) error { return nil }
func (egress) closeConns(context.Context) error                 { return nil }
func (egress) refuse() error                                    { return errEgress }
func (egress) listen() error                                    { return errEgress }
func (egress) stop(string) error                                { return errEgress }
func (egress) resume() error                                    { return errEgress }
func (egress) close()                                           {}

// attemptTimeout bounds an attempt of our own to connect.
const attemptTimeout = time.Second

// armEgress forbids this namespace's programs to connect to the endpoint's address.
func (ep *Endpoint) armEgress(name string, want error) (func() error, error) {
	undo, err := ep.up.fw.Prohibit(ep.Addr())
	if err != nil {
		return nil, err
	}
	attempt := func() error {
		c, err := net.DialTimeout("tcp", ep.Addr().String(), attemptTimeout)
		if err == nil {
			_ = c.Close()
		}
		return err
	}
	return ep.verified(name, attempt, want, undo)
}
