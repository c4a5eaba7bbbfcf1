package upstream

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gatefault/gatefault/upstream/process"
)

// order is what a parent tells the child that serves an endpoint.
type order struct {
	N        int             `json:"n"`
	Listen   *EndpointConfig `json:"listen,omitempty"`
	Conns    uint64          `json:"conns,omitempty"` // connection numbers go on from here
	Plan     *Plan           `json:"plan,omitempty"`
	Existing Existing        `json:"existing,omitempty"`
	MaxConns int             `json:"maxConns,omitempty"`
	MaxBody  int64           `json:"maxBody,omitempty"`
	Starve   bool            `json:"starve,omitempty"`  // eat memory now
	Close    bool            `json:"close,omitempty"`   // close all connections
	Hand     bool            `json:"hand,omitempty"`    // hand the listener to the parent, for another child
	Inherit  bool            `json:"inherit,omitempty"` // with listen: the parent hands the listener
	Drain    bool            `json:"drain,omitempty"`   // accept no more, end the requests under way, close idle connections
	Exit     int             `json:"exit,omitempty"`    // exit with this code at once
	Files    *files          `json:"files,omitempty"`
}

// files says whether the process may open files: not, while a fault is named.
type files struct {
	Fault string `json:"fault"`
}

// report is what the child tells its parent.
type report struct {
	N      int    `json:"n,omitempty"` // the order that is done
	Error  string `json:"error,omitempty"`
	Addr   string `json:"addr,omitempty"`
	Kill   bool   `json:"kill,omitempty"`   // asks to be killed
	Starve bool   `json:"starve,omitempty"` // asks for leave to eat memory
	Event  *Event `json:"event,omitempty"`
}

// childSide is the child's end of the talk with its parent.
type childSide struct {
	starve chan struct{}         // the parent's leave to eat memory
	files  atomic.Pointer[files] // the fault that lets no file be opened; nil once it has taken effect
	before uint64                // the limit of open files without it
	mu     sync.Mutex            // guards out
	out    *json.Encoder
}

func (s *childSide) tell(r report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.out.Encode(r) != nil {
		os.Exit(1) // the parent is gone
	}
}

// eatMemory asks first, so that the parent can tell the kill that follows from others, and then eats until the kernel
// ends this process, or 16 GiB are gone.
func (s *childSide) eatMemory(ctx context.Context) error {
	s.tell(report{Starve: true})
	select {
	case <-s.starve:
	case <-ctx.Done():
		return ctx.Err()
	}
	const step, limit = 4 << 20, 16 << 30
	var held [][]byte
	for len(held) < limit/step {
		b := make([]byte, step)
		for i := 0; i < step; i += 4096 {
			b[i] = 1
		}
		held = append(held, b)
	}
	return fmt.Errorf("ate %d bytes and was not killed", len(held)*step)
}

// ServeChild must be the first call of main, or of TestMain, of every program that opens process endpoints: the
// upstream starts the program again to serve them. In such a child it never returns.
func ServeChild() {
	if !process.IsChild() {
		return
	}
	_ = process.OfferToOOMKiller()
	if err := serveChild(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serveChild ends when the parent closes our input.
func serveChild(in io.Reader, out io.Writer) error {
	u, err := New(Options{JournalSize: 1024})
	if err != nil {
		return err
	}
	u.child = &childSide{out: json.NewEncoder(out), starve: make(chan struct{}, 1)}
	u.journal.forward = func(e Event) { u.child.tell(report{Event: &e}) }
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var o order
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			return err
		}
		u.child.tell(u.obey(o))
	}
	return u.Close()
}

func (u *Upstream) obey(o order) report {
	r := report{N: o.N}
	var err error
	if o.Starve {
		select {
		case u.child.starve <- struct{}{}:
		default:
		}
	}
	if o.Exit != 0 {
		os.Exit(o.Exit)
	}
	if o.Listen != nil {
		r.Addr, err = u.obeyListen(o)
	}
	if o.Plan != nil && err == nil {
		err = u.obeyPlan(*o.Plan, o.Existing)
	}
	if o.Close {
		err = errors.Join(err, u.obeyListeners((*listener).closeConns))
	}
	if o.Hand {
		err = errors.Join(err, u.obeyListeners((*listener).hand))
	}
	if o.Drain {
		err = errors.Join(err, u.obeyListeners((*listener).retire))
	}
	if o.Files != nil {
		err = errors.Join(err, u.child.limitFiles(o.Files))
	}
	if err != nil {
		r.Error = err.Error()
	}
	return r
}

// listenPatiently tries for half a second: the parent has closed its listener, but a process that it forks at this moment
// for another endpoint holds a copy until it executes (close-on-exec).
func (u *Upstream) listenPatiently(cfg EndpointConfig) (ep *Endpoint, err error) {
	for range 50 {
		if ep, err = u.Listen(cfg); !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return ep, err
}

// obeyListen opens the endpoint, on a listener of its own or on one that another child has.
func (u *Upstream) obeyListen(o order) (addr string, err error) {
	u.conns.Store(o.Conns)
	u.opts.MaxConns, u.opts.MaxBody = o.MaxConns, o.MaxBody
	var ep *Endpoint
	if o.Inherit {
		ep, err = u.inherit(*o.Listen)
	} else {
		ep, err = u.listenPatiently(*o.Listen)
	}
	if err != nil {
		return "", err
	}
	return ep.Addr().String(), nil
}

// inherit opens an endpoint on a listener that the parent hands over.
func (u *Upstream) inherit(cfg EndpointConfig) (*Endpoint, error) {
	fd, err := process.Take()
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "listener")
	defer f.Close()
	l, err := net.FileListener(f)
	if err != nil {
		return nil, err
	}
	ep, err := open(u, cfg, l.(*net.TCPListener))
	if err != nil {
		return nil, err
	}
	return ep, u.add(ep)
}

// obeyTimeout bounds what a child does at an order.
const obeyTimeout = 10 * time.Second

func (u *Upstream) obeyListeners(do func(*listener, context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), obeyTimeout)
	defer cancel()
	var errs []error
	for _, ep := range u.Endpoints() {
		errs = append(errs, do(ep.server.(*listener), ctx))
	}
	return errors.Join(errs...)
}

// fewFiles is a limit of open files below what every process has open, whose standard streams are three.
const fewFiles = 3

// limitFiles lowers this process's limit of open files below what it has open, or puts it back.
func (s *childSide) limitFiles(f *files) (err error) {
	if f.Fault == "" {
		s.files.Store(nil)
		_, err = process.LimitFiles(s.before)
		return err
	}
	s.files.Store(f)
	before, err := process.LimitFiles(fewFiles)
	if before > fewFiles {
		s.before = before
	}
	return err
}

// obeyPlan takes a plan that the parent has checked; what arms the endpoint is the parent's business.
func (u *Upstream) obeyPlan(p Plan, existing Existing) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := p.compile(time.Now())
	if err != nil {
		return err
	}
	for _, ep := range u.Endpoints() {
		c.first = ep.seen.Load()
		ep.plan.Store(c)
		err = errors.Join(err, ep.server.apply(ctx, c, existing))
	}
	return err
}
