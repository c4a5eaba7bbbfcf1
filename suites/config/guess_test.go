package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatefault/gatefault/suites/config"
)

func TestGuess(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"nginx.conf":         {"", "nginx"},
		"nginx.prod.conf":    {"", "nginx"},
		"haproxy.cfg":        {"", "haproxy"},
		"Caddyfile":          {"", "caddy"},
		"Caddyfile.staging":  {"", "caddy"},
		"httpd.conf":         {"", "apache"},
		"apache2.conf":       {"", "apache"},
		"site-nginx":         {"server {\n  listen 80;\n  location / { proxy_pass http://app:8080; }\n}\n", "nginx"},
		"upstream.conf":      {"upstream app {\n  server app:8080;\n}\n", "nginx"},
		"lb.cfg":             {"# ours\nglobal\n  log stdout format raw local0\nfrontend web\n  bind :80\n", "haproxy"},
		"web":                {"example.com {\n\treverse_proxy app:8080\n}\n", "caddy"},
		"block":              {":80 {\n\treverse_proxy /api/* {\n\t\tto app:8080\n\t}\n}\n", "caddy"},
		"config.json":        {"{\n  \"apps\": {\"http\": {}}\n}\n", "caddy"},
		"000-default.conf":   {"<VirtualHost *:80>\n  ProxyPass / http://app:8080/\n</VirtualHost>\n", "apache"},
		"proxy.conf":         {"ProxyPass / http://app:8080/\n", "apache"},
		"notes.txt":          {"The backend listens on port 80; server { of all kinds", ""},
		"docker-compose.yml": {"services:\n  app:\n    image: app\n", ""},
		"empty.conf":         {"", ""},
	} {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		guess(t, file, c.want)
		if c.want != "" {
			guess(t, filepath.Dir(file), c.want)
		}
	}
}

func guess(t *testing.T, file, want string) {
	t.Helper()
	got, err := config.Guess(file)
	if got != want || (err == nil) != (want != "") {
		t.Errorf("%s: got %q, %v, want %q", filepath.Base(file), got, err, want)
	}
}

func TestGuessOfTwoProducts(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"nginx.conf", "haproxy.cfg"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := config.Guess(dir); err == nil || !strings.HasSuffix(err.Error(), "does not tell which gateway it is for; name it: apache, caddy, haproxy or nginx") {
		t.Error(err)
	}
	if _, err := config.Guess(filepath.Join(dir, "nowhere")); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Error(err)
	}
}
