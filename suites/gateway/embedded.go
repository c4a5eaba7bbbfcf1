package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"runtime"
	"strconv"
	"sync"
	"time"

	upstreamprocess "github.com/gatefault/gatefault/upstream/process"
)

// transportProfile is the configuration of the embedded gateway: fields of [http.Transport].
type transportProfile struct {
	DialTimeout           time.Duration `yaml:"dialTimeout"`
	ResponseHeaderTimeout time.Duration `yaml:"responseHeaderTimeout"`
	DisableKeepAlives     bool          `yaml:"disableKeepAlives"`
	MaxIdleConnsPerHost   int           `yaml:"maxIdleConnsPerHost"`
	MaxConnsPerHost       int           `yaml:"maxConnsPerHost"`
	UnencryptedHTTP2      bool          `yaml:"unencryptedHTTP2"` // with prior knowledge, and nothing else
	// TLSClientConfig, when given, makes the upstream's scheme https.
	TLSClientConfig     *tlsProfile   `yaml:"tlsClientConfig"`
	TLSHandshakeTimeout time.Duration `yaml:"tlsHandshakeTimeout"`

	// LookUp dials the upstream by its name, asked of the lane's name server.
	LookUp bool `yaml:"lookUp"`

	tls *tls.Config // what TLSClientConfig says
}

func (p transportProfile) transport(lane Lane) *http.Transport {
	dialer := &net.Dialer{Timeout: p.DialTimeout}
	dial := dialer.DialContext
	if lane.Socket != "" {
		dial = func(ctx context.Context, _, _ string) (conn net.Conn, err error) {
			err = upstreamprocess.Bound(func() error {
				conn, err = dialer.DialContext(ctx, "unix", lane.Socket)
				return err
			})
			return conn, err
		}
	}
	if p.LookUp {
		dialer.Resolver = resolverAt(lane.Resolver)
		dial = func(ctx context.Context, network, _ string) (net.Conn, error) { // the dot ends the name: no search list
			return dialer.DialContext(ctx, network, net.JoinHostPort(lane.Domain+".", strconv.Itoa(int(lane.Upstream.Port()))))
		}
	}
	t := &http.Transport{
		TLSClientConfig:       p.tls,
		TLSHandshakeTimeout:   p.TLSHandshakeTimeout,
		DialContext:           dial,
		ResponseHeaderTimeout: p.ResponseHeaderTimeout,
		DisableKeepAlives:     p.DisableKeepAlives,
		MaxIdleConnsPerHost:   p.MaxIdleConnsPerHost,
		MaxConnsPerHost:       p.MaxConnsPerHost,
	}
	if p.UnencryptedHTTP2 {
		t.Protocols = new(http.Protocols)
		t.Protocols.SetUnencryptedHTTP2(true)
	}
	return t
}

func startEmbedded(_ context.Context, spec Spec) (*Running, error) {
	view := newView(spec, "127.0.0.1", "")
	transports, err := spec.transports(view)
	if err != nil {
		return nil, err
	}
	r := &Running{spec: spec, version: runtime.Version(), image: "embedded", logs: NewLogBook(spec.Definition.Lane)}
	var proxies []*embeddedLane
	r.stop = func(context.Context) error {
		defer r.logs.end()
		var failures []error
		for _, proxy := range proxies {
			failures = append(failures, proxy.close())
		}
		return errors.Join(failures...)
	}
	for i, lane := range spec.Lanes {
		proxy, err := serveLane(lane, view.Lanes[i].Upstream, transports[view.Lanes[i].Profile], r.logs)
		if err != nil {
			return nil, errors.Join(&StartError{Gateway: r.Name(), Err: err}, r.stop(context.Background()))
		}
		proxies = append(proxies, proxy)
		r.lanes = append(r.lanes, proxy.addr)
	}
	return r, nil
}

