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

func TestScenariosFitTheRoute(t *testing.T) {
	base := []string{"healthy", "head.slow", "tcp.refuse", "body.stall", "process.crash", "app.502", "retries.post-twice"}
	never := []string{"load.spike", "process.oom", "cache.stale-late", "chain.refused", "dns.nxdomain", "failover.refused", "php.crash", "waf.blocks-answer", "retries.garbage"}
	for name, c := range map[string]struct {
		change  func(*config.Group, *config.Route)
		with    []string
		without map[string]string
	}{
		"plain": {func(*config.Group, *config.Route) {}, base, map[string]string{"conn.race": "keeps no idle", "ws.cut": "passes no WebSocket", "tls.hang": "does not speak TLS", "h2.goaway": "HTTP/2", "fcgi.garbage": "FastCGI", "unix.missing": "no unix socket"}},
		"pool":  {func(g *config.Group, _ *config.Route) { g.Pool = true }, []string{"conn.race", "conn.race-post", "body.excess-reuse"}, nil},
		"asks":  {func(_ *config.Group, r *config.Route) { r.Headers = map[string]string{"upgrade": "websocket"} }, base, map[string]string{"head.unasked-upgrade": "asks for an upgrade"}},
		"ws":    {func(_ *config.Group, r *config.Route) { r.WebSocket = true }, []string{"ws.cut", "ws.refused"}, nil},
		"tls": {func(g *config.Group, _ *config.Route) { g.Protocol = "tls" }, []string{"tls.hang", "tls.expired-default", "head.garbage"},
			map[string]string{"tls.expired": "not told to verify", "tcp.accept-hang": "a handshake that fails", "process.crash": "does not speak TLS"}},
		"verified": {func(g *config.Group, _ *config.Route) { g.Protocol, g.Verify = "tls", true }, []string{"tls.hang", "tls.expired"}, map[string]string{"tls.expired-default": "told to verify"}},
		"h2": {func(g *config.Group, _ *config.Route) { g.Protocol = "h2" }, []string{"h2.goaway", "grpc.unavailable", "head.slow", "app.502", "tcp.refuse", "process.crash"},
			map[string]string{"head.garbage": "written in HTTP/1.1", "app.panic": "written in HTTP/1.1", "body.stall": "written in HTTP/1.1"}},
		"fcgi": {func(g *config.Group, _ *config.Route) { g.Protocol = "fcgi" }, []string{"fcgi.garbage", "head.none"}, map[string]string{"head.garbage": "written in HTTP/1.1"}},
		"unix": {func(g *config.Group, _ *config.Route) {
			g.Servers = []config.Server{{Socket: "/run/app.sock", At: at(10)}}
		}, []string{"unix.missing", "head.slow", "tcp.accept-hang"},
			map[string]string{"tcp.refuse": "over a network", "process.crash": "over a network", "load.backlog": "over a network"}},
		"mixed": {func(g *config.Group, _ *config.Route) {
			g.Servers = append(g.Servers, config.Server{Socket: "/run/app.sock", At: at(11)})
		}, []string{"head.slow"},
			map[string]string{"egress.denied": "over a network", "tcp.refuse": "over a network", "unix.missing": "no unix socket"}},
	} {
		cfg := shop()
		c.change(&cfg.Groups[0], &cfg.Routes[0])
		r := resolve(t, New(), cfg).Routes[0]
		for _, id := range c.with {
			find(t, r, id)
		}
		for id, why := range c.without {
			if !strings.Contains(reason(r, id), why) {
				t.Errorf("%s: %s is left out because %q, not %q", name, id, reason(r, id), why)
			}
		}
		for _, id := range never {
			if reason(r, id) == "" {
				t.Errorf("%s: %s runs", name, id)
			}
		}
	}
}

func TestProductsAreKnownByTheKindOfRoute(t *testing.T) {
	for name, want := range map[string]string{"app:8080": "200 truncated", "/run/app.sock": "200 hang"} {
		cfg := shop()
		if name[0] == '/' {
			cfg.Groups[0].Servers = []config.Server{{Socket: name, At: at(10)}}
		}
		stall := find(t, resolve(t, New(), cfg).Routes[0], "body.stall")
		if pin, ok := stall.Known("caddy", "2.6.2"); !ok || pin.Outcome.String() != want {
			t.Errorf("%s: caddy is known for %s, want %s", name, pin.Outcome, want)
		}
		if pin, ok := stall.Known("nginx", "1.26.3"); !ok || pin.Outcome.String() != "200 truncated" {
			t.Errorf("%s: nginx is known for %s", name, pin.Outcome)
		}
	}
}

