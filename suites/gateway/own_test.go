package gateway

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatefault/gatefault/suites/config"
)

// ownCase is a realistic configuration of one product: TLS in front, files that the user did not bring, the upstream by name.
type ownCase struct {
	files  map[string]string
	main   string
	broken string // a mistake in the third line of main
	words  string // what the product says of it
}

func ownCases() map[string]ownCase {
	return map[string]ownCase{
		"nginx": {
			main: "nginx.conf",
			files: map[string]string{
				"nginx.conf": `user nginx;
worker_processes 1;
pid /var/run/nginx/nginx.pid;
events { worker_connections 256; }
http {
	include mime.types;
	log_format long '$remote_addr "$request" $status $upstream_addr';
	access_log /var/log/nginx/shop/access.log long;
	error_log /var/log/nginx/shop/error.log warn;
	proxy_cache_path /var/cache/nginx/shop keys_zone=shop:1m;
	ssl_dhparam /etc/nginx/ssl/dhparam.pem;
	include conf.d/*.conf;
}
`,
				"conf.d/shop.conf": `upstream app { server app:9001 max_fails=1; server app:9002 backup; keepalive 4; }
server { listen 80 default_server; server_name shop.example.org; return 301 https://$host$request_uri; }
server {
	listen 443 ssl;
	server_name shop.example.org;
	ssl_certificate /etc/letsencrypt/live/shop.example.org/fullchain.pem;
	ssl_certificate_key /etc/letsencrypt/live/shop.example.org/privkey.pem;
	location / { proxy_pass http://app; proxy_set_header Host $host; }
	location /admin { auth_basic "staff"; auth_basic_user_file /etc/nginx/.htpasswd; proxy_pass http://app; }
}
`,
			},
			broken: "no_such_directive on;", words: `unknown directive "no_such_directive" in FILE:3`,
		},
		"haproxy": {
			main: "haproxy.cfg",
			files: map[string]string{"haproxy.cfg": `global
	log stdout format raw local0
	chroot /var/lib/haproxy
	stats socket /run/haproxy/admin.sock mode 660 level admin
	user haproxy
	group haproxy
	daemon
defaults
	mode http
	log global
	option httplog
	timeout connect 5s
	timeout client 30s
	timeout server 30s
	errorfile 503 /etc/haproxy/errors/503.http
frontend web
	bind *:80
	bind *:443 ssl crt /etc/haproxy/certs/
	http-request deny unless { hdr(host) -i shop.example.org }
	http-request redirect scheme https unless { ssl_fc }
	default_backend app
backend app
	balance roundrobin
	server app1 app:9001 check
`},
			broken: "no_such_directive on", words: `[FILE:3] : unknown keyword 'no_such_directive' in 'global' section`,
		},
		"caddy": {
			main: "Caddyfile",
			files: map[string]string{"Caddyfile": `{
	email ops@example.org
	admin off
}
shop.example.org {
	log {
		output file /var/log/caddy/shop.log
	}
	reverse_proxy app:9001
}
`},
			broken: "no_such_directive on", words: `FILE:3: unrecognized global option: no_such_directive`,
		},
		"apache": {
			main: "apache2.conf",
			files: map[string]string{
				"apache2.conf": `DefaultRuntimeDir ${APACHE_RUN_DIR}
PidFile ${APACHE_PID_FILE}
Mutex file:${APACHE_LOCK_DIR} default
User ${APACHE_RUN_USER}
Group ${APACHE_RUN_GROUP}
ErrorLog ${APACHE_LOG_DIR}/error.log
LogLevel warn
IncludeOptional mods-enabled/*.load
Include ports.conf
LogFormat "%h %l %u %t \"%r\" %>s %O" common
IncludeOptional sites-enabled/*.conf
`,
				"ports.conf":                  "Listen 80\nListen 443\n",
				"mods-available/proxy.load":   "LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so\nLoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so\n",
				"mods-available/ssl.load":     "LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so\n",
				"mods-enabled/mpm_event.load": "LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so\nLoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so\nLoadModule alias_module /usr/lib/apache2/modules/mod_alias.so\n",
				"mods-enabled/proxy.load":     "-> ../mods-available/proxy.load",
				"mods-enabled/ssl.load":       "-> /etc/apache2/mods-available/ssl.load",
				"sites-enabled/shop.conf": `<VirtualHost *:80>
	Redirect permanent / https://shop.example.org/
</VirtualHost>
<VirtualHost *:443>
	ServerName shop.example.org
	DocumentRoot /var/www/shop
	CustomLog ${APACHE_LOG_DIR}/shop-access.log common
	SSLEngine on
	SSLCertificateFile /etc/ssl/certs/shop.pem
	SSLCertificateKeyFile /etc/ssl/private/shop.key
	ProxyPass / http://app:9001/
</VirtualHost>
`,
			},
			broken: "NoSuchDirective on", words: "Syntax error on line 3 of FILE:",
		},
	}
}

