package config

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// What haproxy -dC shows of the same lines was taken as the standard.
func TestHAProxyWords(t *testing.T) {
	env := map[string]string{"FOO": "foo", "LIST": "1 2"}
	for line, want := range map[string][]string{
		`a b  c`:                      {"a", "b", "c"},
		"\ta\tb # c":                  {"a", "b"},
		`a#b c`:                       {"a"},
		`a'#'b "c # d"`:               {"a#b", "c # d"},
		`"" x ''`:                     {"", "x", ""},
		`[a\.b] [a\"b] [a\'b]`:        {`[a\.b]`, `[a"b]`, `[a'b]`},
		`a\ b \# [a\\b] [\x41\n]`:     {"a b", "#", `[a\b]`, "[A\n]"},
		`"[\.]" "[\']" "[\$]" a\$b`:   {`[\.]`, `[']`, `[$]`, `a\$b`},
		`$FOO "$FOO.x" "${FOO}y"`:     {"$FOO", "foo.x", "fooy"},
		`'$FOO\x41'`:                  {`$FOO\x41`},
		`"${NO}" "${NO-x y}"`:         {"", "x y"},
		`"${LIST[*]}" "a${LIST[*]}b"`: {"1", "2", "a1", "2b"},
		`"open "quote`:                {"open quote"},
		`"never closed`:               {"never closed"},
		`'never closed`:               {"never closed"},
		`a\`:                          {"a"},
		`"$" "${"`:                    {"$", "${"},
		`\x4`:                         {`\x4`},
		"":                            nil,
	} {
		if got := haproxyWords(line, env); !slices.Equal(got, want) {
			t.Errorf("%s\ngot  %q\nwant %q", line, got, want)
		}
	}
}

func TestHAProxyTime(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"5000": 5 * time.Second, "5s": 5 * time.Second, "1m": time.Minute, "500ms": 500 * time.Millisecond, "10us": 10 * time.Microsecond,
		"1h": time.Hour, "2d": 48 * time.Hour, "": 0, "x": 0, "5 s": 0, "5w": 0, "-5s": 0,
	} {
		if got := haproxyTime(text); got != want {
			t.Errorf("%q is %v, want %v", text, got, want)
		}
	}
	if got := haproxyTime("2147483647d"); got < 100*365*24*time.Hour {
		t.Errorf("a very long time is %v", got)
	}
}

func TestHAProxyAddresses(t *testing.T) {
	for text, want := range map[string]string{
		":80":              ":80",
		"*:80":             ":80",
		"0.0.0.0:80":       ":80",
		":::80":            ":80",
		"[::]:80":          ":80",
		"[::1]:80":         "::1:80",
		"ipv4@10.0.0.1:80": "10.0.0.1:80",
		"app":              "app",
		"[2001:db8::1]":    "2001:db8::1",
		"app:8000-8002":    "app:8000:8001:8002",
		"app:+100":         "app",
		"app:99999":        "app",
		"/run/x.sock":      "unix /run/x.sock",
		"unix@/run/x":      "unix /run/x",
		"abns@x":           "no",
		"fd@3":             "no",
		"quic4@:443":       "no",
		"":                 "",
	} {
		a, ok := parseHAProxyAddress(text)
		got := a.host
		for _, port := range a.ports {
			got += Server{Port: port}.Key()
		}
		if a.socket != "" {
			got = "unix " + a.socket
		}
		if !ok {
			got = "no"
		}
		if got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func TestHAProxyConditions(t *testing.T) {
	request := sample{host: "www.example.com", path: "/api/v1/users.php", method: "GET", entry: Entry{Port: 443, TLS: true}}
	for condition, want := range map[string]truth{
		"":                                    yes,
		"if TRUE":                             yes,
		"if FALSE":                            no,
		"unless FALSE":                        yes,
		"if METH_GET":                         yes,
		"if { method POST }":                  no,
		"if { path_beg /api }":                yes,
		"if { path_beg -i /API }":             yes,
		"if { path -m beg /api }":             yes,
		"if { path,lower -m end .PHP }":       yes,
		"if { path_dir v1 }":                  yes,
		"if { path_dir v }":                   no,
		"if { path_sub /v }":                  yes,
		`if { path_reg ^/api/v[0-9]+/ }`:      yes,
		`if { path_reg ^(?!x) }`:              unknown,
		"if { hdr(host) -i WWW.example.com }": yes,
		"if { req.hdr(Host),lower,field(1,:) www.example.com }": yes,
		"if { hdr_dom(host) -i example.com }":                   yes,
		"if { hdr_dom(host) -i ample.com }":                     no,
		"if { hdr_end(host) .example.com }":                     yes,
		"if { hdr_beg(host) www. static. }":                     yes,
		"if { base_beg www.example.com/api }":                   yes,
		"if { ssl_fc }":                                         yes,
		"if !{ ssl_fc }":                                        no,
		"if { ssl_fc_sni -m found }":                            yes,
		"if { dst_port 443 }":                                   yes,
		"if { hdr(x-forwarded-proto) https }":                   no,
		"if { hdr(x-a) -m found }":                              no,
		"if { src 10.0.0.0/8 }":                                 unknown,
		"if { src 10.0.0.0/8 } { path_beg /x }":                 no,
		"if { src 10.0.0.0/8 } or { path_beg /api }":            yes,
		"unless { src 10.0.0.0/8 }":                             unknown,
		"if site":                                               yes,
		"if !site || METH_POST":                                 no,
		"if ! site":                                             no,
		"if site undeclared":                                    unknown,
		"if {":                                                  unknown,
		"if { }":                                                unknown,
		"if { path -f /none }":                                  no,
	} {
		acls := haproxyACLs{byName: map[string][]haproxyTest{}, files: &Files{}}
		for _, line := range []string{"hdr(host) -i other.example.com", "hdr(host) -i www.example.com"} {
			acls.byName["site"] = append(acls.byName["site"], parseHAProxyTest(strings.Fields(line), acls.files, "/"))
		}
		if _, c := acls.condition(strings.Fields(condition)); c.holds(request) != want {
			t.Errorf("%s is %v, want %v", condition, c.holds(request), want)
		}
	}
}

func TestHAProxyBranches(t *testing.T) {
	env := map[string]string{"SET": "x"}
	for condition, want := range map[string]bool{
		"1": true, "0": false, "": false, "defined(SET)": true, "!defined(SET)": false, "defined(NOT)": false, "streq(a,a)": true,
		"strneq(a,a)": false, "feature(OPENSSL)": true, "version_atleast(2.4)": true, "version_before(2.4)": false,
		"defined(NOT) || streq(a,a)": true, "defined(SET) && streq(a,b)": false, "strstr(abc,b)": true,
	} {
		if got := haproxyTrue(condition, env); got != want {
			t.Errorf("%s is %v", condition, got)
		}
	}
}

func FuzzHAProxy(f *testing.F) {
	for _, text := range testConfigs(f, "haproxy", ".cfg") {
		f.Add(text)
	}
	src := homes["haproxy"]
	f.Fuzz(func(t *testing.T, text string) {
		p := newHAProxyParser(src)
		p.parse(text, "haproxy.cfg")
		checkConfig(t, p.config(&Files{}, src), strings.Count(text, "\n")+1)
	})
}
