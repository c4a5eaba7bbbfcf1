package check

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/config"
	"github.com/gatefault/gatefault/suites/run"
)

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
