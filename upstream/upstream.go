// Package upstream is a chaos upstream: an HTTP server that breaks on command, below the request, in it and after it.
//
// It serves as a library in a Go test, the way net/http/httptest does:
//
//	up, err := upstream.New(upstream.Options{})
//	defer up.Close()
//	ep, err := up.Listen(upstream.EndpointConfig{Address: "127.0.0.1:0"})
//	err = ep.SetPlan(ctx, upstream.Plan{Rules: []upstream.Rule{{Fault: "head.garbage"}}}, upstream.Keep)
//	// point the code under test at ep.Addr()
package upstream

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatefault/gatefault/upstream/dns"
	"github.com/gatefault/gatefault/upstream/firewall"
	"github.com/gatefault/gatefault/upstream/firewall/netns"
	"github.com/gatefault/gatefault/upstream/pki"
	"github.com/gatefault/gatefault/upstream/process"
)

// Defaults of [Options].
const (
	DefaultJournalSize = 1 << 16
	DefaultMaxConns    = 20_000
	DefaultMaxBody     = 1 << 30
)

// Options configure an Upstream; the zero value is usable.
type Options struct {
	Log *slog.Logger // default: discard
	// JournalSize is how many events the journal keeps; default 65,536.
	JournalSize int
	// MaxConns bounds the open connections of one endpoint; default 20,000. More are closed at once.
	MaxConns int
	// MaxBody bounds a request's body in bytes; default 1 GiB.
	MaxBody int64
	// OwnNamespace says that this process's network namespace belongs to gatefault alone, so that firewall rules may
	// be set in it. It is not believed where the namespace is evidently the host's.
	OwnNamespace bool
	// NameServer is the IP:port of a name server for the zone [Zone], in which every endpoint has a name; empty: none. When
	// it cannot be had, [Upstream.Abilities] tells why.
	NameServer string
	// Authority is the certificate and key, in PEM, of the authority that signs what endpoints present; see
	// [pki.Authority.Secret]. Default: one of its own, made when first needed.
	Authority []byte
	// Executable is started again to serve process endpoints; default: this program, which must call [ServeChild]
	// before anything else.
	Executable string
}

// Upstream is a set of endpoints with one journal.
type Upstream struct {
	opts    Options
	log     *slog.Logger
	start   time.Time
	boot    string // random, part of every nonce
	journal *Journal
	fw      *firewall.Firewall
	fwErr   error        // why there is no firewall
	shaping func() error // why the firewall cannot hold packets back; asked once
	names   *dns.Server
	nsErr   error // why there is no name server
	conns   atomic.Uint64
	ca      func() (*pki.Authority, error) // makes it when first asked
	lot     lot                            // of connections that wait
	child   *childSide                     // set in a child process that serves an endpoint for its parent

	mu        sync.Mutex // guards what follows
	endpoints map[string]*Endpoint
	labels    map[string]*Endpoint // by their names in the zone
	old       map[netip.Addr]*oldAddress
	closed    bool
}

// New makes an Upstream without endpoints.
func New(o Options) (*Upstream, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.JournalSize = cmp.Or(o.JournalSize, DefaultJournalSize)
	o.MaxConns = cmp.Or(o.MaxConns, DefaultMaxConns)
	o.MaxBody = cmp.Or(o.MaxBody, DefaultMaxBody)
	if o.Executable == "" {
		o.Executable, _ = os.Executable()
	}
	u := &Upstream{opts: o, log: o.Log, start: time.Now(), endpoints: map[string]*Endpoint{},
		labels: map[string]*Endpoint{}, old: map[netip.Addr]*oldAddress{}}
	u.boot = randomHex(4)
	u.journal = newJournal(o.JournalSize, u.start)
	u.ca = sync.OnceValues(func() (*pki.Authority, error) { return pki.New(time.Now()) })
	if len(o.Authority) > 0 {
		authority, err := pki.Load(o.Authority, time.Now())
		if err != nil {
			return nil, err
		}
		u.ca = func() (*pki.Authority, error) { return authority, nil }
	}
	u.openFirewall()
	u.shaping = sync.OnceValue(u.canShape)
	u.openNameServer()
	return u, nil
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails, says crypto/rand
	return hex.EncodeToString(b)
}

func (u *Upstream) openFirewall() {
	if !u.opts.OwnNamespace || netns.IsHost() {
		u.fwErr = errors.New("this upstream shares the host's network namespace, where gatefault sets no firewall rules; run it in its container, or by unshare --net in a namespace of its own")
		return
	}
	if u.fw, u.fwErr = firewall.Open(u.log); u.fwErr == nil {
		if err := firewall.RelaxICMP(); err != nil {
			u.log.Debug("ICMP errors stay rate-limited", "err", err)
		}
	}
}