func TestEveryScenarioRunsOrHasAReason(t *testing.T) {
	data, err := loadRules()
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, id := range slices.Concat(data.Slow, data.Telling) {
		named[id] = true
	}
	for _, w := range data.Waits {
		named[w.Scenario] = true
	}
	for _, n := range data.Needs {
		named[n.Scenario] = true
	}
	for _, a := range data.Adapt {
		named[a.Scenario] = true
	}
	for _, a := range data.Also {
		for _, id := range a.Scenarios {
			named[id] = true
		}
	}
	for _, k := range data.Known {
		for _, id := range k.Scenarios {
			named[id] = true
		}
	}
	for id := range named {
		if _, err := catalogue(t).Find(id); err != nil {
			t.Error(err)
		}
	}
	for _, r := range data.Rules {
		for _, pattern := range append(slices.Clone(r.Scenarios), r.Except...) {
			if !slices.ContainsFunc(catalogue(t).IDs(), func(id string) bool { return fits([]string{pattern}, id) }) {
				t.Errorf("no scenario fits %s", pattern)
			}
		}
	}
	for _, s := range catalogue(t).All() {
		if why := data.leftOut(s, traits{}); strings.HasPrefix(why, "nothing tells what its profile") {
			t.Errorf("%s: %s", s.ID, why)
		}
	}
}

func TestFaultsOutlastTheTimeoutsOfTheRoute(t *testing.T) {
	cfg := shop()
	cfg.Groups[0].Wait = config.Wait{Connect: 5 * time.Second, Read: 60 * time.Second, Tries: 2}
	cfg.Groups[0].Servers = append(cfg.Groups[0].Servers, server("app2", 8080, 11))
	plan := resolve(t, New(), cfg)
	r := plan.Routes[0]
	if r.Patience != 125*time.Second || !r.Whole || plan.Longest() != 120*time.Second || plan.Bar() != 150*time.Second {
		t.Errorf("patience %s, longest %s, bar %s", r.Patience, plan.Longest(), plan.Bar())
	}
	for id, want := range map[string]string{"head.slow": "delay=2m15s", "tcp.slow-connect": "delay=7s", "tcp.latency": "delay=400ms", "body.drip": "interval=500ms"} {
		s := find(t, r, id)
		name, value, _ := strings.Cut(want, "=")
		if s.Params[name] != value {
			t.Errorf("%s: %s is %s, want %s", id, name, s.Params[name], value)
		}
		if s.Target != scenarios.Both {
			t.Errorf("%s is at %s", id, s.Target)
		}
	}
	if s := find(t, r, "head.slow"); s.Patience != r.Patience || s.Pins[0].Attempts != 0 || r.Scenarios[0] != s {
		t.Errorf("head.slow: %+v", s)
	}
	if s := find(t, r, "tcp.refuse"); s.Patience != 35*time.Second {
		t.Errorf("tcp.refuse waits %s", s.Patience)
	}
	if s := find(t, r, "app.502"); len(s.Standard) != 2 || s.Standard[1].Outcome.String() != "502 made" {
		t.Errorf("app.502 permits %+v", s.Standard)
	}
	original, err := catalogue(t).Find("tcp.refuse")
	if err != nil || original.Pins[0].Attempts == 0 || original.Target != scenarios.Primary {
		t.Error("the catalogue itself was changed")
	}
}

func TestFaultsStayBelowShortTimeouts(t *testing.T) {
	cfg := shop()
	cfg.Groups[0].Wait = config.Wait{Connect: time.Second, Read: 400 * time.Millisecond, Tries: 1}
	r := resolve(t, New(), cfg).Routes[0]
	if got := find(t, r, "tcp.latency").Params["delay"]; got != "80ms" {
		t.Errorf("tcp.latency delays %s", got)
	}
	if got := find(t, r, "body.drip").Params["interval"]; got != "100ms" {
		t.Errorf("body.drip waits %s", got)
	}
	if why := reason(r, "tcp.loss"); !strings.Contains(why, "what was lost") {
		t.Errorf("tcp.loss: %s", why)
	}
	cfg.Groups[0].Wait = config.Wait{Connect: time.Minute, Read: time.Minute, Tries: 1}
	if why := reason(resolve(t, New(), cfg).Routes[0], "tcp.slow-connect"); !strings.Contains(why, "timeouts are too long for it") {
		t.Errorf("tcp.slow-connect: %s", why)
	}
}

