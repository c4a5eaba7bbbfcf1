package run

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/control"
)

// teardownTimeout bounds the removal of everything a run made.
const teardownTimeout = time.Minute

// parallelStops bounds how many containers are removed at once: when many are, Docker 20.10 may lose count of those on a network.
const parallelStops = 8

// memoryLimit is the limit of the upstream that is run out of memory.
const memoryLimit = 64 << 20

// firstPort is the first endpoint's port in the upstream's container.
const firstPort = 20000

// stage is what the cells of a run play on: one or two upstreams and what gateways need to reach them.
type stage struct {
	opts    Options
	machine *machine
	engine  *gateway.Engine  // nil: no containers
	network *gateway.Network // of the upstream
	joined  *gateway.Network // of the gateways: the same, unless sabotaged
	noBox   error            // why there are no containers
	secret  []byte           // of the authority of all upstreams; nil: each has one of its own

	plain   *upstreamHost
	memory  *upstreamHost                 // nil unless a scenario needs it
	sockets *gateway.Volume               // nil unless a profile needs one
	noMem   error                         // why there is none
	local   func() (*upstreamHost, error) // one in this process, started when first asked for

	mu     sync.Mutex                    // guards what follows
	stops  []func(context.Context) error // side by side, first
	undo   []func(context.Context) error // in reverse order, then
	again  []*cell                       // that are to run again
	timing Timing
}

// upstreamHost is a running upstream and how to speak to it.
type upstreamHost struct {
	control *control.Client
	addr    netip.Addr        // where gateways reach it
	bind    string            // what its endpoints listen on
	box     *gateway.Upstream // its container; nil: in this process
	names   netip.AddrPort    // its name server
	folder  string            // where its sockets are, for gateways as well
	mu      sync.Mutex        // guards port
	port    uint16            // next one; 0: any
}

// newStage starts the upstreams. The caller closes the stage also after an error.
func newStage(ctx context.Context, opts Options, memory, sockets bool) (*stage, error) {
	s := &stage{opts: opts, machine: watchMachine()}
	s.local = sync.OnceValues(func() (*upstreamHost, error) {
		if s.engine == nil {
			return s.plain, nil
		}
		return s.startInProcess()
	})
	if err := s.connect(ctx); err != nil {
		return s, err
	}
	began := time.Now()
	if sockets && s.engine != nil {
		var err error
		if s.sockets, err = s.engine.Volume(ctx); err != nil {
			return s, err
		}
		s.later(s.sockets.Remove)
	}
	var g errgroup.Group
	g.Go(func() (err error) { s.plain, err = s.startUpstream(ctx, 0); return err })
	if memory && s.engine != nil {
		g.Go(func() (err error) { s.memory, err = s.startUpstream(ctx, memoryLimit); return err })
	} else if memory {
		s.noMem = fmt.Errorf("running out of memory needs a container with a limit, and %w", s.noBox)
	}
	err := g.Wait()
	s.waited(&s.timing.SlowestStart, time.Since(began))
	return s, err
}

// connect finds the engine and makes the network, or notes why there is none.
func (s *stage) connect(ctx context.Context) error {
	if _, err := gateway.SweepFolders(); err != nil {
		return fmt.Errorf("remove what a killed run left: %w", err)
	}
	if s.opts.Local {
		if s.noBox = s.opts.NoEngine; s.noBox == nil {
			s.noBox = errors.New("containers are switched off")
		}
		return nil
	}
	e, err := gateway.Connect(ctx, func(name, msg string) { s.say("%s: %s", name, msg) })
	if errors.Is(err, gateway.ErrNoEngine) {
		s.noBox = err
		s.say("%v; running what can run on loopback", err)
		return nil
	}
	if err != nil {
		return err
	}
	s.engine = e
	s.later(func(context.Context) error { return e.Close() })
	if _, err := e.Sweep(ctx); err != nil {
		s.say("what a killed run left stays: %v", err) // the engine may hold it; this run does without
	}
	began := time.Now()
	if _, err := e.UpstreamImage(ctx, s.opts.Program); err != nil {
		return err
	}
	s.waited(&s.timing.Images, time.Since(began))
	s.network, err = e.Network(ctx)
	if err != nil {
		return err
	}
	s.later(s.network.Remove)
	if s.joined = s.opts.Network; s.joined == nil {
		s.joined = s.network
	}
	return nil
}

func (s *stage) say(format string, args ...any) {
	if s.opts.Progress != nil {
		s.opts.Progress(Progress{Message: fmt.Sprintf(format, args...)})
	}
}

// stopping remembers what to stop when the stage closes, side by side with other such things.
func (s *stage) stopping(f func(context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stops = append(s.stops, f)
}

// later remembers what to undo after all is stopped; the last goes first.
func (s *stage) later(f func(context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.undo = append(s.undo, f)
}

// waited notes the longest of several waits in one of the timing's fields.
func (s *stage) waited(field *time.Duration, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*field = max(*field, d)
}

// close undoes everything: gateways and upstreams side by side, then the network, then the engine.
func (s *stage) close(ctx context.Context) error {
	s.machine.close()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), teardownTimeout)
	defer cancel()
	errs := make([]error, len(s.stops))
	var stopping errgroup.Group
	stopping.SetLimit(parallelStops)
	for i, stop := range s.stops {
		stopping.Go(func() error {
			errs[i] = stop(ctx)
			return nil
		})
	}
	_ = stopping.Wait()
	for i := len(s.undo) - 1; i >= 0; i-- {
		errs = append(errs, s.undo[i](ctx))
	}
	return errors.Join(errs...)
}

