package config

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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

// TestNginxPositions looks up each place that is told, and finds there what it is about.
func TestNginxPositions(t *testing.T) {
	cases, err := filepath.Glob("testdata/nginx/*/nginx.conf")
	if err != nil || len(cases) == 0 {
		t.Fatal("no configurations: ", err)
	}
	for _, file := range cases {
		c, err := Read("nginx", Source{Path: filepath.Dir(file), Home: "/etc/nginx", Main: "nginx.conf"})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range c.Entries {
			at(t, e.At, "listen", "server")
		}
		for _, g := range c.Groups {
			at(t, g.At, "upstream "+g.Name, "_pass")
			for _, s := range g.Servers {
				at(t, s.At, "_pass", cmp.Or(s.Host, s.Socket))
			}
		}
		for _, r := range c.Routes {
			at(t, r.At, "_pass")
		}
		for _, u := range c.Uses {
			at(t, u.At, filepath.Base(u.Path), "error_page", "_pass", "$", "listen unix")
		}
		for _, m := range c.Missing {
			at(t, m.At, "include")
		}
		for _, a := range c.Accounts {
			at(t, a.At, "user "+a.Name, "user  "+a.Name)
		}
	}
}

// at fails unless the line holds one of the words.
func at(t *testing.T, p Position, words ...string) {
	t.Helper()
	text, err := os.ReadFile(p.File)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	if p.Line < 1 || p.Line > len(lines) || !slices.ContainsFunc(words, func(word string) bool { return strings.Contains(lines[p.Line-1], word) }) {
		t.Errorf("%s holds none of %q", p, words)
	}
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
	for i := range 1000 {
		fmt.Fprintf(&b, "server { listen 80; listen 443 ssl; server_name s%d.test *.s%d.test;\nlocation / { proxy_pass http://app%d:80; }\n", i, i, i)
		for j := range 5 {
			fmt.Fprintf(&b, "location ~ ^/%d/(a|b)\\.php$ { proxy_pass http://app%d:80; }\n", j, i)
		}
		b.WriteString("}\n")
	}
	b.WriteString("}\n")
	start := time.Now()
	c := nginxText(t, b.String())
	if len(c.Groups) != 1000 || len(c.Routes) != 1000*12 {
		t.Errorf("%d groups, %d routes", len(c.Groups), len(c.Routes))
	}
	t.Log(time.Since(start))
}
