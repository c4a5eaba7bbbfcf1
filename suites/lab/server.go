package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/gorilla/mux"

	"github.com/gatefault/gatefault/upstream/control"
)

// DefaultAddress is where the lab listens.
const DefaultAddress = "127.0.0.1:8600"

// Options configure a [Server].
type Options struct {
	// Address to listen on, IP:port; default [DefaultAddress]. One that is not loopback demands a Token.
	Address string
	// Listener, instead of Address, is one that [Bind] gave. The server closes it.
	Listener *net.TCPListener
	// Token that a browser has to know, as ?token=TOKEN in the address of its first visit; empty: none, on loopback only.
	Token   string
	Session *Session
	Lessons []*Lesson
	// Pages are further ones, such as drills; they are served behind the same guard, and linked from every page.
	Pages []Page
	Log   *slog.Logger // default: discard
	// Heartbeat is the pause after which a silent event stream is written to; default 15 s.
	Heartbeat time.Duration
}

// Page is one that others add. Handler gets requests for Path and all below it, has the lab's policy headers set already,
// and can write the lab's frame with [Server.Frame]. Requests that change something have passed the guard against other
// sites.
type Page struct {
	Path    string // such as /drills
	Title   string // of the link
	Handler func(*Server) http.Handler
}

// Bounds of connections.
const (
	maxConns     = 256
	headTimeout  = 10 * time.Second
	readTimeout  = 30 * time.Second
	writeTimeout = 60 * time.Second
	idleTimeout  = time.Minute
	graceTimeout = 3 * time.Second
	maxHead      = 16 << 10
)

// Server serves the page of a lab.
type Server struct {
	opts     Options
	listener net.Listener
	guard    *guard
	router   *mux.Router
	pages    *template.Template
}

// Listen opens the lab's address, so that [Server.URL] can be told before [Server.Serve] answers. An error is the user's mistake
// unless it is the system's.
func Listen(o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Heartbeat == 0 {
		o.Heartbeat = 15 * time.Second
	}
	s := &Server{opts: o, guard: newGuard(o.Token)}
	var err error
	if s.pages, err = parsePages(); err != nil {
		return nil, err
	}
	s.route()
	if o.Listener == nil {
		if o.Listener, err = Bind(cmp.Or(o.Address, DefaultAddress), o.Token); err != nil {
			return nil, err
		}
	}
	s.listener = control.Limit(o.Listener, maxConns)
	return s, nil
}

// Bind opens an address for a lab with that token.
func Bind(address, token string) (*net.TCPListener, error) {
	if err := CheckAddress(address, token); err != nil {
		return nil, err
	}
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.MustParseAddrPort(address)))
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	return l, nil
}

// CheckAddress tells what is wrong with an address to listen on.
func CheckAddress(address, token string) error {
	addr, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("address %q of the lab is not IP:port; write %s", address, DefaultAddress)
	}
	if !addr.Addr().Unmap().IsLoopback() && token == "" {
		return fmt.Errorf("%s can be reached by other machines, so the lab needs a token: set GATEFAULT_TOKEN or listen on %s", address, DefaultAddress)
	}
	return nil
}

// Addr is where the lab listens.
func (s *Server) Addr() netip.AddrPort { return s.listener.Addr().(*net.TCPAddr).AddrPort() }

// URL is the address to visit, with the token if there is one.
func (s *Server) URL() string {
	at := s.Addr()
	if at.Addr().IsUnspecified() {
		at = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), at.Port())
	}
	url := "http://" + at.String() + "/"
	if s.opts.Token != "" {
		url += "?" + tokenParameter + "=" + s.opts.Token
	}
	return url
}

// Session is what the page shows.
func (s *Server) Session() *Session { return s.opts.Session }

// Close stops listening without having served; after [Server.Serve] it is not needed.
func (s *Server) Close() error { return s.listener.Close() }

// Serve answers until ctx ends, then lets the viewers go and returns nil.
func (s *Server) Serve(ctx context.Context) error {
	srv := &http.Server{
		Handler:           s,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: headTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHead,
		ErrorLog:          slog.NewLogLogger(s.opts.Log.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(s.listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("lab: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), graceTimeout)
	defer cancel()
	err := srv.Shutdown(grace)
	<-served
	if errors.Is(err, context.DeadlineExceeded) { // browsers open connections in advance, and may never ask anything on them
		return srv.Close()
	}
	return err
}

// ServeHTTP lets through what may pass.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	policy(w.Header())
	if s.guard.enter(w, r) {
		s.router.ServeHTTP(w, r)
	}
}

// route makes the routes.
func (s *Server) route() {
	s.router = mux.NewRouter().SkipClean(true)
	get := func(path string, f http.HandlerFunc) {
		s.router.Path(path).Methods(http.MethodGet, http.MethodHead).HandlerFunc(f)
	}
	post := func(path string, f func(http.ResponseWriter, *http.Request) (any, error)) {
		s.router.Path(path).Methods(http.MethodPost).Handler(answer(f))
	}
	get("/", s.index)
	get("/lessons/{lesson}", s.index)
	get("/assets/{asset}", s.asset)
	get("/api/v1/catalogue", s.catalogue)
	get("/api/v1/state", s.state)
	get("/api/v1/events", s.events)
	get("/api/v1/experiments/{id:[0-9]{1,9}}/{gateway}", s.cell)
	post("/api/v1/experiments", s.begin)
	post("/api/v1/experiments/{id:[0-9]{1,9}}/guesses", s.guess)
	post("/api/v1/undo", s.undo)
	for _, p := range s.opts.Pages {
		s.router.PathPrefix(p.Path).Handler(p.Handler(s))
	}
	s.router.NotFoundHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		problem(http.StatusNotFound, "there is nothing at %.100q; the lab is at /", r.URL.Path).Write(w)
	})
	s.router.MethodNotAllowedHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		problem(http.StatusMethodNotAllowed, "%.20s does not apply to %.100q", r.Method, r.URL.Path).Write(w)
	})
}

// answer makes a handler of a function whose result or error is sent as JSON.
func answer(f func(http.ResponseWriter, *http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out, err := f(w, r)
		if err != nil {
			problemOf(err).Write(w)
			return
		}
		writeJSON(w, out)
	})
}

// problemOf says what went wrong in the way of the control API.
func problemOf(err error) *control.Problem {
	var p *control.Problem
	var mistake errMistake
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, ErrBusy):
		return problem(http.StatusConflict, "%s", err)
	case errors.As(err, &mistake):
		return problem(http.StatusUnprocessableEntity, "%s", err)
	}
	return problem(http.StatusInternalServerError, "%s", err)
}

func problem(status int, format string, args ...any) *control.Problem {
	return &control.Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: fmt.Sprintf(format, args...)}
}
