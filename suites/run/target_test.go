package run_test

import (
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gatefault/gatefault/suites/config"
	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/suites/run"
	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/control"
)

// freeServer is a place on this machine where nobody listens.
func freeServer(t *testing.T) config.Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return config.Server{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).AddrPort().Port()}
}

// proxyTo is a gateway that runs already: Go's, over TLS if wanted, which calls itself server.
func proxyTo(t *testing.T, s config.Server, secure bool, server string) netip.AddrPort {
	t.Helper()
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: s.Key()})
	}, Transport: &http.Transport{DisableKeepAlives: true}, ModifyResponse: func(r *http.Response) error {
		if server != "" {
			r.Header.Set("Server", server)
		}
		return nil
	}}
	gate := httptest.NewUnstartedServer(proxy)
	gate.Config.ErrorLog, proxy.ErrorLog = log.New(io.Discard, "", 0), log.New(io.Discard, "", 0)
	if secure {
		gate.StartTLS()
	} else {
		gate.Start()
	}
	t.Cleanup(gate.Close)
	return gate.Listener.Addr().(*net.TCPAddr).AddrPort()
}

// running is a subject that runs already.
func running(o run.Options, name string, at netip.AddrPort, servers ...config.Server) run.Subject {
	d := o.Gateways[slices.IndexFunc(o.Gateways, func(d *gateway.Definition) bool { return d.Name == name })]
	s := run.Subject{Gateway: d, Target: &run.Target{Address: at}, Routes: []run.Route{route(o, servers[0].Key(), "/api?a=b", upstream.HTTP1, servers...)}}
	s.Routes[0].Entry = run.Entry{Port: at.Port(), Host: "www.example.org"}
	return s
}

