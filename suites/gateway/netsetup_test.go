package gateway

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/gatefault/gatefault/suites/config"
)

// proxyTo are the smallest configurations of each product that listen on port 80 and go to one address, host:port or
// unix:/path.
func proxyTo(to string) map[string]ownCase {
	socket, isSocket := strings.CutPrefix(to, "unix:")
	haproxy, apache, caddy := to, "http://"+to+"/", to
	if isSocket {
		haproxy, apache, caddy = socket, "unix:"+socket+"|http://localhost/", "unix/"+socket
	}
	return map[string]ownCase{
		"nginx": {main: "nginx.conf", files: map[string]string{
			"nginx.conf": "user nginx;\nevents {}\nhttp { server { listen 80; listen [::]:80; location / { proxy_pass http://" + to + "; } } }\n"}},
		"haproxy": {main: "haproxy.cfg", files: map[string]string{
			"haproxy.cfg": "defaults\n mode http\n timeout connect 5s\n timeout client 5s\n timeout server 5s\nfrontend f\n bind :80\n bind :::80 v6only\n default_backend b\nbackend b\n server s " + haproxy + "\n"}},
		"caddy": {main: "Caddyfile", files: map[string]string{"Caddyfile": ":80 {\n\treverse_proxy " + caddy + "\n}\n"}},
		"apache": {main: "apache2.conf", files: map[string]string{"apache2.conf": `User www-data
Group www-data
Listen 80
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
ProxyPass / ` + apache + "\n"}},
	}
}

// every is all products that run with their users' configuration.
var every = []string{"apache", "caddy", "haproxy", "nginx"}

// startTo starts products in front of one address and asks through them. instance makes the gateway and what stands behind it.
func startTo(t *testing.T, to string, products []string, instance func(*testing.T, Own) *Running) {
	t.Helper()
	e := testEngine(t)
	for _, name := range products {
		t.Run(name+" "+to, func(t *testing.T) {
			own := proxyTo(to)[name].own(t, e, definitions(t)[name])
			own.Network, own.Program = testNetwork(t, e), upstreamProgram(t)
			r := instance(t, own)
			if status, body := get(t, netip.AddrPortFrom(r.Addr(), 80), "/"); status != http.StatusOK || !strings.HasPrefix(body, "port ") {
				t.Errorf("got %d %q; log: %v", status, body, r.Logs().Tail(10))
			}
		})
	}
	assertNothingLeft(t, e, "route")
}

func startOwn(t *testing.T, own Own) *Running {
	t.Helper()
	r, err := StartOwn(testContext(t), own)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopped(t, r.Stop) })
	return r
}

func startUpstream(t *testing.T, e *Engine, spec UpstreamSpec) *Upstream {
	t.Helper()
	u, err := e.Upstream(testContext(t), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopped(t, u.Stop) })
	return u
}

func TestOwnConfigurationWithAnAddress(t *testing.T) {
	for text, products := range map[string][]string{"10.20.30.40": every, "2001:db8::7": {"nginx", "caddy"}} {
		addr := netip.MustParseAddr(text)
		startTo(t, netip.AddrPortFrom(addr, 9003).String(), products, func(t *testing.T, own Own) *Running {
			u := startUpstream(t, own.Engine, UpstreamSpec{Binary: own.Program, Network: own.Network, Token: "t", IPv6: own.IPv6()})
			r := startOwn(t, own)
			if err := u.Take(testContext(t), own.Network, addr, addr.Next()); err != nil {
				t.Fatal(err)
			}
			if err := r.Reach(testContext(t), addr, addr.Next()); err != nil {
				t.Fatal(err)
			}
			return r
		})
	}
}

