package config

import (
	"regexp"
	"testing"
)

func TestMatching(t *testing.T) {
	for expr, want := range map[string]string{
		`^/api/v\d+/`:                   "/api/v1/",
		`\.php$`:                        ".php",
		`^/(en|de)/.*`:                  "/en/",
		`(?i)^/Static/`:                 "/static/",
		`^(www\.)?example\.com(:\d+)?$`: "example.com",
		`^/users/[0-9a-f]{4}$`:          "/users/aaaa",
		`^/[^/]+/edit$`:                 "/a/edit",
		`.`:                             "x",
		``:                              "",
	} {
		if got, ok := matching(expr); got != want || !ok {
			t.Errorf("%s: %q, %v; want %q", expr, got, ok, want)
		}
	}
	for _, expr := range []string{`^(?!/admin)`, `(`, `a\bb`, `[^\x00-\x{10FFFF}]`} {
		if got, ok := matching(expr); ok {
			t.Errorf("%s: %q", expr, got)
		}
	}
}

func FuzzMatching(f *testing.F) {
	f.Add(`^/a(b|c)*[^d]{2,5}$`)
	f.Fuzz(func(t *testing.T, expr string) {
		if text, ok := matching(expr); ok && !regexp.MustCompile(expr).MatchString(text) {
			t.Errorf("%q does not match %q", text, expr)
		}
	})
}
