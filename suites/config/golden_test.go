package config

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// homes are where the configurations of testdata lie in the gateway's eyes.
var homes = map[string]Source{
	"apache":  {Home: "/etc/apache2", Main: "apache2.conf"},
	"caddy":   {Home: "/etc/caddy", Main: "Caddyfile"},
	"haproxy": {Home: "/etc/haproxy", Main: "haproxy.cfg"},
	"nginx":   {Home: "/etc/nginx", Main: "nginx.conf"},
}

// TestGolden reads each folder of testdata/PRODUCT and compares what was found out with the file beside it.
func TestGolden(t *testing.T) {
	for product, src := range homes {
		cases, err := filepath.Glob(filepath.Join("testdata", product, "*"))
		if err != nil || len(cases) == 0 {
			t.Fatalf("no configurations of %s: %v", product, err)
		}
		for _, dir := range cases {
			if info, err := os.Stat(dir); err != nil || !info.IsDir() {
				continue
			}
			t.Run(product+"/"+filepath.Base(dir), func(t *testing.T) {
				src := src
				src.Path = dir
				if _, err := os.Stat(filepath.Join(dir, "httpd.conf")); err == nil {
					src.Home = "/usr/local/apache2/conf"
				}
				src.Env = map[string]string{"APP_PORT": "8080"}
				c, err := Read(product, src)
				if err != nil {
					t.Fatal(err)
				}
				compare(t, dir+".golden", strings.ReplaceAll(c.dump(), dir+"/", ""))
			})
		}
	}
}

func compare(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs; if that is right, run the test with -update\n%s", file, diff)
	}
}

// dump tells a configuration in lines.
func (c *Config) dump() string {
	var b strings.Builder
	fmt.Fprintf(&b, "read %s\n", strings.Join(c.Read, " "))
	for _, e := range c.Entries {
		fmt.Fprintf(&b, "entry %s:%d%s @%s\n", e.Host, e.Port, flags("tls", e.TLS, "h2", e.HTTP2, "proxy", e.ProxyProtocol), e.At)
	}
	for _, g := range c.Groups {
		fmt.Fprintf(&b, "group %s %q%s%s %s @%s\n", g.Name, g.Protocol, flags("verify", g.Verify, "pool", g.Pool, "checked", g.Checked), word(" name ", g.ServerName), g.Wait.dump(), g.At)
		for _, s := range g.Servers {
			fmt.Fprintf(&b, "  %s %s%s @%s\n", s.Kind(), s.Key(), flags("backup", s.Backup), s.At)
		}
		if len(g.Resolvers) > 0 {
			fmt.Fprintf(&b, "  resolvers %s\n", strings.Join(g.Resolvers, " "))
		}
	}
	for _, r := range c.Routes {
		e := c.Entries[r.Entry]
		fmt.Fprintf(&b, "route :%d %s%s%s", e.Port, word("", r.Method+" "), r.Host, r.Path)
		for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
			fmt.Fprintf(&b, " %s: %s", name, r.Headers[name])
		}
		fmt.Fprintf(&b, " -> %s%s%s @%s\n", c.Groups[r.Group].Name, flags("websocket", r.WebSocket, "cache", r.Cache, "limit", r.RateLimit), word(" needs ", r.Needs), r.At)
	}
	for _, u := range c.Uses {
		status := ""
		if u.Status != 0 {
			status = fmt.Sprint(" ", u.Status)
		}
		fmt.Fprintf(&b, "use %s%s: %s%s%s%s @%s\n", u.Role, status, u.Path, flags("found", u.Found), word(" names ", strings.Join(u.Names, " ")), word(" pair ", u.Pair), u.At)
	}
	for _, m := range c.Missing {
		fmt.Fprintf(&b, "missing %s @%s\n", m.Path, m.At)
	}
	for _, a := range c.Accounts {
		fmt.Fprintf(&b, "account %s%s @%s\n", a.Name, flags("group", a.Group), a.At)
	}
	for _, list := range []struct{ title, text string }{{"names ", strings.Join(c.Names, " ")}, {"managed ", strings.Join(c.Managed, " ")}} {
		b.WriteString(word(list.title, list.text) + "\n")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

func (w Wait) dump() string {
	text := fmt.Sprintf("connect %s read %s tries %d", forever(w.Connect), forever(w.Read), w.Tries)
	if w.Within > 0 {
		text += " within " + w.Within.String()
	}
	return text + flags("(connects)", w.OnlyConnect)
}

func forever(d time.Duration) string {
	if d == 0 {
		return "for ever"
	}
	return d.String()
}

func word(title, text string) string {
	if strings.TrimSpace(text) == "" {
		return ""
	}
	return title + text
}

// flags lists the names whose values are true.
func flags(pairs ...any) string {
	text := ""
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1].(bool) {
			text += " " + pairs[i].(string)
		}
	}
	return text
}

// testConfigs are the texts of a product's test configurations, for fuzzing to begin with.
func testConfigs(f *testing.F, product, extension string) []string {
	var texts []string
	err := filepath.WalkDir(filepath.Join("testdata", product), func(file string, entry os.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() && strings.HasSuffix(file, extension) {
			text, err := os.ReadFile(file)
			texts = append(texts, string(text))
			return err
		}
		return err
	})
	if err != nil || len(texts) == 0 {
		f.Fatal("no configurations of "+product, err)
	}
	return texts
}

// checkConfig looks for what must hold of any configuration of so many lines.
func checkConfig(t *testing.T, c *Config, lines int) {
	t.Helper()
	for _, r := range c.Routes {
		if r.Entry < 0 || r.Entry >= len(c.Entries) || r.Group < 0 || r.Group >= len(c.Groups) {
			t.Errorf("route %+v leads from or to nothing", r)
		}
		if r.At.Line < 1 || r.At.Line > lines || !strings.HasPrefix(r.Path, "/") {
			t.Errorf("route %+v", r)
		}
	}
	for _, g := range c.Groups {
		if len(g.Servers) == 0 || g.Wait.Tries < 1 || g.Wait.Connect < 0 || g.Wait.Read < 0 {
			t.Errorf("group %+v", g)
		}
	}
	for _, u := range c.Uses {
		if !filepath.IsAbs(u.Path) || u.At.Line < 0 || u.At.Line > lines {
			t.Errorf("use %+v", u)
		}
	}
}
