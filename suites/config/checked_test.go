package config

import (
	"strings"
	"testing"
)

func TestHealthChecksAreTold(t *testing.T) {
	haproxy := "defaults\n mode http\nfrontend f\n bind :80\n default_backend b\nbackend b\n"
	caddy := `{"apps": {"http": {"servers": {"s": {"listen": [":80"], "routes": [{"handle": [{"handler": "reverse_proxy", "upstreams": [{"dial": "app:1"}], "health_checks": %s}]}]}}}}}`
	for _, c := range []struct {
		product, text string
		want          bool
	}{
		{"haproxy", haproxy + " server s app:1 check\n", true},
		{"haproxy", haproxy + " default-server check inter 1s\n server s app:1\n", true},
		{"haproxy", haproxy + " default-server check\n server s app:1 no-check\n", false},
		{"haproxy", haproxy + " option httpchk\n server s app:1\n", false},
		{"haproxy", haproxy + " server s app:1\nbackend other\n mode http\n server t app:1 check\n", true},
		{"caddy", ":80 {\n reverse_proxy app:1 {\n  health_uri /up\n }\n}\n", true},
		{"caddy", ":80 {\n reverse_proxy app:1 {\n  fail_duration 5s\n  health_interval 1s\n }\n}\n", false},
		{"caddy", replaced(caddy, `{"active": {"uri": "/up"}}`), true},
		{"caddy", replaced(caddy, `{"active": {"port": 81}}`), true},
		{"caddy", replaced(caddy, `{"passive": {"fail_duration": "5s"}}`), false},
		{"nginx", "http {\n upstream app { server app:1; }\n server {\n  location / { proxy_pass http://app; }\n  location @up { proxy_pass http://app; health_check; }\n }\n}\n", true},
		{"nginx", "http {\n server {\n  location / { proxy_pass http://app:1; }\n }\n}\n", false},
		{"apache", "Listen 80\n<Proxy balancer://b>\n BalancerMember http://app:1 hcmethod=HEAD\n</Proxy>\nProxyPass / balancer://b/\n", true},
		{"apache", "Listen 80\nProxyPass / http://app:1/ hcmethod=none\n", false},
	} {
		src := homes[c.product]
		name := src.Main
		if c.text[0] == '{' {
			name, src.Main = "caddy.json", "caddy.json"
		}
		src.Path = folder(t, map[string]string{name: c.text})
		read, err := Read(c.product, src)
		if err != nil {
			t.Fatal(err)
		}
		if len(read.Routes) == 0 {
			t.Errorf("%s has no route:\n%s", c.product, c.text)
			continue
		}
		if got := read.Groups[read.Routes[0].Group].Checked; got != c.want {
			t.Errorf("%s: checked %v, want %v\n%s", c.product, got, c.want, c.text)
		}
	}
}

func replaced(text, with string) string { return strings.Replace(text, "%s", with, 1) }
