package check

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatefault/gatefault/suites/config"
)

var update = flag.Bool("update", false, "write the golden file anew")

// market has one of everything: two groups, TLS, WebSocket, a unix socket, fields that lead to a route.
func market() *config.Config {
	cfg := shop()
	cfg.Entries = append(cfg.Entries, config.Entry{Port: 443, TLS: true, At: at(2)})
	api := group("api", config.Wait{Connect: time.Second, Tries: 1}, config.Server{Socket: "/run/app.sock", At: at(20)}, server("::1", 9000, 21))
	cfg.Groups = append(cfg.Groups, api, config.Group{Name: "mail", Servers: []config.Server{server("mail", 25, 50)}, At: at(49)})
	cfg.Routes = []config.Route{
		{Entry: 1, Host: "*.shop.example", Path: "/", At: at(9)},
		{Entry: 1, Host: "shop.example", Path: "/chat", WebSocket: true, At: at(12)},
		{Path: "/api/x?a=b", Group: 1, Method: "PUT", Headers: map[string]string{"X-Key": "yes", "Accept": "a: b #c"}, At: at(19)},
	}
	return cfg
}

func TestInitWritesWhatTheConfigurationSays(t *testing.T) {
	p := New()
	if err := p.Merge(Flags{Gateway: "nginx", Config: "deploy/nginx.conf", Env: map[string]string{"A": "no"}, Mounts: []string{"certs:/etc/ssl"}}); err != nil {
		t.Fatal(err)
	}
	text, err := Init(p, market(), "deploy")
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "init.yaml")
	if *update {
		if err := os.WriteFile(golden, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if diff := cmp.Diff(string(want), string(text)); diff != "" || err != nil {
		t.Errorf("%v: %s differs; if that is right, run the test with -update\n%s", err, golden, diff)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(strings.TrimSpace(line), "#") && len(line) > 101 {
			t.Errorf("a long comment: %s", line)
		}
	}
}

// TestInitChangesNothing: with the file that was written a check does the same as without.
func TestInitChangesNothing(t *testing.T) {
	p := New()
	p.Gateway, p.Config = "nginx", "nginx.conf"
	cfg := market()
	text, err := Init(p, cfg, ".")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), ProjectFile)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	read, err := Load(file)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	before, after := resolve(t, p, cfg), resolve(t, read, cfg)
	if len(before.Routes) != 3 || len(after.Routes) != 3 {
		t.Fatalf("%d and %d routes", len(before.Routes), len(after.Routes))
	}
	for i, r := range before.Routes {
		s := after.Routes[i]
		if diff := cmp.Diff(ids(r.Scenarios), ids(s.Scenarios)); diff != "" || r.Name != s.Name || r.Entry != s.Entry || r.Group != s.Group || r.At != s.At || r.Patience != s.Patience {
			t.Errorf("route %s: %+v\nbecame %+v\n%s", r.Name, r.Route, s.Route, diff)
		}
		if diff := cmp.Diff(r.Request, s.Request); diff != "" {
			t.Errorf("route %s asks for something else: %s", r.Name, diff)
		}
	}
	if slices.Contains(after.Notes, nothingDeclared) {
		t.Error("upstreams are not declared")
	}
}

func TestInitNeedsAWayThrough(t *testing.T) {
	cfg := shop()
	cfg.Routes = nil
	if _, err := Init(New(), cfg, "."); err == nil || !strings.Contains(err.Error(), "no request is known that leads through the gateway") {
		t.Errorf("got %v", err)
	}
}
