package suites_test

import (
	"errors"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gatefault/gatefault/docker"
	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/scenarios/strict"
	"github.com/gatefault/gatefault/suites/config"
	"github.com/gatefault/gatefault/suites/gateway"
)

// frames are configurations that an example of a mend is put into, at a line of the place that it names, such as "# in http".
var frames = map[string]struct{ file, text string }{
	"nginx": {"nginx.conf", `events {}
http {
# in http
server {
listen 80;
# in server
location / {
# in location
proxy_pass http://127.0.0.1:8080;
}
}
}
`},
	"haproxy": {"haproxy.cfg", `defaults
    mode http
    timeout client 30s
    timeout connect 2s
    timeout server 10s
frontend in
    bind :80
    default_backend app
backend app
    server first 127.0.0.1:8080
# in backend
`},
	"caddy": {"Caddyfile", `:80 {
# in site
}
`},
	"apache": {"httpd.conf", `ServerRoot /tmp
Listen 80
ServerName example.com
ErrorLog /dev/stderr
User "#65534"
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
LoadModule proxy_balancer_module /usr/lib/apache2/modules/mod_proxy_balancer.so
LoadModule lbmethod_byrequests_module /usr/lib/apache2/modules/mod_lbmethod_byrequests.so
LoadModule slotmem_shm_module /usr/lib/apache2/modules/mod_slotmem_shm.so
LoadModule headers_module /usr/lib/apache2/modules/mod_headers.so
LoadModule setenvif_module /usr/lib/apache2/modules/mod_setenvif.so
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
<VirtualHost *:80>
# in host
</VirtualHost>
`},
}

// inner is the place that an example goes to when it names none.
var inner = map[string]string{"nginx": "# in location", "haproxy": "# in backend", "caddy": "# in site", "apache": "# in host"}

// framed puts an example where it belongs.
func framed(product, example string) string {
	text, at := frames[product].text, inner[product]
	for line := range strings.Lines(example) {
		if strings.HasPrefix(line, "# in ") {
			at = strings.TrimSpace(line)
			continue
		}
		text = strings.Replace(text, at+"\n", line+at+"\n", 1)
	}
	return text
}

// TestProductsTakeTheMends has each product check the examples of how to mend what is found.
func TestProductsTakeTheMends(t *testing.T) {
	engine, err := gateway.Connect(t.Context(), nil)
	if errors.Is(err, gateway.ErrNoEngine) && !required() {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	definitions, err := gateway.Load(docker.Files)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range definitions {
		if frames[d.Name].text == "" {
			continue
		}
		for id, m := range mends(t, d.Name) {
			t.Run(d.Name+"/"+id, func(t *testing.T) { takes(t, engine, d, m) })
		}
	}
}

type mend struct{ Fix, Example, Manual, Since string }

func mends(t *testing.T, product string) map[string]mend {
	t.Helper()
	file := product + "/fixes.yaml"
	data, err := docker.Files.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]mend{}
	if _, err := strict.Load(file, data, &all, strict.Words{}); err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(all, func(_ string, m mend) bool { return m.Example == "" })
	return all
}

// takes asserts that a product takes an example, or that it is too old for it.
func takes(t *testing.T, engine *gateway.Engine, d *gateway.Definition, m mend) {
	dir := t.TempDir()
	path := filepath.Join(dir, frames[d.Name].file)
	if err := os.WriteFile(path, []byte(framed(d.Name, m.Example)), 0o600); err != nil {
		t.Fatal(err)
	}
	layout, err := d.OwnLayout(t.Context(), engine, "")
	if err != nil {
		t.Fatal(err)
	}
	source := config.Source{Path: path, Home: layout.Home}
	hosts := map[string]netip.Addr{}
	for _, name := range []string{"app", "app1", "app2", "app.internal"} {
		hosts[name] = netip.MustParseAddr("192.0.2.1")
	}
	own := gateway.Own{Definition: d, Hosts: hosts, Source: source, Place: gateway.PlaceContainer, Engine: engine, Config: &config.Config{Product: d.Name,
		Main: filepath.Join(layout.Home, frames[d.Name].file), Read: []string{path}, Entries: []config.Entry{{Port: 80}},
		Uses: []config.Use{{Path: "/etc/ssl/certs/ca-certificates.crt", Role: config.Authority}}}}
	if slices.Contains(config.Products(), d.Name) {
		if own.Config, err = config.Read(d.Name, source); err != nil {
			t.Fatal(err)
		}
	}
	var refused *gateway.ConfigError
	switch err := gateway.CheckOwn(t.Context(), own); {
	case err != nil && !errors.As(err, &refused):
		t.Fatal(err)
	case err != nil && m.Since == "":
		t.Errorf("%v\n%s", err, framed(d.Name, m.Example))
	case m.Since != "":
		if _, wrong := scenarios.ParseVersion(m.Since); wrong != nil {
			t.Error(wrong)
		}
		t.Skipf("takes %s %s; this one says: %v", d.Name, m.Since, err)
	}
}
