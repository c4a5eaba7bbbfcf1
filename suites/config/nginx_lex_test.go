package config

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// told writes directives in one line each, with their lines and the depth as indentation.
func told(all []directive, indent string) []string {
	var lines []string
	for _, d := range all {
		words := append([]string{d.name}, d.args...)
		lines = append(lines, indent+strings.Join(words, "|")+" @"+d.at.String())
		lines = append(lines, told(d.block, indent+"  ")...)
	}
	return lines
}

func parseNginx(t testing.TB, text string) []directive {
	t.Helper()
	all, err := (&nginxParser{files: &Files{}}).file("/etc/nginx/nginx.conf", text)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestNginxLexer(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"words", "a b  c;d;", []string{"a|b|c @:1", "d @:1"}},
		{"lines", "a\n  b\n;\n\n# c;\nd e; # f\n", []string{"a|b @:1", "d|e @:6"}},
		{"carriage returns", "a b;\r\nc;\r\n", []string{"a|b @:1", "c @:2"}},
		{"quotes", `a "b c;{}" 'd "e"';`, []string{`a|b c;{}|d "e" @:1`}},
		{"lines within quotes", "a 'b\nc';\nd;", []string{"a|b\nc @:1", "d @:3"}},
		{"escapes", `a "q\"q" b\;c \.php$ "x\\y\tz";`, []string{`a|q"q|b\;c|\.php$|x\y` + "\tz @:1"}},
		{"comment within a word", "a b#c;", []string{"a|b#c @:1"}},
		{"block", "a {\n b c;\n d { e; }\n}\nf;", []string{"a @:1", "  b|c @:2", "  d @:3", "    e @:3", "f @:5"}},
		{"block without a space", "a{b;}c;", []string{"a @:1", "  b @:1", "c @:1"}},
		{"variable in braces", "a ${b}c $d{e;}", []string{"a|${b}c|$d @:1", "  e @:1"}},
		{"regular expression", `location ~ "^/a{2}$" { b; }`, []string{`location|~|^/a{2}$ @:1`, "  b @:1"}},
		{"condition", `if ($a = "b") { c; }`, []string{`if|($a|=|b|) @:1`, "  c @:1"}},
		{"lua", "a_by_lua_block {\n local s = \"}\" -- }\n --[[ }\n ]] x = { [[}]] }\n}\nb;", []string{"a_by_lua_block @:1", "b @:6"}},
		{"lua that never ends", "a_by_lua_block { [==[ } b;", []string{"a_by_lua_block @:1"}},
		{"closing brace after an unfinished directive", "a { b c }\nd;", []string{"a @:1", "  b|c @:1", "d @:2"}},
		{"closing brace too many", "a; }\nb;", []string{"a @:1", "b @:2"}},
		{"end of file within a block", "a { b c", []string{"a @:1", "  b|c @:1"}},
		{"end of file within quotes", "a 'b", []string{"a|b @:1"}},
		{"backslash at the end", `a b\`, []string{`a|b\ @:1`}},
		{"semicolons", ";;a;;", []string{"a @:1"}},
	} {
		if diff := cmp.Diff(c.want, told(parseNginx(t, c.text), "")); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

func TestNginxTimes(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"60": time.Minute, "500ms": 500 * time.Millisecond, "1h30m": 90 * time.Minute, "1h 30m": 90 * time.Minute, "2d": 48 * time.Hour,
		"1M": 30 * 24 * time.Hour, "0": 0,
	} {
		if got, ok := nginxTime(text); got != want || !ok {
			t.Errorf("%q is %v, %t", text, got, ok)
		}
	}
	for _, text := range []string{"", "s", "5x", "-1", "$time", "99999999999"} {
		if got, ok := nginxTime(text); ok {
			t.Errorf("%q is %v", text, got)
		}
	}
}

// FuzzNginxLexer holds that any text is read to its end, and that no line is made up.
func FuzzNginxLexer(f *testing.F) {
	f.Add("http { server { listen 80; location ~ \"a{2}\" { proxy_pass http://${x}:80; } } }")
	f.Add("content_by_lua_block { --[==[ } ]==] '}' }\na 'b\\'';")
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Count(text, "\n") + 1
		all, err := (&nginxParser{files: &Files{}}).file("/etc/nginx/nginx.conf", text)
		if err != nil && !strings.Contains(err.Error(), "nested") {
			t.Fatal(err)
		}
		var inspect func([]directive)
		inspect = func(all []directive) {
			for _, d := range all {
				if d.at.Line < 1 || d.at.Line > lines {
					t.Fatalf("%q is in line %d of %d", d.name, d.at.Line, lines)
				}
				inspect(d.block)
			}
		}
		inspect(all)
	})
}

// TestNginxLexerIsLinear reads what would take for ever if anything were read again and again.
func TestNginxLexerIsLinear(t *testing.T) {
	for _, part := range []string{"#\n", "a b;", "a{}", "'", "[", "\\", "$", "x_by_lua_block{[=", "--"} {
		parseNginx(t, strings.Repeat(part, 20_000))
	}
	if _, err := (&nginxParser{files: &Files{}}).file("", strings.Repeat("a{", 20_000)); err == nil {
		t.Error("blocks in blocks in blocks are read")
	}
}

func TestNginxIncludes(t *testing.T) {
	dir := folder(t, map[string]string{
		"nginx.conf":    "a;\ninclude conf.d/*.conf;\ninclude mime.types;\nb;",
		"conf.d/1.conf": "c { include snippets/x.conf; }", "conf.d/2.conf": "\nd;", "snippets/x.conf": "\n\ne f;", "loop.conf": "include loop.conf;",
	})
	files := open(t, Source{Path: dir, Home: "/etc/nginx", Main: "nginx.conf"})
	p := &nginxParser{files: files}
	text, _ := files.ReadMain()
	all, err := p.file(files.Main(), text)
	want := []string{"a @nginx.conf:1", "c @conf.d/1.conf:1", "  e|f @snippets/x.conf:3", "d @conf.d/2.conf:2", "b @nginx.conf:4"}
	got := told(all, "")
	for i := range got {
		got[i] = strings.ReplaceAll(got[i], dir+"/", "")
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	if !slices.Equal(p.missing, []Missing{{Path: "/etc/nginx/mime.types", At: Position{File: dir + "/nginx.conf", Line: 3}}}) {
		t.Errorf("missing: %v", p.missing)
	}
	if _, err := p.file("/etc/nginx/loop.conf", "include loop.conf;"); err == nil || !strings.Contains(err.Error(), "include itself") {
		t.Errorf("a file that includes itself gives %v", err)
	}
}
