package run

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/probe"
)

// entry is how clients reach a lane. A request bears the mark of its cell and phase in its target: as the path in a
// reference profile, and in the query of a user's gateway, whose paths lead where its configuration says.
type entry struct {
	addr  string             // host:port to dial
	host  string             // Host field; empty: the address
	tls   *probe.TLSOptions  // nil: in the clear
	dial  dialer             // nil: from this machine
	route *scenarios.Request // what leads to the upstream; nil: any path does
}

// dialer makes connections where the gateway can be reached.
type dialer = func(ctx context.Context, network, addr string) (net.Conn, error)

// cellParameter is the parameter of the query that holds the mark.
const cellParameter = "gatefault-cell"

// target gives a request target with a mark. path is the scenario's own, of which a route takes the query.
func (e entry) target(mark, path string) string {
	if e.route == nil {
		return mark + path
	}
	_, query, _ := strings.Cut(path, "?")
	return withQuery(withQuery(cmp.Or(e.route.Path, "/"), query), cellParameter+"="+mark)
}

func withQuery(target, query string) string {
	switch {
	case query == "":
		return target
	case strings.Contains(target, "?"):
		return target + "&" + query
	}
	return target + "?" + query
}

// request makes a scenario's request; the zero one is a plain, healthy request. What the route needs, such as header
// fields, is added unless the scenario has its own.
func (e entry) request(mark string, s scenarios.Request) probe.Request {
	target := e.target(mark, s.Path)
	s = e.merge(s)
	req := probe.Request{Method: s.Method, Target: target, Host: e.host, Body: s.Content()}
	for _, name := range slices.Sorted(maps.Keys(s.Headers)) {
		req.Header = append(req.Header, [2]string{name, s.Headers[name]})
	}
	return req
}

func (e entry) merge(s scenarios.Request) scenarios.Request {
	if e.route == nil {
		return s
	}
	if s.Content() == nil && (s.Method == "" || s.Method == http.MethodGet) {
		s.Method, s.Body, s.BodySize = e.route.Method, e.route.Body, e.route.BodySize
	}
	headers := map[string]string{}
	for _, fields := range []map[string]string{e.route.Headers, s.Headers} {
		for name, value := range fields {
			name = http.CanonicalHeaderKey(name)
			if before := headers[name]; name == "Connection" && before != "" && before != value {
				value = before + ", " + value // a list, and what the route needs of it may lead there
			}
			headers[name] = value
		}
	}
	s.Headers = headers
	return s
}

// do sends a request on a connection of its own.
func (e entry) do(ctx context.Context, req probe.Request, patience time.Duration) probe.Exchange {
	return probe.Do(ctx, e.addr, req, e.options(patience))
}

func (e entry) options(patience time.Duration) probe.Options {
	return probe.Options{Patience: patience, TLS: e.tls, Dial: e.dial}
}

// line is a client who keeps its connection as long as it can, because handshakes are most of the work of a short request.
type line struct {
	entry
	conn *probe.Conn
}

// do sends a request on the connection that the last one left, or on a new one. A gateway may close one that is idle at any
// time: then it says nothing, and the request is sent again, as RFC 9112 section 9.3.1 has it.
func (l *line) do(ctx context.Context, req probe.Request, patience time.Duration) probe.Exchange {
	if l.conn != nil {
		ex := l.conn.Do(ctx, req)
		closed := ex.End == probe.EndFIN || ex.End == probe.EndReset || errors.Is(ex.Err, probe.ErrSpent)
		if len(ex.Chunks) > 0 || !closed {
			return ex
		}
		l.hangUp()
	}
	began := time.Now()
	conn, err := probe.Dial(ctx, l.addr, l.options(patience))
	if err != nil {
		return probe.Exchange{Start: began, Done: time.Since(began), End: probe.EndDialError, Err: err}
	}
	l.conn = conn
	return conn.Do(ctx, req)
}

// hangUp closes the connection.
func (l *line) hangUp() {
	if l.conn != nil {
		_ = l.conn.Close()
		l.conn = nil
	}
}
