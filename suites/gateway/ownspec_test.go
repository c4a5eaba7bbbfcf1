package gateway

import (
	"slices"
	"strings"
	"testing"
)

const goodOwn = goodGateway + `own:
  home: /etc/good
  main: good.conf
  run: [--config, "{{.Config}}", "{{if not .Foreground}}--foreground{{end}}"]
  check: [--check, "{{.Config}}"]
  hints:
    - match: 'no host (?P<host>\S+)'
      say: '${host} is nowhere'
`

func TestOwnSectionIsChecked(t *testing.T) {
	if err := loadText(goodOwn, "ok"); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ from, to, want string }{
		"unknown key":      {"  home:", "  hom:", "good/gateway.yaml:16: field hom not found"},
		"relative home":    {"home: /etc/good", "home: etc/good", "own: needs an absolute home"},
		"main in a folder": {"main: good.conf", "main: conf/good.conf", "own: needs an absolute home and the name of a main file"},
		"no check":         {`check: [--check, "{{.Config}}"]`, "check: []", "good/gateway.yaml"},
		"unknown field":    {"{{if not .Foreground}}", "{{if not .Nothing}}", "own: "},
		"silent hint":      {"say: '${host} is nowhere'", "say: ''", "own: hints need match and say"},
		"relative folder":  {"  main:", "  folders: [run/good]\n  main:", `own: "run/good" is no absolute path`},
		"chroot":           {"  main:", "  chroot: 'x'\n  main:", "own: chroot needs one group"},
	} {
		// The first check of the text is the product's, the last one is the section's.
		at := strings.LastIndex(goodOwn, c.from)
		text := goodOwn[:at] + c.to + goodOwn[at+len(c.from):]
		if err := loadText(text, "ok"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func TestOwnArguments(t *testing.T) {
	all := definitions(t)
	for _, c := range []struct {
		product string
		view    OwnView
		want    string
	}{
		{"nginx", OwnView{Config: "/etc/nginx/site.conf", Prefix: "/etc/nginx"}, "-p /etc/nginx -c /etc/nginx/site.conf -gdaemon off;"},
		{"nginx", OwnView{Config: "/etc/nginx/site.conf", Prefix: "/srv", Foreground: true}, "-p /srv -c /etc/nginx/site.conf"},
		{"haproxy", OwnView{Config: "/etc/haproxy"}, "-db -f /etc/haproxy"},
		{"caddy", OwnView{Config: "/etc/caddy/Caddyfile"}, "run --config /etc/caddy/Caddyfile --adapter=caddyfile"},
		{"caddy", OwnView{Config: "/etc/caddy/caddy.json"}, "run --config /etc/caddy/caddy.json"},
		{"apache", OwnView{Config: "/etc/apache2/apache2.conf"}, "-DFOREGROUND -f /etc/apache2/apache2.conf"},
	} {
		args, err := c.view.args(all[c.product].Own.Run)
		if got := strings.Join(args, " "); got != c.want || err != nil || slices.Contains(args, "") {
			t.Errorf("%s: got %q, %v, want %q", c.product, got, err, c.want)
		}
	}
}