func TestWithoutALimitTheClientsPatienceCounts(t *testing.T) {
	cfg := shop()
	cfg.Groups[0].Wait = config.Wait{Connect: 3 * time.Second, Tries: 1}
	plan := resolve(t, New(), cfg)
	r := plan.Routes[0]
	if r.Patience != 35*time.Second || r.Whole || plan.Longest() != 35*time.Second || !strings.Contains(strings.Join(plan.Notes, "\n"), "no timeout limits the wait") {
		t.Errorf("patience %s, longest %s, notes %q", r.Patience, plan.Longest(), plan.Notes)
	}
	if why := reason(r, "head.drip"); !strings.Contains(why, "no read timeout") {
		t.Errorf("head.drip: %q", why)
	}
	cfg.Groups[0].Wait.Read = time.Hour
	if r := resolve(t, New(), cfg).Routes[0]; r.Patience != 35*time.Second || r.Whole {
		t.Errorf("an hour: patience %s", r.Patience)
	}
}

func TestABudgetLeavesOutWhatTakesLonger(t *testing.T) {
	cfg := shop()
	cfg.Groups[0].Wait = config.Wait{Connect: 2 * time.Second, Read: time.Minute, Tries: 1}
	p := New()
	p.Budget = 80 * time.Second
	if r := resolve(t, p, cfg).Routes[0]; r.Patience != 35*time.Second || r.Whole {
		t.Errorf("80 s: %s", r.Patience)
	}
	p.Budget = time.Minute
	r := resolve(t, p, cfg).Routes[0]
	if why := reason(r, "head.slow"); !strings.Contains(why, "it takes 35s, and the budget is 1m0s") {
		t.Errorf("1 m: %q", why)
	}
	find(t, r, "tcp.drop-syn")
	p.Budget = 10 * time.Minute
	if r := resolve(t, p, cfg).Routes[0]; !r.Whole {
		t.Error("10 m: not all is waited for")
	}
}

func TestLongCellsOfOneServerAreBounded(t *testing.T) {
	cfg := shop()
	slow := config.Wait{Connect: time.Minute, Read: time.Minute, Tries: 1}
	cfg.Groups[0].Wait = slow
	for i, read := range []time.Duration{61, 62} {
		wait := slow
		wait.Read = read * time.Second
		cfg.Groups = append(cfg.Groups, group(fmt.Sprintf("g%d", i), wait, server("app", 8080, 20+i)))
		cfg.Routes = append(cfg.Routes, config.Route{Path: fmt.Sprintf("/%d", i), Group: i + 1, At: at(20 + i)})
	}
	apart := group("apart", slow, server("other", 80, 40))
	cfg.Groups, cfg.Routes = append(cfg.Groups, apart), append(cfg.Routes, config.Route{Path: "/other", Group: 3, At: at(40)})
	plan := resolve(t, New(), cfg)
	data, err := loadRules()
	if err != nil {
		t.Fatal(err)
	}
	count := func(r *PlannedRoute) (n int) {
		for _, s := range r.Scenarios {
			if data.order(s.ID) < len(data.Waits) {
				n++
			}
		}
		return n
	}
	shared := 0
	for _, r := range plan.Routes[:3] {
		if n := count(r); n < 4 {
			t.Errorf("%s has %d long cells", r.Name, n)
		}
		shared += count(r)
		find(t, r, "head.slow")
		find(t, r, "tcp.drop-syn")
	}
	if shared != maxLong || count(plan.Routes[3]) < 10 {
		t.Errorf("%d long cells share a server, %d do not", shared, count(plan.Routes[3]))
	}
}

func TestFiltersOfTheCommandLine(t *testing.T) {
	p := New()
	if err := p.Merge(Flags{Filter: run.Filter{Scenarios: []string{"tcp.refuse"}}}); err != nil {
		t.Fatal(err)
	}
	if plan := resolve(t, p, shop()); plan.Cells() != 1 {
		t.Errorf("%d cells", plan.Cells())
	}
	p.filter.Scenarios = []string{"load.spike"}
	if _, err := Resolve(p, shop(), catalogue(t), today); err == nil || !strings.Contains(err.Error(), "no scenario is left to run") {
		t.Errorf("nothing left: %v", err)
	}
	p.filter.Scenarios, p.only = nil, []string{"api"}
	if _, err := Resolve(p, shop(), catalogue(t), today); err == nil || err.Error() != `--route: no route is called "api"; there are app:8080` {
		t.Errorf("no such route: %v", err)
	}
}