func (u *Upstream) canShape() error {
	if u.fwErr != nil {
		return u.fwErr
	}
	return u.fw.CanShape()
}

// Journal gives the journal of all endpoints.
func (u *Upstream) Journal() *Journal { return u.journal }

// Now is the time on the journal's clock.
func (u *Upstream) Now() time.Duration { return time.Since(u.start) }

// Abilities say what faults this upstream can do on this machine.
type Abilities struct {
	Firewall string `json:"firewall"` // "yes" or why not
	Shaping  string `json:"shaping"`  // latency and slow links
	Process  string `json:"process"`
	Memory   string `json:"memory"`
	// NameServer and OldAddress are what faults of name resolution need.
	NameServer string `json:"nameServer"`
	OldAddress string `json:"oldAddress"`
}

// Abilities tells "yes" or the reason for each thing a fault may need.
func (u *Upstream) Abilities() Abilities {
	a := Abilities{Firewall: "yes", Shaping: "yes", Process: "yes", Memory: "yes", NameServer: "yes", OldAddress: "yes"}
	if u.fwErr != nil {
		a.Firewall = u.fwErr.Error()
	}
	if err := u.shaping(); err != nil {
		a.Shaping = err.Error()
	}
	if u.nsErr != nil {
		a.NameServer = u.nsErr.Error()
	}
	if err := u.mayAddAddress(); err != nil {
		a.OldAddress = "on loopback only: " + err.Error()
	}
	if u.opts.Executable == "" {
		a.Process = "the program to start is not known"
	}
	if process.MemoryLimit() == 0 {
		a.Memory = "the upstream runs without a memory limit of its own; run it in a container with one"
	}
	return a
}

// maxEndpoints bounds what an API client can open.
const maxEndpoints = 4096

// Listen opens an endpoint.
func (u *Upstream) Listen(cfg EndpointConfig) (*Endpoint, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.Kind, cfg.Protocol = cmp.Or(cfg.Kind, HTTP), cmp.Or(cfg.Protocol, HTTP1)
	if err := u.mayAdd(cfg.ID); err != nil {
		return nil, err
	}
	ep, err := open(u, cfg, nil)
	if err != nil {
		return nil, err
	}
	return ep, u.add(ep)
}

// ErrExists says that an endpoint of that name is there already.
var ErrExists = errors.New("an endpoint of that name exists already")

func (u *Upstream) mayAdd(id string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.room(id)
}

// room checks that id can be added; the caller holds mu.
func (u *Upstream) room(id string) error {
	switch {
	case u.closed:
		return errors.New("the upstream is closed")
	case len(u.endpoints) >= maxEndpoints:
		return fmt.Errorf("there are %d endpoints already, the limit", maxEndpoints)
	case u.endpoints[id] != nil:
		return fmt.Errorf("%w: %s", ErrExists, id)
	}
	return nil
}

// add makes the endpoint known, or closes it when its name was taken meanwhile.
func (u *Upstream) add(ep *Endpoint) error {
	u.mu.Lock()
	err := u.room(ep.id)
	if err == nil {
		u.endpoints[ep.id] = ep
		u.christen(ep)
	}
	u.mu.Unlock()
	if err != nil {
		ep.Close()
	}
	return err
}

func (u *Upstream) forget(ep *Endpoint) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.endpoints[ep.id] == ep {
		delete(u.endpoints, ep.id)
		u.unname(ep)
	}
}

// Endpoint gives the endpoint of that name, or nil.
func (u *Upstream) Endpoint(id string) *Endpoint {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.endpoints[id]
}

// Endpoints lists the endpoints by name.
func (u *Upstream) Endpoints() []*Endpoint {
	u.mu.Lock()
	defer u.mu.Unlock()
	out := make([]*Endpoint, 0, len(u.endpoints))
	for _, ep := range u.endpoints {
		out = append(out, ep)
	}
	slices.SortFunc(out, func(a, b *Endpoint) int { return strings.Compare(a.id, b.id) })
	return out
}

// Reset makes every endpoint healthy and closes its connections.
func (u *Upstream) Reset(ctx context.Context) error {
	var errs []error
	for _, ep := range u.Endpoints() {
		// An endpoint that another one's fault had opened is closed by now.
		if err := ep.SetPlan(ctx, Plan{}, CloseExisting); !errors.Is(err, errClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Close closes all endpoints and the name server, ends their processes and removes every firewall rule.
func (u *Upstream) Close() error {
	u.mu.Lock()
	u.closed = true
	u.mu.Unlock()
	var wg sync.WaitGroup
	for _, ep := range u.Endpoints() {
		wg.Go(ep.Close)
	}
	wg.Wait()
	u.lot.close()
	var errs []error
	if u.names != nil {
		errs = append(errs, u.names.Close())
	}
	if u.fw != nil {
		errs = append(errs, u.fw.Close())
	}
	return errors.Join(errs...)
}