// bring writes a configuration into a folder of its own.
func bring(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(file), 0o755)
		if target, link := strings.CutPrefix(text, "-> "); link {
			err = errors.Join(err, os.Symlink(target, file))
		} else {
			err = errors.Join(err, os.WriteFile(file, []byte(text), 0o644))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// own makes a gateway of a case.
func (c ownCase) own(t testing.TB, e *Engine, d *Definition) Own {
	t.Helper()
	dir := bring(t, c.files)
	layout, err := d.OwnLayout(t.Context(), e, "")
	if err != nil {
		t.Fatal(err)
	}
	source := config.Source{Path: dir, Home: layout.Home, Main: c.main, Env: d.Own.Env}
	read, err := config.Read(d.Name, source)
	if err != nil {
		t.Fatal(err)
	}
	return Own{Definition: d, Config: read, Source: source, Place: PlaceContainer, Engine: e}
}

func TestOwnConfigurationWithTheUpstreamsName(t *testing.T) {
	e := testEngine(t)
	n := testNetwork(t, e)
	u := testUpstream(t, e, n)
	for name, c := range ownCases() {
		t.Run(name, func(t *testing.T) {
			own := c.own(t, e, definitions(t)[name])
			own.Network, own.Hosts = n, map[string]netip.Addr{"app": u.Addr()}
			began := time.Now()
			r, err := StartOwn(testContext(t), own)
			if err != nil {
				t.Fatal(err)
			}
			defer stopped(t, r.Stop)
			t.Logf("ready after %s; %s", time.Since(began), strings.Join(r.Stands(), "\n"))
			status, certificate := getTLS(t, r.Addr(), "shop.example.org", "/cell-0815")
			if status != http.StatusOK || certificate != "shop.example.org" {
				t.Errorf("got %d from %s, want 200 from shop.example.org", status, certificate)
			}
			if err := r.Logs().Await(testContext(t), "cell-0815"); err != nil {
				t.Error(err)
			}
		})
	}
}

// HAProxy reads all files of a folder, and of the image's none.
func TestOwnFolderWithoutAMainFile(t *testing.T) {
	e := testEngine(t)
	n := testNetwork(t, e)
	u := testUpstream(t, e, n)
	c := ownCase{files: map[string]string{
		"10-global.cfg": "defaults\n mode http\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n",
		"20-web.cfg":    "frontend f\n bind :80\n default_backend b\n",
		"30-app.cfg":    "backend b\n server s app:9001\n",
	}}
	own := c.own(t, e, definitions(t)["haproxy"])
	own.Network, own.Hosts = n, map[string]netip.Addr{"app": u.Addr()}
	r := startOwn(t, own)
	if status, body := get(t, netip.AddrPortFrom(r.Addr(), 80), "/"); status != http.StatusOK || body != "port 9001 secret" {
		t.Errorf("got %d %q", status, body)
	}
}

func TestBrokenOwnConfigurationShowsTheProductsWords(t *testing.T) {
	e := testEngine(t)
	n := testNetwork(t, e)
	for name, c := range ownCases() {
		t.Run(name, func(t *testing.T) {
			lines := strings.Split(c.files[c.main], "\n")
			lines[2] = c.broken
			c.files[c.main] = strings.Join(lines, "\n")
			own := c.own(t, e, definitions(t)[name])
			own.Hosts = map[string]netip.Addr{"app": netip.MustParseAddr("192.0.2.1")}
			words := strings.ReplaceAll(c.words, "FILE", filepath.Join(own.Source.Path, c.main))
			assertRefused(t, CheckOwn(testContext(t), own), words)
			own.Network = n
			_, err := StartOwn(testContext(t), own)
			assertRefused(t, err, words)
		})
	}
	assertNothingLeft(t, e, "gateway")
}

func assertRefused(t *testing.T, err error, words string) {
	t.Helper()
	var refused *ConfigError
	if !errors.As(err, &refused) {
		t.Fatalf("got %v, want a ConfigError", err)
	}
	t.Log(err)
	if !strings.Contains(err.Error(), words) {
		t.Errorf("the error has not the words %q", words)
	}
}

func TestGoodOwnConfigurationPassesTheCheckWithoutANetwork(t *testing.T) {
	e := testEngine(t)
	for name, c := range ownCases() {
		t.Run(name, func(t *testing.T) {
			own := c.own(t, e, definitions(t)[name])
			own.Hosts = map[string]netip.Addr{"app": netip.MustParseAddr("192.0.2.1")}
			if err := CheckOwn(testContext(t), own); err != nil {
				t.Error(err)
			}
		})
	}
	assertNothingLeft(t, e, "gateway")
}

// getTLS asks over TLS and tells whose certificate answered.
func getTLS(t *testing.T, at netip.Addr, host, path string) (status int, certificate string) {
	t.Helper()
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: host}}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+at.String()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = host
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	return answer.StatusCode, answer.TLS.PeerCertificates[0].Subject.CommonName
}
