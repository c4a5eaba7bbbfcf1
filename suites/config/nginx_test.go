package config

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// nginxText reads a configuration of one file.
func nginxText(t testing.TB, text string) *Config {
	t.Helper()
	p := &nginxParser{files: &Files{main: "/etc/nginx/nginx.conf"}}
	top, err := p.file("/etc/nginx/nginx.conf", text)
	if err != nil {
		t.Skip(err)
	}
	return nginxConfig(p.files, Source{Home: "/etc/nginx"}, top)
}

func FuzzNginx(f *testing.F) {
	for _, text := range testConfigs(f, "nginx", ".conf") {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		checkConfig(t, nginxText(t, text), strings.Count(text, "\n")+1)
	})
}

// TestNginxVariablesOfThemselves reads what would be looked up for ever.
func TestNginxVariablesOfThemselves(t *testing.T) {
	c := nginxText(t, `map $a $b { default "$a$a$c$c"; } map $b $c { default "$b$b"; } map $host $a { default "$b$c"; }
		root $document_root; server { location / { try_files $uri $b; proxy_pass http://$a$b$c; } }`)
	if len(c.Routes) != 0 {
		t.Errorf("routes: %v", c.Routes)
	}
}

// TestNginxWithThousandsOfServers reads a configuration as large as a hosting company's.
func TestNginxWithThousandsOfServers(t *testing.T) {
	var b strings.Builder
	b.WriteString("http {\n")
	for i := range 2000 {
		fmt.Fprintf(&b, "server { listen 80; listen 443 ssl; server_name s%d.test *.s%d.test;\nlocation / { proxy_pass http://app%d:80; }\n", i, i, i)
		for j := range 5 {
			fmt.Fprintf(&b, "location ~ ^/%d/(a|b)\\.php$ { proxy_pass http://app%d:80; }\n", j, i)
		}
		b.WriteString("}\n")
	}
	b.WriteString("}\n")
	start := time.Now()
	c := nginxText(t, b.String())
	if len(c.Groups) != 2000 || len(c.Routes) != 2000*12 {
		t.Errorf("%d groups, %d routes", len(c.Groups), len(c.Routes))
	}
	t.Log(time.Since(start))
}