func (s *stage) startUpstream(ctx context.Context, memory int64) (*upstreamHost, error) {
	if s.engine == nil {
		return s.startInProcess()
	}
	return s.startContainer(ctx, gateway.UpstreamSpec{Network: s.network, Sockets: s.sockets, Memory: memory})
}

// startContainer starts an upstream, or what does its work beside a gateway, in a container.
func (s *stage) startContainer(ctx context.Context, spec gateway.UpstreamSpec) (*upstreamHost, error) {
	token := randomHex(16)
	spec.Binary, spec.Token, spec.Authority = s.opts.Program, token, s.secret
	u, err := s.engine.Upstream(ctx, spec)
	if err != nil {
		return nil, err
	}
	s.stopping(u.Stop)
	client, err := s.client("http://"+u.Control().String(), token)
	if err != nil {
		return nil, err
	}
	return &upstreamHost{control: client, addr: u.Addr(), bind: "0.0.0.0", box: u, names: netip.AddrPortFrom(u.Addr(), namePort), port: firstPort, folder: gateway.SocketFolder}, nil
}

// startInProcess runs upstream and control API here, on loopback.
func (s *stage) startInProcess() (*upstreamHost, error) {
	names := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0)
	if s.opts.OwnResolvConf {
		names = netip.AddrPortFrom(names.Addr(), namePort)
	}
	up, err := upstream.New(upstream.Options{Log: s.opts.Log, OwnNamespace: s.opts.OwnNamespace, Executable: s.opts.Program, NameServer: names.String()})
	if err != nil {
		return nil, err
	}
	folder, err := gateway.Scratch()
	if err != nil {
		return nil, errors.Join(err, up.Close())
	}
	s.later(func(context.Context) error { return errors.Join(up.Close(), os.RemoveAll(folder)) })
	token := randomHex(16)
	server, err := control.Listen(control.Options{Address: "127.0.0.1:0", Token: token, Upstream: up, Log: s.logger()})
	if err != nil {
		return nil, err
	}
	s.serve(server)
	client, err := s.client("http://"+server.Addr().String(), token)
	if err != nil {
		return nil, err
	}
	return &upstreamHost{control: client, addr: netip.MustParseAddr("127.0.0.1"), bind: "127.0.0.1", names: up.NameServer(), folder: folder}, nil
}

// serve answers control calls until the stage closes.
func (s *stage) serve(server *control.Server) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx) }()
	s.later(func(context.Context) error {
		cancel()
		return <-ended
	})
}

func (s *stage) logger() *slog.Logger {
	if s.opts.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.opts.Log
}

// maxControlConns bounds the connections to a control API; calls beyond it queue here.
const maxControlConns = 64

func (s *stage) client(url, token string) (*control.Client, error) {
	rt := s.opts.Transport
	if rt == nil {
		rt = &http.Transport{MaxConnsPerHost: maxControlConns, MaxIdleConnsPerHost: maxControlConns}
	}
	c, err := clientOver(rt, url, token)
	if err != nil {
		return nil, err
	}
	s.later(func(context.Context) error { c.Close(); return nil })
	return c, nil
}

// clientOver makes a client that its user closes.
func clientOver(rt http.RoundTripper, url, token string) (*control.Client, error) {
	return control.NewClient(url, token, control.ClientOptions{HTTP: &http.Client{Transport: rt}})
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails, says crypto/rand
	return hex.EncodeToString(b)
}

// namePort is where name servers listen: the C library asks at no other.
const namePort = 53

// openNamed opens an endpoint that is known by its name. It listens on one address only, so that it can be said to have been
// elsewhere.
func (h *upstreamHost) openNamed(ctx context.Context, config upstream.EndpointConfig) (string, netip.AddrPort, error) {
	at, st, err := h.create(ctx, config, h.addr.String())
	if err == nil && st.Domain == "" {
		err = fmt.Errorf("endpoint %s has no name: %w", config.ID, h.noNames(ctx))
	}
	return st.Domain, at, err
}

// noNames is the reason why the upstream has no name server.
func (h *upstreamHost) noNames(ctx context.Context) error {
	health, err := h.control.Health(ctx)
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: %s", upstream.ErrUnsupported, health.Abilities.NameServer)
}

// open opens an endpoint, wherever config says, and gives the address that gateways are to use.
func (h *upstreamHost) open(ctx context.Context, config upstream.EndpointConfig) (netip.AddrPort, error) {
	at, _, err := h.create(ctx, config, h.bind)
	return at, err
}

// create opens an endpoint on an address and the next port.
func (h *upstreamHost) create(ctx context.Context, config upstream.EndpointConfig, bind string) (netip.AddrPort, upstream.State, error) {
	config.Address = fmt.Sprintf("%s:%d", bind, h.nextPort())
	st, err := h.control.CreateEndpoint(ctx, config)
	if err != nil {
		return netip.AddrPort{}, st, fmt.Errorf("open endpoint %s: %w", config.ID, err)
	}
	at, err := netip.ParseAddrPort(st.Address)
	return netip.AddrPortFrom(h.addr, at.Port()), st, err
}

// nextPort gives a port that nothing else here uses; 0: any.
func (h *upstreamHost) nextPort() uint16 {
	h.mu.Lock()
	defer h.mu.Unlock()
	port := h.port
	if port > 0 {
		h.port++
	}
	return port
}
