package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"github.com/gatefault/gatefault/upstream"
)

// Options configure a control API.
type Options struct {
	// Address to listen on, IP:port; default [DefaultAddress]. One that is not loopback demands a Token.
	Address string
	// Token that every request must carry as "Authorization: Bearer TOKEN"; empty: none, on loopback only.
	Token    string
	Upstream *upstream.Upstream // what is steered; the caller closes it
	Log      *slog.Logger       // default: discard
	Version  string             // told by health
	// Heartbeat is the pause after which a silent event stream is written to; default 15 s.
	Heartbeat time.Duration
	// Grace bounds the shutdown: requests under way have that long to end; default 5 s.
	Grace time.Duration
}

// Time limits of a connection. Long polls, plan changes and event streams set their own.
const (
	headTimeout  = 10 * time.Second
	readTimeout  = 30 * time.Second
	writeTimeout = 30 * time.Second
	idleTimeout  = time.Minute
)

// Server is a control API that listens.
type Server struct {
	opts     Options
	listener net.Listener
	api      *api
}

// ListenAndServe serves the control API until ctx ends, then shuts down gracefully and returns nil.
func ListenAndServe(ctx context.Context, o Options) error {
	s, err := Listen(o)
	if err != nil {
		return err
	}
	return s.Serve(ctx)
}

// Listen opens the API's address, so that [Server.Addr] can be told before [Server.Serve] answers.
func Listen(o Options) (*Server, error) {
	o = o.withDefaults()
	addr, err := netip.ParseAddrPort(o.Address)
	if err != nil {
		return nil, fmt.Errorf("control API: address %q is not IP:port", o.Address)
	}
	if !addr.Addr().Unmap().IsLoopback() && o.Token == "" {
		return nil, fmt.Errorf("control API: %s can be reached by other machines, so it needs a token; give one or listen on %s", o.Address, DefaultAddress)
	}
	a, err := newAPI(o)
	if err != nil {
		return nil, err
	}
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(addr))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("control API: address %s is in use: choose another port or stop what listens there (%w)", o.Address, err)
	}
	if err != nil {
		return nil, fmt.Errorf("control API: %w", err)
	}
	return &Server{opts: o, listener: Limit(l, MaxConns), api: a}, nil
}

func (o Options) withDefaults() Options {
	if o.Address == "" {
		o.Address = DefaultAddress
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Heartbeat == 0 {
		o.Heartbeat = 15 * time.Second
	}
	if o.Grace == 0 {
		o.Grace = 5 * time.Second
	}
	return o
}

// Addr is the address that the API listens on.
func (s *Server) Addr() netip.AddrPort { return s.listener.Addr().(*net.TCPAddr).AddrPort() }

// Close stops listening without having served; after [Server.Serve] it is not needed.
func (s *Server) Close() error { return s.listener.Close() }

// Serve answers until ctx ends, then ends streams and long polls, lets other requests end and returns nil.
func (s *Server) Serve(ctx context.Context) error {
	srv := &http.Server{
		Handler:           s.api,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: headTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    MaxHeader,
		ErrorLog:          slog.NewLogLogger(s.opts.Log.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(s.listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("control API: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.opts.Grace)
	defer cancel()
	err := srv.Shutdown(grace)
	<-served
	if err != nil {
		return fmt.Errorf("control API: requests did not end within %s: %w", s.opts.Grace, errors.Join(err, srv.Close()))
	}
	return nil
}
