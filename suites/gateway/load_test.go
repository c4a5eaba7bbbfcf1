package gateway

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestAllGatewaysLoad(t *testing.T) {
	all := definitions(t)
	want := []string{"apache", "caddy", "go", "haproxy", "nginx"}
	if got := slices.Sorted(maps.Keys(all)); !slices.Equal(got, want) {
		t.Fatalf("gateways %v, want %v", got, want)
	}
	for name, d := range all {
		if d.Lacks("plain") != "" || d.Lacks("keepalive") != "" {
			t.Errorf("%s has profiles %v", name, d.ProfileNames())
		}
		if !d.Has(CapabilityPool) {
			t.Errorf("%s cannot pool", name)
		}
	}
}

const goodGateway = `title: Good
images: [example.org/good:1]
binaries: [good]
version:
  args: [-v]
  match: 'good (\S+)'
  example: good 1.0
config: good.conf
check: [-t, "{{.Config}}"]
run: [-f, "{{.Config}}"]
ready: tcp
lane: 'lane(?P<lane>\d+)'
profiles:
  plain: the only one
`

func loadText(gateway, profile string) error {
	_, err := Load(fstest.MapFS{
		"good/gateway.yaml": {Data: []byte(gateway)},
		"good/plain.tmpl":   {Data: []byte(profile)},
	})
	return err
}

func TestLoadIsStrictAndTellsFileAndLine(t *testing.T) {
	if err := loadText(goodGateway, "ok"); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ from, to, profile, want string }{
		"unknown key":        {"images:", "imges:", "", `good/gateway.yaml:2: `},
		"wrong type":         {"binaries: [good]", "binaries: {a: b}", "", `good/gateway.yaml:3: `},
		"broken YAML":        {"title: Good", "title: [", "", `good/gateway.yaml:`},
		"bad expression":     {`'good (\S+)'`, `'good ('`, "", `good/gateway.yaml:6: `},
		"bad example":        {"good 1.0", "bad 1.0", "", `good/gateway.yaml:4: version: needs an example that good (\S+) matches`},
		"bad image":          {"example.org/good:1", "bad image", "", `good/gateway.yaml:2: images: "bad image" is not an image reference`},
		"bad profile name":   {"plain: the only one", "plain: the only one\n  a b: two", "", `good/gateway.yaml:13: profiles: "a b" must be of`},
		"no lane group":      {`(?P<lane>\d+)`, `(\d+)`, "", `good/gateway.yaml:12: lane: `},
		"bad readiness":      {"ready: tcp", "ready: udp", "", `good/gateway.yaml:11: ready: must be tcp or http, not "udp"`},
		"missing title":      {"title: Good\n", "", "", `good/gateway.yaml: title: is missing`},
		"unknown capability": {"ready: tcp", "capabilities: [fly]\nready: tcp", "", `good/gateway.yaml:11: capabilities: "fly" is unknown; known: [pool]`},
		"unknown field":      {"{{.Config}}\"]\nrun", "{{.Confg}}\"]\nrun", "", `good/gateway.yaml:9: check: `},
		"profile template":   {"", "", "a\n{{.Nothing}}", `good/plain.tmpl:2`},
		"profile syntax":     {"", "", "a\n{{if}}", `good/plain.tmpl:2`},
		"no template":        {"plain: the only one", "plain: one\n  other: two", "", `good/gateway.yaml:13: profiles: profile other has no template`},
		"orphan":             {"plain: the only one", "other: two", "", `plain.tmpl belongs to no profile`},
		"half debian":        {"ready: tcp", "debian: {packages: [good]}\nready: tcp", "", `good/gateway.yaml:11: debian: needs suite, packages and binary`},
	} {
		t.Run(name, func(t *testing.T) {
			profile := c.profile
			if profile == "" {
				profile = "ok"
			}
			err := loadText(strings.Replace(goodGateway, c.from, c.to, 1), profile)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestProfilesHaveTheReferenceNumbers(t *testing.T) {
	lanes := []Lane{{Listen: 8001, Upstream: netip.MustParseAddrPort("192.0.2.1:9001")}, {Index: 1, Listen: 8002, Upstream: netip.MustParseAddrPort("[2001:db8::1]:9002")}}
	for name, want := range map[string][]string{
		"nginx":   {"proxy_connect_timeout 1500ms;", "proxy_read_timeout    2000ms;", "listen 0.0.0.0:8002;", "[2001:db8::1]:9002", "lane1"},
		"haproxy": {"timeout connect 1500ms", "timeout server  2000ms", "bind 0.0.0.0:8002", "[2001:db8::1]:9002", "frontend lane1"},
		"caddy":   {"dial_timeout 1500ms", "response_header_timeout 2000ms", "read_timeout 2000ms", "write_timeout 2000ms", "http://:8002", "[2001:db8::1]:9002"},
		"apache":  {"connectiontimeout=1500ms", "timeout=2 ", "retry=0", "Listen 0.0.0.0:8002", "http://[2001:db8::1]:9002/", "ServerName lane1"},
		"go":      {"dialTimeout: 1500ms", "responseHeaderTimeout: 2000ms"},
	} {
		d := definitions(t)[name]
		for _, profile := range []string{"plain", "keepalive"} {
			text, err := d.render(newView(Spec{Definition: d, Profile: profile, Lanes: lanes}, "0.0.0.0", "/tmp"))
			if err != nil {
				t.Fatal(err)
			}
			for _, words := range want {
				if !strings.Contains(text, words) {
					t.Errorf("%s, profile %s, has no %q:\n%s", name, profile, words, text)
				}
			}
		}
	}
}
