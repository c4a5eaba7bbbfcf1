package upstream

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/gatefault/gatefault/upstream/fault"
	"github.com/gatefault/gatefault/upstream/process"
)

// door is the unix socket of an endpoint: a second way in, beside its TCP address.
type door struct {
	acceptor
	ep    *Endpoint
	path  string
	l     *net.UnixListener
	take  func(socket)
	done  chan struct{} // closed when the accept loop is over
	fills []net.Conn    // our own connections in the accept queue
}

// doorMode lets everybody connect, which takes the right to write (unix(7)).
const doorMode = 0o666

func openDoor(ep *Endpoint, take func(socket)) (*door, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: ep.socket, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("listen on the socket of endpoint %s: %w", ep.id, err)
	}
	if err := os.Chmod(ep.socket, doorMode); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	d := &door{ep: ep, path: ep.socket, l: l, take: take, done: make(chan struct{})}
	go d.accept()
	return d, nil
}

// unixSocket has no RST, so no linger time.
type unixSocket struct{ *net.UnixConn }

func (unixSocket) SetLinger(int) error { return nil }

// accept ends when close is called.
func (d *door) accept() {
	defer close(d.done)
	for {
		c, err := d.l.AcceptUnix()
		if err == nil {
			d.take(unixSocket{c})
		} else if !d.awaitListening(d.ep, err) {
			return
		}
	}
}

func (d *door) close() {
	d.end()
	_ = d.l.Close()
	<-d.done
}

// arm breaks the socket file and gives how to undo it, and the error that a gateway gets from then on.
func (d *door) arm(how fault.Arming) (undo func() error, want error, err error) {
	away := d.path + ".away"
	back := func() error { return os.Rename(away, d.path) }
	switch how {
	case fault.RemoveSocket:
		return back, syscall.ENOENT, os.Rename(d.path, away)
	case fault.DenySocket:
		return func() error { return os.Chmod(d.path, doorMode) }, syscall.EACCES, os.Chmod(d.path, 0)
	case fault.AbandonSocket:
		return back, syscall.ECONNREFUSED, errors.Join(os.Rename(d.path, away), abandon(d.path))
	}
	return d.unfill, syscall.EAGAIN, d.fill()
}

// abandon leaves a socket file that nobody listens on, as a process does that was killed.
func abandon(path string) error {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return err
	}
	l.SetUnlinkOnClose(false)
	return errors.Join(os.Chmod(path, doorMode), l.Close())
}

// attempt connects as a gateway would whom file permissions bind.
func (d *door) attempt() error {
	return process.Bound(func() error {
		c, err := net.DialTimeout("unix", d.path, fillPatience)
		if err == nil {
			_ = c.Close()
		}
		return err
	})
}

// fill stops accepting and fills the shortest accept queue there is: from then on connect gives EAGAIN to those who will
// not wait (unix(7)).
func (d *door) fill() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pause()
	err := errors.Join(d.l.SetDeadline(time.Unix(1, 0)), d.awaitPause(), d.backlog(0))
	for err == nil && len(d.fills) < fillLimit {
		var c net.Conn
		if c, err = net.DialTimeout("unix", d.path, fillPatience); err == nil {
			d.fills = append(d.fills, c)
		}
	}
	if errors.Is(err, syscall.EAGAIN) {
		return nil
	}
	return errors.Join(fmt.Errorf("fill the accept queue of %s: it took %d connections", d.path, len(d.fills)), err, d.unfillHeld())
}

func (d *door) backlog(n int) error {
	return control(d.l, func(fd int) error { return syscall.Listen(fd, n) })
}

// unfill undoes fill.
func (d *door) unfill() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.unfillHeld()
}

// unfillHeld is unfill for a caller who holds mu.
func (d *door) unfillHeld() error {
	for _, c := range d.fills {
		_ = c.Close()
	}
	d.fills = nil
	err := errors.Join(d.backlog(syscall.SOMAXCONN), d.l.SetDeadline(time.Time{}))
	d.resumeAccept()
	return err
}

// armDoor breaks the endpoint's unix socket.
func (ep *Endpoint) armDoor(name string, how fault.Arming) (func() error, error) {
	d := ep.server.(*listener).door
	undo, want, err := d.arm(how)
	if err != nil {
		return nil, err
	}
	return ep.verified(name, d.attempt, want, undo)
}

// verified journals that an attempt of our own got the error that the fault is about, now and again when it is undone:
// nothing else can show a connection that was never made. An attempt that gets something else is journalled as failed.
func (ep *Endpoint) verified(name string, attempt func() error, want error, undo func() error) (func() error, error) {
	verify := func() error {
		e, err := Event{Kind: Verified, Endpoint: ep.id, Fault: name}, attempt()
		switch {
		case err == nil:
			err = fmt.Errorf("an attempt of our own succeeded, though it should get: %w", want)
		case errors.Is(err, want):
			e.Detail = clip(err.Error(), maxDetail)
			ep.up.journal.Add(e)
			return nil
		}
		e.Kind, e.Detail = Failed, clip(err.Error(), maxDetail)
		ep.up.journal.Add(e)
		return err
	}
	if err := verify(); err != nil {
		return nil, errors.Join(err, undo())
	}
	return func() error {
		_ = verify() // the journal tells
		return undo()
	}, nil
}