// transports reads the configuration of each profile.
func (s Spec) transports(v View) (map[string]transportProfile, error) {
	all := map[string]transportProfile{}
	for _, name := range v.profiles() {
		text, err := s.Config, error(nil)
		if text == "" {
			text, err = s.Definition.renderProfile(name, v)
		}
		if err != nil {
			return nil, err
		}
		var profile transportProfile
		if err := decode(s.Definition.Config, []byte(text), &profile); err != nil {
			return nil, err
		}
		if profile.tls, err = profile.TLSClientConfig.config(s.Files); err != nil {
			return nil, &StartError{Gateway: s.Definition.Name, Err: err}
		}
		all[name] = profile
	}
	return all, nil
}

// embeddedLane is one listener with a reverse proxy and a connection pool of its own.
type embeddedLane struct {
	addr      netip.AddrPort
	name      string
	logs      *LogBook
	server    *http.Server
	transport *http.Transport
	proxy     *httputil.ReverseProxy
	requests  sync.WaitGroup
	done      chan struct{} // closed when Serve has returned
}

func serveLane(lane Lane, to string, profile transportProfile, logs *LogBook) (*embeddedLane, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(lane.Listen))))
	if err != nil {
		return nil, fmt.Errorf("listen for lane %d: %w", lane.Index, err)
	}
	l := &embeddedLane{
		addr: listener.Addr().(*net.TCPAddr).AddrPort(), name: LaneName(lane.Index), logs: logs,
		transport: profile.transport(lane), done: make(chan struct{}),
	}
	errorLog := log.New(lineWriter{logs}, l.name+" ", 0)
	if profile.LookUp {
		to = net.JoinHostPort(lane.Domain, strconv.Itoa(int(lane.Upstream.Port())))
	}
	upstream := &url.URL{Scheme: "http", Host: to}
	if profile.tls != nil {
		upstream.Scheme = "https"
	}
	l.proxy = &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(upstream) },
		Transport: l.transport, ErrorLog: errorLog,
	}
	l.server = &http.Server{Handler: http.HandlerFunc(l.serve), ErrorLog: errorLog}
	go func() {
		defer close(l.done)
		_ = l.server.Serve(listener) // always ends with an error: the server was closed
	}()
	return l, nil
}

// serve writes the access line also when the proxy aborts the answer by panicking with [http.ErrAbortHandler].
func (l *embeddedLane) serve(w http.ResponseWriter, r *http.Request) {
	l.requests.Add(1)
	defer l.requests.Done()
	start := time.Now()
	answer := &statusWriter{ResponseWriter: w}
	ended := "aborted"
	defer func() {
		l.logs.Add(fmt.Sprintf("%s %s %s %q %d %d %s %.3fs", l.name, r.RemoteAddr, start.Format(time.RFC3339Nano),
			r.Method+" "+r.RequestURI+" "+r.Proto, answer.status, answer.bytes, ended, time.Since(start).Seconds()))
	}()
	l.proxy.ServeHTTP(answer, r)
	ended = "complete"
}

// close cuts all connections and waits for the requests under way.
func (l *embeddedLane) close() error {
	err := l.server.Close()
	<-l.done
	l.requests.Wait()
	l.transport.CloseIdleConnections()
	if err != nil {
		return fmt.Errorf("close %s: %w", l.name, err)
	}
	return nil
}

// statusWriter remembers what was answered.
type statusWriter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *statusWriter) WriteHeader(status int) {
	// 1xx answers, 101 apart, are not final.
	if status >= http.StatusOK || status == http.StatusSwitchingProtocols {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// Unwrap lets [http.ResponseController] reach the flusher and the hijacker.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// lineWriter adds each write of a [log.Logger], which is one entry, to a log book.
type lineWriter struct{ logs *LogBook }

func (w lineWriter) Write(p []byte) (int, error) {
	w.logs.Add(string(trimNewline(p)))
	return len(p), nil
}

func trimNewline(p []byte) []byte {
	if n := len(p); n > 0 && p[n-1] == '\n' {
		return p[:n-1]
	}
	return p
}
