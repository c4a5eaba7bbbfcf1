package upstream

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatefault/gatefault/upstream/wire"
)

// A connection that waits in a script for long, as stalled ones do for ever, is parked: it holds neither a goroutine, whose
// stack would be most of its memory, nor a buffer. It goes on when its time has come, when the peer sends or closes, and when a
// plan change ends it.

// parkFrom is the wait from which a connection is parked. Shorter ones are over before their memory matters, and parking makes
// a thousand answers that are due at once some milliseconds late.
const parkFrom = 3 * time.Second

// parked is what a connection is to do when it goes on.
type parked struct {
	c       *conn
	rule    *rule
	request *request
	session *wire.Session
	how     *wire.Parked
	fd      int32
	woken   atomic.Bool

	mu    sync.Mutex  // guards timer while the connection is being parked
	timer *time.Timer // nil: no time will come
}

// leaves is in place of the end of a connection that is to be parked.
var leaves = &wire.Ended{}

// leave parks the connection; after an error it is not. From then on it belongs to whoever wakes it.
func (p *parked) leave() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.c
	c.giveBack()
	c.parked.Store(p)
	if !p.how.Until.IsZero() {
		p.timer = time.AfterFunc(time.Until(p.how.Until), p.wake)
	}
	if err := c.ep.up.lot.add(p); err != nil {
		if !p.woken.Swap(true) {
			p.unpark()
			return err
		}
		return nil
	}
	if c.ctx.Err() != nil { // it may have ended before it could have known of p
		go p.wake()
	}
	return nil
}

// wake runs the connection on in this goroutine, unless another one does already.
func (p *parked) wake() {
	if p.woken.Swap(true) {
		return
	}
	p.mu.Lock()
	p.c.ep.up.lot.remove(p)
	p.unpark()
	p.mu.Unlock()
	p.c.conclude(p.c.resume(p))
}

// unpark undoes what leave did; the caller holds mu.
func (p *parked) unpark() {
	if p.timer != nil {
		p.timer.Stop()
	}
	p.c.parked.Store(nil)
	p.c.borrow()
}

// resume goes on with the script, and then with the connection.
func (c *conn) resume(p *parked) *wire.Ended {
	end := c.injected(p.rule, p.request, p.session, p.how.Rest.Run(c.ctx, p.session))
	switch {
	case end != nil:
		return end
	case c.n == 0:
		return protocols[c.ep.speaks](c)
	}
	return c.serveHTTP1()
}
