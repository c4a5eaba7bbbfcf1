package run_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"go.uber.org/goleak"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/config"
	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/suites/run"
	"github.com/gatefault/gatefault/upstream"
)

// nginxHead is what every configuration of these tests begins with.
const nginxHead = `worker_processes 1;
events {}
http {
	access_log /dev/stdout;
	proxy_connect_timeout 1500ms; proxy_read_timeout 1s; proxy_http_version 1.1;
`

// nginx is an nginx with the configuration of its user, which listens on port 80 and names servers.
func nginx(t *testing.T, o run.Options, text string, servers ...config.Server) run.Subject {
	t.Helper()
	file := filepath.Join(t.TempDir(), "nginx.conf")
	if err := os.WriteFile(file, []byte(nginxHead+text+"}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	d := o.Gateways[slices.IndexFunc(o.Gateways, func(d *gateway.Definition) bool { return d.Name == "nginx" })]
	cfg := &config.Config{Product: "nginx", Main: "/etc/nginx/nginx.conf", Entries: []config.Entry{{Port: 80}},
		Groups: []config.Group{{Servers: servers}}}
	return run.Subject{Gateway: d, Own: gateway.Own{Definition: d, Config: cfg, Place: gateway.PlaceContainer, Program: o.Program,
		Source: config.Source{Path: file, Home: "/etc/nginx", Main: "nginx.conf"}}}
}

// route is one of a subject with the scenarios of the options.
func route(o run.Options, name, path string, protocol upstream.Protocol, servers ...config.Server) run.Route {
	r := run.Route{Name: name, Entry: run.Entry{Port: 80, Host: "www.example.org"}, Request: scenarios.Request{Path: path}, Protocol: protocol, Servers: servers}
	for _, s := range o.Scenarios {
		own := *s
		own.Target = scenarios.Both
		r.Scenarios = append(r.Scenarios, &own)
	}
	return r
}

func at(host string, port uint16) config.Server { return config.Server{Host: host, Port: port} }

func check(t *testing.T, o run.Options, s run.Subject) *run.Report {
	t.Helper()
	o.Scenarios, o.Gateways = nil, nil
	r, err := run.Check(t.Context(), o, s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// However a configuration names its servers, the upstream is there.
func TestServersOfAllKindsAreOurs(t *testing.T) {
	o := inContainers(t, options(t, allKinds))
	o, s := serversOfAllKinds(t, o)
	serveAllKinds(t, o, s)
}

// allKinds are scenarios that tell servers apart.
var allKinds = run.Filter{Gateways: []string{"nginx"}, Scenarios: []string{"healthy", "tcp.refuse", "app.503", "head.none"}}

// serversOfAllKinds is an nginx whose configuration names servers in all the ways there are.
func serversOfAllKinds(t *testing.T, o run.Options) (run.Options, run.Subject) {
	t.Helper()
	app, other, far := []config.Server{at("app1", 8080), at("app2", 8080)}, at("other", 8080), at("10.20.30.40", 8080)
	local, socket, fpm, secure := at("127.0.0.1", 9000), config.Server{Socket: "/run/app/app.sock"}, config.Server{Socket: "/run/php/fpm.sock"}, at("secure", 8443)
	s := nginx(t, o, `
	upstream app { server app1:8080; server app2:8080; }
	server {
		listen 80;
		listen 443 ssl;
		ssl_certificate cert.pem; ssl_certificate_key key.pem;
		server_name www.example.org;
		location /app { proxy_pass http://app; }
		location /other { proxy_pass http://other:8080; }
		location /far { proxy_pass http://10.20.30.40:8080; }
		location /local { proxy_pass http://127.0.0.1:9000; }
		location /socket { proxy_pass http://unix:/run/app/app.sock; }
		location /fpm { fastcgi_pass unix:/run/php/fpm.sock; fastcgi_param REQUEST_METHOD $request_method; fastcgi_param REQUEST_URI $request_uri; }
		location /secure {
			proxy_pass https://secure:8443;
			proxy_ssl_verify on; proxy_ssl_name backend.example.org; proxy_ssl_trusted_certificate ca.pem;
		}
		location /nobody { proxy_pass http://nobody:1234; }
	}
`, append(app, other, far, local, socket, fpm, secure, at("nobody", 1234))...)
	s.Own.Config.Entries = append(s.Own.Config.Entries, config.Entry{Port: 443, TLS: true})
	s.Own.Config.Uses = []config.Use{{Path: "/etc/nginx/ca.pem", Role: config.Authority},
		{Path: "/etc/nginx/cert.pem", Role: config.Certificate, Pair: "/etc/nginx/key.pem"}, {Path: "/etc/nginx/key.pem", Role: config.Key, Pair: "/etc/nginx/cert.pem"}}
	tls := route(o, "secure", "/secure", upstream.OverTLS, secure)
	tls.Names, tls.Entry.Port, tls.Entry.TLS = []string{"backend.example.org"}, 443, true
	s.Routes = []run.Route{
		route(o, "app", "/app/x?y=1", upstream.HTTP1, app...), route(o, "other", "/other", upstream.HTTP1, other), route(o, "far", "/far", upstream.HTTP1, far),
		route(o, "local", "/local", upstream.HTTP1, local), route(o, "socket", "/socket", upstream.HTTP1, socket),
		route(o, "fpm", "/fpm", upstream.FastCGI, fpm), tls,
	}
	return o, s
}

func serveAllKinds(t *testing.T, o run.Options, s run.Subject) {
	t.Helper()
	for _, r := range check(t, o, s).Results {
		want := run.Standard
		if r.ID == "tcp.refuse" && (r.Route == "socket" || r.Route == "fpm") {
			want = run.NotInjected // a socket has no port
		}
		if r.Verdict != want || want == run.Standard && r.Recovery == nil {
			t.Errorf("%s on %s: %s %s (%s)", r.ID, r.Route, r.Verdict, r.Observed, r.Reason)
		}
		if (r.ID == "tcp.refuse" || r.ID == "head.none") && r.Route == "app" && r.Attempts != 2 {
			t.Errorf("%s on %s: %d attempts, want one at each server", r.ID, r.Route, r.Attempts)
		}
	}
}

// A server that failed is left out for longer than a recovery is waited for: the next cell has a fresh gateway.
func TestAGatewayThatDoesNotRecoverIsReplaced(t *testing.T) {
	o := inContainers(t, options(t, run.Filter{Gateways: []string{"nginx"}, Scenarios: []string{"tcp.refuse", "body.truncate"}}))
	both := []config.Server{at("app1", 8080), at("app2", 8080)}
	s := nginx(t, o, `
	upstream app { server app1:8080 fail_timeout=60s; server app2:8080 fail_timeout=60s; }
	server { listen 80; location / { proxy_pass http://app; } }
`, both...)
	s.Routes = []run.Route{route(o, "app", "/", upstream.HTTP1, both...)}
	slices.Reverse(s.Routes[0].Scenarios)
	o.Lanes = 1
	for _, r := range check(t, o, s).Results {
		blocked := r.ID != "body.truncate" // an answer had begun
		if want := map[bool]int{true: 2, false: 1}[blocked]; r.Verdict != run.Standard || r.Attempts != want {
			t.Errorf("%s: %s %s after %d attempts (%s)", r.ID, r.Verdict, r.Observed, r.Attempts, r.Reason)
		}
		if (r.Recovery == nil) != blocked {
			t.Errorf("%s: recovery %v", r.ID, r.Recovery)
		}
	}
}

// Requests that come faster than a configuration allows are refused, which is no fault of the upstream's.
func TestRequestsKeepThePaceOfALimit(t *testing.T) {
	o := inContainers(t, options(t, run.Filter{Gateways: []string{"nginx"}, Scenarios: []string{"healthy", "tcp.refuse"}}))
	app := at("app", 8080)
	s := nginx(t, o, `
	limit_req_zone $binary_remote_addr zone=one:1m rate=4r/s;
	server { listen 80; location / { limit_req zone=one; proxy_pass http://app:8080; } }
`, app)
	s.Routes = []run.Route{route(o, "app", "/", upstream.HTTP1, app)}
	for _, r := range check(t, o, s).Results {
		if r.Verdict != run.Standard || r.Pace < 200*time.Millisecond || r.Recovery == nil {
			t.Errorf("%s: %s (%s), pace %s, recovery %v", r.ID, r.Verdict, r.Reason, r.Pace, r.Recovery)
		}
	}
}

func TestRoutesThatLeadNowhereAreToldApart(t *testing.T) {
	o := inContainers(t, options(t, run.Filter{Gateways: []string{"nginx"}, Scenarios: []string{"healthy"}}))
	app, other := at("app", 8080), at("other", 8080)
	s := nginx(t, o, `
	server {
		listen 80;
		location /moved { return 301 https://$host$request_uri; }
		location /renamed { return 302 /new; }
		location /other { proxy_pass http://other:8080; }
		location /secret { return 401; }
		location /bad { proxy_pass http://app:9999; }
		location /bare { proxy_pass http://app:8080; proxy_hide_header Gatefault-Endpoint; }
		location /cut { rewrite ^ /x? break; proxy_pass http://app:8080; }
		location /silent { return 444; }
		location = /no { return 404; }
	}
`, app, other)
	want := map[string]string{
		"/moved":   "GET http://:80/moved (Host www.example.org): got 301 to https://www.example.org/moved; name that entry with --entry, such as --entry https://:443",
		"/renamed": "got 302 to http://www.example.org/new; name a request that leads to app:8080 with --request",
		"/other":   "the answer comes from other:8080, another upstream; name a request that leads to app:8080 with --request",
		"/secret":  "got 401: a login is asked for",
		"/bad":     "502 made by the gateway: it did not get through to app:8080; it logged: ",
		"/bare":    "the answer comes without the fields Gatefault-Endpoint and Gatefault-Nonce",
		"/cut":     "the request comes to app:8080 without its query",
		"/silent":  "got no HTTP (closed)",
		"/no":      "404 made by the gateway: GET /no does not lead to app:8080; name a request that does with --request",
	}
	for path := range want {
		s.Routes = append(s.Routes, route(o, "app:8080", path, upstream.HTTP1, app))
	}
	s.Routes = append(s.Routes, route(o, "other:8080", "/other", upstream.HTTP1, other))
	r := check(t, o, s)
	if n := r.Count(run.NotInjected); n != len(want) || r.Count(run.Standard) != 1 {
		t.Errorf("%d of %d routes lead nowhere", n, len(r.Results))
	}
	for path, text := range want {
		if !slices.ContainsFunc(r.Results, func(r *run.Result) bool { return strings.Contains(r.Reason, text) }) {
			t.Errorf("%s: no route was told %q", path, text)
		}
	}
	for _, res := range r.Results {
		t.Log(res.Reason)
	}
	s.Routes = []run.Route{route(o, "app:8080", "/no", upstream.HTTP1, app)}
	_, err := run.Check(t.Context(), o, s)
	var lost *run.RouteError
	if !errors.As(err, &lost) || lost.Seen.Status != http.StatusNotFound {
		t.Errorf("%v", err)
	}
}

func TestACheckIsNotGreenWhenTheUpstreamIgnoresItsPlan(t *testing.T) {
	o := inContainers(t, options(t, run.Filter{Gateways: []string{"nginx"}, Scenarios: []string{"healthy", "head.none", "head.garbage", "body.truncate", "tcp.refuse", "tcp.drop-syn"}}))
	app := at("app", 8080)
	s := nginx(t, o, `server { listen 80; location / { proxy_pass http://app:8080; } }`, app)
	s.Routes = []run.Route{route(o, "app", "/", upstream.HTTP1, app)}
	o.Transport = ignoring{&http.Transport{MaxConnsPerHost: 64}}
	for _, r := range check(t, o, s).Results {
		if want := map[bool]run.Verdict{true: run.Standard, false: run.NotInjected}[r.ID == "healthy"]; r.Verdict != want {
			t.Errorf("%s: %s (%s)", r.ID, r.Verdict, r.Reason)
		}
	}
}

func TestNothingIsLeftOfACanceledCheck(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	o := inContainers(t, options(t, run.Filter{Gateways: []string{"nginx"}, Scenarios: []string{"tcp.drop-syn", "head.slow", "body.*"}}))
	app := at("app", 8080)
	s := nginx(t, o, `server { listen 80; location / { proxy_pass http://app:8080; } }`, app)
	s.Routes = []run.Route{route(o, "app", "/", upstream.HTTP1, app)}
	for _, after := range []time.Duration{time.Second, 5 * time.Second} {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		_, err := run.Check(ctx, o, s)
		if cancel(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after %s: %v", after, err)
		}
		if left := left(t); len(left) > 0 {
			t.Errorf("after %s: %q", after, left)
		}
	}
}

// left lists the containers, networks and volumes of this process.
func left(t *testing.T) (names []string) {
	t.Helper()
	e, err := gateway.Connect(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	own := func(labels map[string]string) bool {
		return strings.Contains(labels["gatefault.owner"], fmt.Sprintf("-%d-", os.Getpid()))
	}
	containers, err := e.Client().ContainerList(t.Context(), client.ContainerListOptions{All: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range containers.Items {
		if own(c.Labels) {
			names = append(names, c.Names...)
		}
	}
	networks, err := e.Client().NetworkList(t.Context(), client.NetworkListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range networks.Items {
		if own(n.Labels) {
			names = append(names, n.Name)
		}
	}
	return names
}
