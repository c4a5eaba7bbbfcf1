package check

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/config"
	"github.com/gatefault/gatefault/suites/run"
)

func TestWhatIsExpectedOfARecoveryIsWatched(t *testing.T) {
	p := New()
	p.Policy.Expect = []Expect{{Scenario: "head.none", Attempts: 1}, {Scenario: "head.*", Recovery: time.Second}}
	watched := resolve(t, p, shop()).Routes[0].Watch
	if !slices.Contains(watched, "head.reset") || slices.Contains(watched, "head.none") || slices.Contains(watched, "tcp.refuse") {
		t.Errorf("watched are %v", watched)
	}
}

var today = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

var builtin = sync.OnceValues(scenarios.Builtin)

func catalogue(t testing.TB) *scenarios.Catalogue {
	t.Helper()
	c, err := builtin()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func at(line int) config.Position { return config.Position{File: "nginx.conf", Line: line} }

func server(host string, port uint16, line int) config.Server {
	return config.Server{Host: host, Port: port, At: at(line)}
}

// impatient waits 2 s for everything.
var impatient = config.Wait{Connect: 2 * time.Second, Read: 2 * time.Second, Tries: 1}

func group(name string, wait config.Wait, servers ...config.Server) config.Group {
	return config.Group{Name: name, Protocol: "http", Servers: servers, Wait: wait, At: at(10)}
}

// shop is a configuration with one entry and one route, to app:8080, that waits 2 s.
func shop() *config.Config {
	return &config.Config{Product: "nginx", Entries: []config.Entry{{Port: 80, At: at(1)}},
		Groups: []config.Group{group("app:8080", impatient, server("app", 8080, 10))},
		Routes: []config.Route{{Path: "/", At: at(9)}}}
}

func resolve(t testing.TB, p *Project, cfg *config.Config) *Plan {
	t.Helper()
	plan, err := Resolve(p, cfg, catalogue(t), today)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func ids(all []*scenarios.Scenario) (out []string) {
	for _, s := range all {
		out = append(out, s.ID)
	}
	return out
}

func find(t testing.TB, r *PlannedRoute, id string) *scenarios.Scenario {
	t.Helper()
	i := slices.IndexFunc(r.Scenarios, func(s *scenarios.Scenario) bool { return s.ID == id })
	if i < 0 {
		t.Fatalf("%s does not run %s: %+v", r.Name, id, r.LeftOut)
	}
	return r.Scenarios[i]
}

// reason tells why a route leaves a scenario out.
func reason(r *PlannedRoute, id string) string {
	for _, l := range r.LeftOut {
		if slices.Contains(l.Scenarios, id) {
			return l.Why
		}
	}
	return ""
}

func TestAllIsStoodInForWhenNothingIsDeclared(t *testing.T) {
	plan := resolve(t, New(), shop())
	if len(plan.Routes) != 1 || plan.Routes[0].Name != "app:8080" || plan.Routes[0].Request.Path != "/" || plan.Routes[0].Entry != (run.Entry{Port: 80}) {
		t.Fatalf("routes %+v", plan.Routes)
	}
	if want := "No upstream is declared, so all that the configuration names are stood in for: app:8080 (nginx.conf:10)."; !slices.Contains(plan.Notes, want) {
		t.Errorf("notes %q", plan.Notes)
	}
	if plan.Bar() != 32*time.Second {
		t.Errorf("bar %s", plan.Bar())
	}
}

func TestUpstreamsAreHeldAgainstTheConfiguration(t *testing.T) {
	cfg := shop()
	cfg.Groups = append(cfg.Groups, group("api", impatient, server("api1", 9000, 20), server("api2", 9000, 21)))
	cfg.Routes = append(cfg.Routes, config.Route{Path: "/api", Group: 1, At: at(19)})
	for want, given := range map[string][]string{
		"": {"APP:8080", "api1:9000", "api2:9000"},
		"the configuration uses upstreams that are not declared:\n  app:8080 (nginx.conf:10)\n  api1:9000 (nginx.conf:20)\n  api2:9000 (nginx.conf:21), not declared\nadd --upstream api2:9000": {"app:8080", "api1:9000"},
		"the configuration does not use the upstream ap:8080; did you mean app:8080":                                                                                                            {"ap:8080"},
		"the configuration does not use the upstream 10.1.2.3:1; it uses app:8080 (nginx.":                                                                                                      {"10.1.2.3:1"},
	} {
		p := New()
		if err := p.Merge(Flags{Upstreams: given}); err != nil {
			t.Fatal(err)
		}
		_, err := Resolve(p, cfg, catalogue(t), today)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%v: got %v, want %s", given, err, want)
		}
	}
}

func TestGroupsOfUnknownProtocolAreTold(t *testing.T) {
	cfg := shop()
	cfg.Groups[0].Protocol = ""
	want := "app:8080 (nginx.conf:10) is spoken to in a protocol that gatefault does not know"
	if _, err := Resolve(New(), cfg, catalogue(t), today); err == nil || !strings.Contains(strings.ToLower(err.Error()), want[:30]) {
		t.Errorf("alone: %v", err)
	}
	cfg.Groups = append(cfg.Groups, group("web", impatient, server("web", 80, 12)))
	cfg.Routes[0].Group = 1
	plan := resolve(t, New(), cfg)
	if len(plan.Routes) != 1 || plan.Routes[0].Name != "web" || !strings.Contains(strings.Join(plan.Notes, "\n"), "is spoken to in a protocol") || len(plan.Upstreams) != 2 {
		t.Errorf("beside another: %+v, %q, %v", plan.Routes, plan.Notes, plan.Upstreams)
	}
}

func TestRoutesOfTheConfiguration(t *testing.T) {
	cfg := shop()
	cfg.Entries = append(cfg.Entries, config.Entry{Port: 443, TLS: true}, config.Entry{Port: 8443, TLS: true, ProxyProtocol: true})
	slow := impatient
	slow.Read = 5 * time.Second
	cfg.Groups = append(cfg.Groups, cfg.Groups[0], group("app:8080", slow, server("app", 8080, 30)))
	cfg.Routes = []config.Route{
		{Entry: 2, Path: "/", At: at(40)},
		{Entry: 1, Host: "*.shop.example", Path: "/chat", WebSocket: true, At: at(41)},
		{Entry: 1, Host: "~^x", Path: "/cached", Group: 1, Cache: true, At: at(42)},
		{Entry: 1, Host: "shop.example", Path: "/", Group: 1, At: at(43), Headers: map[string]string{"X-A": "b"}},
		{Path: "/report", Group: 2, Method: "PUT", At: at(44)},
		{Path: "/secret", Group: 2, Needs: "a password", At: at(45)},
	}
	plan := resolve(t, New(), cfg)
	var got []string
	for _, r := range plan.Routes {
		got = append(got, fmt.Sprintf("%s|%s %s|%d %t %s|%d", r.Name, r.Request.Method, r.Request.Path, r.Entry.Port, r.Entry.TLS, r.Entry.Host, r.At.Line))
	}
	want := []string{"app:8080 /|GET /|443 true shop.example|43", "app:8080 websocket|GET /chat|443 true www.shop.example|41", "app:8080 /report|PUT /report|80 false |44"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if ws := ids(plan.Routes[1].Scenarios); len(ws) != 4 || !strings.HasPrefix(ws[0], "ws.") {
		t.Errorf("websocket: %v", ws)
	}
	for _, want := range []string{"nginx.conf:45: clients need a password here", "wants the PROXY protocol"} {
		if !strings.Contains(strings.Join(plan.Notes, "\n"), want) {
			t.Errorf("notes %q do not say %s", plan.Notes, want)
		}
	}
}

func TestRoutesOfTheProject(t *testing.T) {
	cfg := shop()
	cfg.Groups = append(cfg.Groups, group("api", impatient, server("api", 9000, 20)))
	cfg.Routes = append(cfg.Routes, config.Route{Path: "/api", Host: "shop.example", Group: 1, At: at(19)})
	project := func(text string) *Project {
		p, err := decode("gatefault.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	plan := resolve(t, project("routes:\n  - {request: GET /api/health, headers: {A: b}}\n  - {name: home, entry: 'https://x.example:8443', upstreams: [app:8080]}\nupstreams: [api:9000]"), cfg)
	api, home := plan.Routes[0], plan.Routes[1]
	if api.Name != "GET /api/health" || api.Group.Name != "api" || api.Entry.Host != "shop.example" || api.Request.Headers["A"] != "b" {
		t.Errorf("api %+v", api)
	}
	if home.Name != "home" || home.Group.Name != "app:8080" || home.Entry != (run.Entry{Port: 8443, TLS: true, Host: "x.example"}) {
		t.Errorf("home %+v", home)
	}
	// A request of the command line takes the place of the detected one of its upstream; the other route stays.
	p := New()
	if err := p.Merge(Flags{Requests: []string{"/api/health"}, Routes: []string{"api"}}); err != nil {
		t.Fatal(err)
	}
	if plan = resolve(t, p, cfg); len(plan.Routes) != 1 || plan.Routes[0].Request.Path != "/api/health" {
		t.Errorf("--request and --route: %+v", plan.Routes)
	}
	for want, text := range map[string]string{
		"f:1: nothing tells which upstream GET / leads to": "routes: [{host: other.example}]",
		"f:1: no route is called \"web\"; there are":       "policy: {expect: [{scenario: tcp.*, route: web, status: 502}]}",
		"f:1: no scenario is called \"tpc.*\"":             "policy: {ignore: [{scenario: tpc.*, reason: a, until: 2027-01-01}]}",
	} {
		p, err := decode("f", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		only := shop()
		if strings.HasPrefix(text, "routes") {
			only = &config.Config{Product: "nginx", Entries: cfg.Entries, Groups: cfg.Groups, Routes: []config.Route{{Host: "shop.example", Path: "/", At: at(1)}}}
		}
		if _, err := Resolve(p, only, catalogue(t), today); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

func TestATargetNeedsNoConfiguration(t *testing.T) {
	p := New()
	if err := p.Merge(Flags{Target: "https://127.0.0.1:8443", Upstreams: []string{"127.0.0.1:9000"}}); err != nil {
		t.Fatal(err)
	}
	plan := resolve(t, p, nil)
	r := plan.Routes[0]
	if r.Name != "GET /" || r.Entry != (run.Entry{Port: 8443, TLS: true, Host: "127.0.0.1:8443"}) || len(r.Servers) != 1 || r.Patience != 35*time.Second || r.Whole {
		t.Errorf("got %+v", r)
	}
	if got := find(t, r, "head.slow").Params["delay"]; got != "45s" {
		t.Errorf("head.slow delays %s", got)
	}
	if _, err := Resolve(New(), nil, catalogue(t), today); err == nil || !strings.Contains(err.Error(), "declare it with --upstream") {
		t.Errorf("without an upstream: %v", err)
	}
}