func TestNginxThatRunsAlready(t *testing.T) {
	o := options(t, run.Filter{Gateways: []string{"nginx"}, Scenarios: []string{"healthy", "tcp.refuse", "tcp.drop-syn", "head.http09", "process.crash", "process.oom", "egress.denied", "load.shed"}})
	if _, err := gateway.FindBinary(o.Gateways[0]); err != nil {
		t.Skip(err)
	}
	server := freeServer(t)
	r, err := gateway.Start(t.Context(), gateway.Spec{Definition: o.Gateways[0], Profile: "plain", Place: gateway.PlaceLocal,
		Lanes: []gateway.Lane{{Upstream: netip.MustParseAddrPort(server.Key())}}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Stop(t.Context())
	o.Program = program(t)
	report := check(t, o, running(o, "nginx", r.LaneAddr(0), server))
	want := map[string]run.Verdict{"tcp.refuse": run.Unsupported, "tcp.drop-syn": run.Unsupported, "process.oom": run.Unsupported, "egress.denied": run.Unsupported, "head.http09": run.Deviates}
	for _, res := range report.Results {
		expected := run.Standard
		if v, ok := want[res.ID]; ok {
			expected = v
		}
		if res.Verdict != expected || res.Reason == "" {
			t.Errorf("%s: %s %s (%s)", res.ID, res.Verdict, res.Observed, res.Reason)
		}
		if res.Gateway.Version != r.Version() || res.Gateway.Place != gateway.PlaceTarget {
			t.Errorf("%s: %+v", res.ID, res.Gateway)
		}
	}
}

// A gateway that does not tell its version is judged by the standards alone.
func TestGatewayOfUnknownVersion(t *testing.T) {
	o := options(t, run.Filter{Gateways: []string{"nginx"}, Scenarios: []string{"healthy", "app.503", "head.http09"}})
	for server, version := range map[string]string{"": "", "cloudflare": "", "proxy nginx/1.22.1": "1.22.1"} {
		to := freeServer(t)
		s := running(o, "nginx", proxyTo(t, to, true, server), to)
		s.Routes[0].Entry.TLS = true
		for _, r := range check(t, o, s).Results {
			if r.Gateway.Version != version || (r.Known != nil) != (version != "" && len(r.Scenario.Pins) > 0) {
				t.Errorf("%q, %s: version %q, known %v", server, r.ID, r.Gateway.Version, r.Known)
			}
			if r.Verdict != run.Standard {
				t.Errorf("%q, %s: %s %s (%s)", server, r.ID, r.Verdict, r.Observed, r.Reason)
			}
		}
	}
}

// controlled is an upstream that runs already.
func controlled(t *testing.T, configs ...upstream.EndpointConfig) (*upstream.Upstream, string) {
	t.Helper()
	up, err := upstream.New(upstream.Options{Executable: program(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = up.Close() })
	for _, c := range configs {
		ep, err := up.Listen(c)
		if err != nil {
			t.Fatal(err)
		}
		if err := ep.SetPlan(t.Context(), upstream.Plan{Rules: []upstream.Rule{{Fault: "app.503"}}}, upstream.Keep); err != nil {
			t.Fatal(err)
		}
	}
	server, err := control.Listen(control.Options{Address: "127.0.0.1:0", Token: "secret", Upstream: up})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(t.Context()) }() // ends with the test
	t.Cleanup(func() { <-served })
	return up, "http://" + server.Addr().String()
}

func TestAnUpstreamThatRunsAlreadyIsGivenBack(t *testing.T) {
	o := options(t, run.Filter{Gateways: []string{"nginx"}, Scenarios: []string{"healthy", "app.502", "process.crash"}})
	up, url := controlled(t, upstream.EndpointConfig{ID: "app", Address: "0.0.0.0:0"}, upstream.EndpointConfig{ID: "worker", Address: "127.0.0.1:0", Kind: upstream.Process})
	for _, id := range []string{"app", "worker"} {
		server := config.Server{Host: "127.0.0.1", Port: up.Endpoint(id).Addr().Port()}
		s := running(o, "nginx", proxyTo(t, server, false, ""), server)
		s.Target.Control, s.Target.Token = url, "secret"
		kind := up.Endpoint(id).Kind()
		for _, r := range check(t, o, s).Results {
			if r.Verdict != run.Standard {
				t.Errorf("%s at %s: %s %s (%s)", r.ID, id, r.Verdict, r.Observed, r.Reason)
			}
		}
		if st := up.Endpoint(id).State(); st.Kind != kind || len(st.Plan.Rules) > 0 {
			t.Errorf("%s is left as %s with %+v", id, st.Kind, st.Plan)
		}
	}
}

func TestTargetsThatCannotBeChecked(t *testing.T) {
	o := options(t, run.Filter{Gateways: []string{"nginx"}, Scenarios: []string{"healthy"}})
	_, controlURL := controlled(t, upstream.EndpointConfig{ID: "app", Address: "127.0.0.1:0"}, upstream.EndpointConfig{ID: "secure", Address: "127.0.0.1:0", Protocol: upstream.OverTLS})
	_, empty := controlled(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	busy := config.Server{Host: "127.0.0.1", Port: taken.Addr().(*net.TCPAddr).AddrPort().Port()}
	free := freeServer(t)
	for want, c := range map[string]struct {
		server  config.Server
		control string
	}{
		"is in use: stop what listens there for the time of the check": {busy, ""},
		"198.51.100.7 is another machine":                              {config.Server{Host: "198.51.100.7", Port: 80}, ""},
		"is nobody:1; there are app (127.0.0.1:":                       {config.Server{Host: "nobody", Port: 1}, controlURL},
		"has no endpoint that serves requests":                         {config.Server{Host: "app", Port: 1}, empty},
		"endpoint secure speaks tls, and secure:1 is to speak http":    {config.Server{Host: "secure", Port: 1}, controlURL},
		"nothing answers there":                                        {free, ""},
	} {
		at := netip.MustParseAddrPort("127.0.0.1:1")
		s := running(o, "nginx", at, c.server)
		s.Target.Control, s.Target.Token = c.control, "secret"
		_, err := run.Check(t.Context(), o, s)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", c.server.Key(), err, want)
		}
		t.Log(err)
		var lost *run.RouteError
		var mistake *run.TargetError
		if errors.As(err, &lost) == errors.As(err, &mistake) {
			t.Errorf("%s: %T", c.server.Key(), err)
		}
	}
}

// Cells of a gateway that runs already come one after the other, also those of several routes.
func TestOneCellAtATimeAtATarget(t *testing.T) {
	o := options(t, run.Filter{Gateways: []string{"nginx"}, Scenarios: []string{"head.slow"}})
	one, two := freeServer(t), freeServer(t)
	s := running(o, "nginx", proxyTo(t, one, false, ""), one)
	mux := http.NewServeMux()
	for path, to := range map[string]config.Server{"/one": one, "/two": two} {
		mux.Handle(path, httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: to.Key()}))
	}
	gate := httptest.NewServer(mux)
	defer gate.Close()
	s.Target.Address = gate.Listener.Addr().(*net.TCPAddr).AddrPort()
	s.Routes = nil
	for path, to := range map[string]config.Server{"/one": one, "/two": two} {
		r := route(o, path, path, upstream.HTTP1, to)
		r.Entry.Port = s.Target.Address.Port()
		for _, sc := range r.Scenarios {
			sc.Params, sc.Patience = map[string]string{"delay": "500ms"}, 0
		}
		s.Routes = append(s.Routes, r)
	}
	report := check(t, o, s)
	var first, last [2]int64
	for i, r := range report.Results {
		for _, e := range r.Journal {
			if strings.Contains(e.Target, r.Cell) && first[i] == 0 {
				first[i] = int64(e.At)
			}
			last[i] = int64(e.At)
		}
	}
	if len(report.Results) != 2 || first[0] < last[1] && first[1] < last[0] {
		t.Errorf("%s ran from %d to %d, %s from %d to %d", report.Results[0].Route, first[0], last[0], report.Results[1].Route, first[1], last[1])
	}
}
