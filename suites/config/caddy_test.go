package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCaddyTokens(t *testing.T) {
	for text, want := range map[string][]string{
		"a b\nc":                        {"a @1 first", "b @1", "c @2 first"},
		"a \\\n\tb\nc":                  {"a @1 first", "b @2", "c @3 first"},
		"a \"b \\\"c\\\" \\d\"":         {"a @1 first", `b "c" \d @1`},
		"a \"b\nc\" d\ne":               {"a @1 first", "b\nc @1", "d @2", "e @3 first"},
		"a `b \"c` d":                   {"a @1 first", `b "c @1`, "d @1"},
		"a # b\n# c\nd#e":               {"a @1 first", "d#e @3 first"},
		"a <<X\n  b\n    c\n  X 200\nd": {"a @1 first", "b\n  c @1", "200 @4", "d @5 first"},
		"a \\<<X b":                     {"a @1 first", "<<X @1", "b @1"},
		"a {\r\n\tb\r\n}\r\n":           {"a @1 first", "{ @1", "b @2 first", "} @3 first"},
		"\"never closed":                {"never closed @1 first"},
		"<<X\nnever closed":             {"never closed @1 first"},
		"":                              nil,
	} {
		var got []string
		for _, token := range caddyTokens(text, "") {
			line := token.text + " @" + token.at.String()[1:]
			if token.first {
				line += " first"
			}
			got = append(got, line)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q\ngot  %q\nwant %q", text, got, want)
		}
	}
}

func TestCaddyEnv(t *testing.T) {
	env := map[string]string{"HOST": "example.com", "EMPTY": ""}
	for text, want := range map[string]string{
		"{$HOST}:{$PORT:80} {$EMPTY:x} {$NO} {env.HOST} {$": "example.com:80   {env.HOST} {$",
		"{$}":           "{$}",
		"{$A:http://b}": "http://b",
	} {
		if got := caddyEnv(text, env); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func TestBrokenJSONNamesTheLine(t *testing.T) {
	for text, want := range map[string]string{
		"{\n\"a\": [1,\n}":        "line 3: ",
		"{}\n{}":                  "line 2: there is something behind the end",
		"{\n\"apps\": {\n\n":      "line ",
		strings.Repeat("[", 5000): "line 1: too many brackets in each other",
	} {
		dir := folder(t, map[string]string{"caddy.json": text})
		_, err := Read("caddy", Source{Path: dir, Home: "/etc/caddy", Main: "Caddyfile"})
		if err == nil || !strings.Contains(err.Error(), dir+"/caddy.json is no JSON: "+want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestEndlessImportsEndInASentence(t *testing.T) {
	dir := folder(t, map[string]string{"Caddyfile": "(a) {\n" + strings.Repeat("import a\n", 20) + "}\n:80 {\nimport a\n}\n"})
	_, err := Read("caddy", Source{Path: dir, Home: "/etc/caddy", Main: "Caddyfile"})
	if err == nil || !strings.Contains(err.Error(), "never end") {
		t.Errorf("%v", err)
	}
	dir = folder(t, map[string]string{"Caddyfile": "import Caddyfile\nimport Caddyfile\n"})
	_, err = Read("caddy", Source{Path: dir, Home: "/etc/caddy", Main: "Caddyfile"})
	if err == nil {
		t.Error("a file that imports itself is read")
	}
}

func TestCaddyAddresses(t *testing.T) {
	c := caddyReader{options: caddyOptions{httpPort: 80, httpsPort: 443}}
	for text, want := range map[string]string{
		"example.com": "example.com 443 tls", "http://example.com": "example.com 80", ":80": " 80", ":443": " 443 tls", ":8080": " 8080",
		"localhost:8080": "localhost 8080 tls", "http://localhost:8080": "localhost 8080", "https://": " 443 tls", "http://": " 80",
		"example.com:80": "example.com 80", "[::1]:8443": "::1 8443 tls", "*.example.com": "*.example.com 443 tls",
		"https://example.com:8443/path": "example.com 8443 tls", "127.0.0.1": "127.0.0.1 443 tls", "[::1]": "::1 443 tls",
	} {
		a := c.address(text)
		got := fmt.Sprintf("%s %d%s", a.host, a.port, flags("tls", c.secure(a, &caddySite{})))
		if got != want {
			t.Errorf("%s is %q, want %q", text, got, want)
		}
	}
}

func TestCaddyMatchers(t *testing.T) {
	request := caddyRequest{sample: sample{host: "a.example.com", path: "/api/v1/x.php?q=1", method: "GET", entry: Entry{TLS: true}}}
	for line, want := range map[string]truth{
		"path /api/v1/x.php": yes, "path /API/*": yes, "path /api": no, "path *.php": yes, "path */v1/*": yes, "path /api/*/x.php": yes,
		"path /api/*.php": no, "path /x /api*": yes, "path {foo}": unknown, "path_regexp ^/api/v[0-9]": yes, "path_regexp name ^/x": no,
		"path_regexp (": unknown, "host example.com a.example.com": yes, "host *.example.com": yes, "host *": no, "method GET POST": yes,
		"method POST": no, "protocol https": yes, "protocol http": no, "query q=1": yes, "query q=*": yes, "query q=2": no, "query x=1": no,
		"header X-A 1": no, "header !X-A": yes, "not path /api/*": no, "not method POST": yes, "remote_ip 10.0.0.0/8": unknown,
		"not remote_ip 10.0.0.0/8": unknown, "header Host *.example.com": yes, "file": unknown,
	} {
		d := caddyDirectives(caddyTokens("@x "+line, ""), 0)[0]
		if got := (caddyHandlers{}).set(d).holds(request); got != want {
			t.Errorf("%s is %v, want %v", line, got, want)
		}
	}
}

func TestCaddyTime(t *testing.T) {
	for text, want := range map[string]time.Duration{"5s": 5 * time.Second, "1d12h": 36 * time.Hour, "2d": 48 * time.Hour, "": 0, "x": 0, "-1s": 0, "5": 0} {
		if got := caddyTime(text); got != want {
			t.Errorf("%q is %v, want %v", text, got, want)
		}
	}
}

func FuzzCaddy(f *testing.F) {
	for _, text := range testConfigs(f, "caddy", "Caddyfile") {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p := newCaddyParser(&Files{}, homes["caddy"])
		tokens, err := p.expand(caddyTokens(caddyEnv(text, map[string]string{"A": "{"}), "Caddyfile"), "/etc/caddy/Caddyfile", 0)
		if err != nil {
			return
		}
		c := newCaddyReader(&Files{}, homes["caddy"])
		c.read(caddyBlocks(tokens))
		checkConfig(t, c.config, strings.Count(text, "\n")+1)
	})
}

func FuzzCaddyJSON(f *testing.F) {
	for _, text := range testConfigs(f, "caddy", ".json") {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c := newCaddyReader(&Files{}, homes["caddy"])
		if c.readJSON(text) == nil {
			checkConfig(t, c.config, strings.Count(text, "\n")+1)
		}
	})
}
