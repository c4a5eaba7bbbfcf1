package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestApacheLines(t *testing.T) {
	text := "A b\n  # no\\\nstill no\nB \\\n  c\nC d\\\\\n\n<D \"e f\">\r\n</D>\nE\\"
	var got []string
	for _, line := range apacheLines(text, "") {
		got = append(got, line.text+" @"+line.at.String()[1:])
	}
	want := []string{"A b @1", "B    c @4", `C d\\ @6`, `<D "e f"> @8`, "</D> @9"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestApacheWords(t *testing.T) {
	for text, want := range map[string][]string{
		`A b  c`:            {"A", "b", "c"},
		`A "b c" 'd "e"' f`: {"A", "b c", `d "e"`, "f"},
		`A "b \"c\" \d \\"`: {"A", `b "c" \d \`},
		`A ^/x\.y$ "z`:      {"A", `^/x\.y$`, "z"},
		`A ""`:              {"A", ""},
		``:                  nil,
	} {
		if got := apacheWords(text); !slices.Equal(got, want) {
			t.Errorf("%s\ngot  %q\nwant %q", text, got, want)
		}
	}
}

func TestApacheEnvvars(t *testing.T) {
	got := apacheEnvvars(`# comment A=b
unset HOME
if [ "${APACHE_CONFDIR##/etc/apache2-}" != "${APACHE_CONFDIR}" ] ; then
	SUFFIX="-${APACHE_CONFDIR##/etc/apache2-}"
else
	SUFFIX=
fi
export APACHE_RUN_DIR=/run/apache2$SUFFIX
export APACHE_PID_FILE="${APACHE_RUN_DIR}/apache2.pid" # here
: ${LANGUAGE:=C}
LANG='C'
export LANG
export OTHER=${NOTHING:-x}y
`)
	want := map[string]string{"APACHE_RUN_DIR": "/run/apache2", "APACHE_PID_FILE": "/run/apache2/apache2.pid", "LANG": "C", "OTHER": "xy"}
	if !maps.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestApacheTime(t *testing.T) {
	for text, want := range map[string]time.Duration{"5": 5 * time.Second, "500ms": 500 * time.Millisecond, "2min": 2 * time.Minute, "3s": 3 * time.Second, "": 7, "x": 7} {
		if got := apacheTime(text, 7); got != want {
			t.Errorf("%q is %v, want %v", text, got, want)
		}
	}
}

func TestApacheTargets(t *testing.T) {
	for text, want := range map[string]string{
		"http://app": "http app:80", "https://app/x": "https app:443", "http://app:8080/": "http app:8080", "ws://[::1]:9/": "ws [::1]:9",
		"unix:/run/a.sock|http://localhost/": "http unix:/run/a.sock", "proxy:fcgi://127.0.0.1:9000": "fcgi 127.0.0.1:9000",
		"http://app:3000$1": "http app:3000", "http://$1.internal/": "no", "http://%{HTTP_HOST}/": "no", "!": "no", "/local": "no",
		"http://": "no", "ftp://x": "no", "http://a b/": "no", "http://app:x/": "no", "fcgi://localhost/": "fcgi localhost:8000",
	} {
		target, ok := parseTarget(text, Position{})
		got := target.scheme + " " + target.server.Key()
		if !ok {
			got = "no"
		}
		if got != want {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
	}
}

func TestApachePaths(t *testing.T) {
	for _, c := range []struct {
		at, prefix string
		want       bool
	}{
		{"/api", "/api", true}, {"/api/x", "/api", true}, {"/apix", "/api", false}, {"/api", "/api/", false}, {"/x", "/", true},
	} {
		if got := aliasPrefix(c.at, c.prefix); got != c.want {
			t.Errorf("%s below %s is %v", c.at, c.prefix, got)
		}
	}
	for pattern, want := range map[string]bool{"/*/x": true, "/a/?": true, "/b*": false, "/a": true, "/a/x/y/z/..": false} {
		if got := locationMatches("/a/x/y", pattern); got != want {
			t.Errorf("%s is %v", pattern, got)
		}
	}
}

func TestRewriteConditions(t *testing.T) {
	s := sample{host: "www.example.com", path: "/a/b?q=1", method: "GET", entry: Entry{Port: 443, TLS: true}, fields: map[string]string{"upgrade": "websocket"}}
	for text, want := range map[string]truth{
		"%{HTTPS} on": yes, "%{HTTPS} !=on": no, "%{HTTPS} off [NC]": no, "%{HTTP_HOST} ^www\\. [NC]": yes, "%{HTTP_HOST} !^www": no,
		"%{REQUEST_URI} ^/a/": yes, "%{QUERY_STRING} q=1": yes, "%{REQUEST_METHOD} ^(POST|PUT)$": no, "%{SERVER_PORT} ^443$": yes,
		"%{HTTP:Upgrade} WEBSOCKET [NC]": yes, "%{HTTP:Upgrade} =websocket": yes, "%{HTTP_USER_AGENT} Mozilla": no, "%{REMOTE_ADDR} ^10\\.": unknown,
		"%{REQUEST_FILENAME} !-f": yes, "%{REQUEST_FILENAME} -d": no, "%{HTTPS}:%{HTTP_HOST} on": unknown, "%{HTTP_HOST} (?<!x)": unknown,
		"%{REQUEST_SCHEME} https": yes, "%{TIME_HOUR} >12": unknown,
	} {
		if got := condition(apacheWords(text)).holds(s); got != want {
			t.Errorf("%s is %v, want %v", text, got, want)
		}
	}
}

func TestApacheModulesDecideOnceTheyAreLoaded(t *testing.T) {
	for text, want := range map[string]string{
		"<IfModule ssl_module>\nListen 443\n</IfModule>":                                                             "443",
		"<IfModule !ssl_module>\nListen 443\n</IfModule>":                                                            "",
		"LoadModule alias_module x/mod_alias.so\n<IfModule mod_ssl.c>\nListen 443\n</IfModule>":                      "",
		"LoadModule ssl_module x/mod_ssl.so\n<IfModule mod_ssl.c>\nListen 443\n</IfModule>":                          "443",
		"LoadModule a_module x/mod_a.so\n<IfModule unixd_module>\n<IfModule !b>\nListen 1\n</IfModule>\n</IfModule>": "1",
		"Define X\n<IfDefine X>\nListen 1\n</IfDefine>\n<IfDefine !X>\nListen 2\n</IfDefine>":                        "1",
		"<IfVersion >= 2.4>\nListen 1\n</IfVersion>\n<IfVersion < 2.4>\nListen 2\n</IfVersion>":                      "1",
	} {
		dir := folder(t, map[string]string{"apache2.conf": text})
		c, err := Read("apache", Source{Path: dir, Home: "/etc/apache2", Main: "apache2.conf"})
		if err != nil {
			t.Fatal(err)
		}
		var ports []string
		for _, e := range c.Entries {
			ports = append(ports, fmt.Sprint(e.Port))
		}
		if got := strings.Join(ports, " "); got != want {
			t.Errorf("%s\nlistens on %q, want %q", text, got, want)
		}
	}
}

func TestApacheFilesThatIncludeThemselvesEnd(t *testing.T) {
	for _, text := range []string{"Include apache2.conf\n", "<Macro A>\nUse A\nUse A\n</Macro>\nUse A\n"} {
		dir := folder(t, map[string]string{"apache2.conf": text})
		_, err := Read("apache", Source{Path: dir, Home: "/etc/apache2", Main: "apache2.conf"})
		if err == nil || !strings.Contains(err.Error(), "never ends") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzApache(f *testing.F) {
	for _, text := range testConfigs(f, "apache", ".conf") {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p := newApacheParser(&Files{}, homes["apache"])
		all, err := p.lines(apacheLines(text, "apache2.conf"), 0)
		if err != nil {
			return
		}
		a := newApacheReader(&Files{}, p.root)
		a.read(all)
		checkConfig(t, a.config, strings.Count(text, "\n")+1)
	})
}