func TestOwnConfigurationWithLoopback(t *testing.T) {
	for to, products := range map[string][]string{"127.0.0.1:9003": every, "[::1]:9003": {"nginx"}, "10.9.8.7:9003": {"haproxy"}, "app:9003": {"apache"}} {
		startTo(t, to, products, func(t *testing.T, own Own) *Running {
			own.Hosts = map[string]netip.Addr{"app": netip.MustParseAddr("127.8.0.1")}
			r := startOwn(t, own)
			u := startUpstream(t, own.Engine, UpstreamSpec{Binary: own.Program, Beside: r, Token: "t"})
			if err := u.Take(testContext(t), nil, netip.MustParseAddr("10.9.8.7"), netip.MustParseAddr("127.8.0.1")); err != nil {
				t.Fatal(err)
			}
			return r
		})
	}
}

func TestOwnConfigurationWithASocket(t *testing.T) {
	for folder, products := range map[string][]string{"/run/app": every, "/var/run/app": {"nginx"}, "/tmp": {"haproxy"}} {
		startTo(t, "unix:"+folder+"/app.sock", products, func(t *testing.T, own Own) *Running {
			volume, err := own.Engine.Volume(testContext(t))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { stopped(t, volume.Remove) })
			own.Sockets = map[string]*Volume{folder: volume}
			r := startOwn(t, own)
			startUpstream(t, own.Engine, UpstreamSpec{Binary: own.Program, Beside: r, Token: "t",
				Volumes: own.Sockets, Env: map[string]string{"SOCKET": folder + "/app.sock"}})
			return r
		})
	}
}

// An upstream serves on several networks, under a name that each gateway looks up itself.
func TestUpstreamJoinsNetworks(t *testing.T) {
	e := testEngine(t)
	first := testNetwork(t, e)
	u := testUpstream(t, e, first)
	for i := range 2 {
		n := testNetwork(t, e)
		addr, err := u.Join(testContext(t), n, "app", "app2")
		if err != nil || !n.Subnet.Contains(addr) {
			t.Fatal(addr, err)
		}
		if err := u.Take(testContext(t), n, n.Spare(0)); err != nil {
			t.Fatal(err)
		}
		for _, to := range []string{"app:9001", "app2:9001", "extra:9001"} {
			c := proxyTo(to)["nginx"]
			own := c.own(t, e, definitions(t)["nginx"])
			own.Network, own.Hosts = n, map[string]netip.Addr{"extra": n.Spare(0)}
			r, err := StartOwn(testContext(t), own)
			if err != nil {
				t.Fatal(err)
			}
			if status, body := get(t, netip.AddrPortFrom(r.Addr(), 80), "/"); status != http.StatusOK || body != "port 9001 secret" {
				t.Errorf("network %d, %s: got %d %q", i, to, status, body)
			}
			stopped(t, r.Stop)
		}
		if err := u.Leave(testContext(t), n); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSpareAddressesAreNotTheEngines(t *testing.T) {
	n := Network{Subnet: netip.MustParsePrefix("10.83.7.0/24")}
	if got := fmt.Sprint(n.Spare(0), n.Spare(63)); got != "10.83.7.254 10.83.7.191" {
		t.Errorf("got %s", got)
	}
	if containerRange(n.Subnet).Contains(n.Spare(63)) {
		t.Error("the engine may give out a spare address")
	}
}

func TestClash(t *testing.T) {
	own := Own{Config: &config.Config{Entries: []config.Entry{
		{Port: 8080, At: config.Position{File: "nginx.conf", Line: 5}}, {Host: "127.0.0.1", Port: 8081},
	}}}
	at := config.Position{File: "nginx.conf", Line: 9}
	for want, servers := range map[string][]config.Server{
		"": {{Host: "127.0.0.1", Port: 3000}, {Socket: "/run/app.sock"}, {Host: "127.0.0.2", Port: 8081}},
		"nginx.conf:5: the gateway listens on port 8080 of every address, so 127.0.0.1:8080 (nginx.conf:9) would be the gateway itself": {{Host: "127.0.0.1", Port: 8080, At: at}},
		"port 8081 of 127.0.0.1": {{Host: "127.0.0.1", Port: 8081}},
	} {
		if err := own.Clash(servers); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}
