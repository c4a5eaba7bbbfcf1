package run

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/gatefault/gatefault/suites/config"
)

// servers reads app:8080, 10.0.0.1:80 and unix:/path.
func servers(text string) (out []config.Server) {
	for _, part := range strings.Fields(text) {
		if path, ok := strings.CutPrefix(part, "unix:"); ok {
			out = append(out, config.Server{Socket: path})
			continue
		}
		i := strings.LastIndexByte(part, ':')
		s := config.Server{Host: strings.Trim(part[:i], "[]")}
		fmt.Sscan(part[i+1:], &s.Port)
		out = append(out, s)
	}
	return out
}

func TestRoutesThatShareServersShareAStrand(t *testing.T) {
	for _, c := range []struct {
		routes []string
		want   string // of each strand: mode, routes
	}{
		{[]string{"app:80", "app:81"}, "0 [app:80], 0 [app:81]"},
		{[]string{"app:80 b:80", "c:80", "b:80", "c:80 b:80"}, "0 [app:80 b:80 b:80 c:80 c:80 b:80]"},
		{[]string{"app:80", "10.0.0.1:80", "unix:/run/a"}, "0 [app:80], 1 [10.0.0.1:80], 1 [unix:/run/a]"},
		{[]string{"localhost:80", "127.0.0.1:80", "[::1]:80", "[::ffff:127.0.0.1]:80"}, "2 [[::1]:80], 2 [localhost:80 127.0.0.1:80 [::ffff:127.0.0.1]:80]"},
		// A host is at one place: what one strand needs of it holds for the others.
		{[]string{"app:80", "app:81 127.0.0.1:82", "App:83 10.0.0.1:80", "10.0.0.1:81"}, "2 [app:80], 2 [app:81 127.0.0.1:82], 2 [App:83 10.0.0.1:80], 2 [10.0.0.1:81]"},
	} {
		var ways []*way
		for _, r := range c.routes {
			ways = append(ways, &way{Route: Route{Name: r, Servers: servers(r)}})
		}
		var got []string
		for _, s := range strands(ways) {
			var names []string
			for _, w := range s.ways {
				names = append(names, w.Name)
				if w.strand != s {
					t.Errorf("%s does not know its strand", w.Name)
				}
			}
			got = append(got, fmt.Sprint(int(s.mode), " ", names))
		}
		if text := strings.Join(got, ", "); text != c.want {
			t.Errorf("%q: got %s, want %s", c.routes, text, c.want)
		}
	}
}

func TestHostsHavePlaces(t *testing.T) {
	own := netip.MustParseAddr("10.83.0.2")
	for _, c := range []struct {
		routes []string
		want   string // of each house: what it is known as and what it takes
	}{
		{[]string{"a:80 b:81", "c:82"}, "[a b c] map[a:10.83.0.2 b:10.83.0.2 c:10.83.0.2] []"},
		{[]string{"a:80 b:80"}, "[a] map[a:10.83.0.2 b:10.83.0.254] [10.83.0.254]"},
		{[]string{"a:80", "b:80", "a:81", "c:81"}, "[b c] map[b:10.83.0.2 c:10.83.0.2] [], [a] map[a:10.83.0.2] []"},
		{[]string{"10.0.0.1:80 10.0.0.1:81", "unix:/run/a"}, "[] map[10.0.0.1:10.0.0.1] [10.0.0.1]"},
		{[]string{"a:1", "b:1", "c:1", "d:1", "e:1", "f:1", "g:1"},
			"[a] map[a:10.83.0.2 g:10.83.0.254] [10.83.0.254], [b] map[b:10.83.0.2] [], [c] map[c:10.83.0.2] [], [d] map[d:10.83.0.2] [], [e] map[e:10.83.0.2] [], [f] map[f:10.83.0.2] []"},
	} {
		var ways []*way
		for _, r := range c.routes {
			ways = append(ways, &way{Route: Route{Name: r, Servers: servers(r)}})
		}
		var got []string
		for _, h := range houses(strands(ways)) {
			last := netip.MustParseAddr("10.83.0.255")
			s := arrange(h.strands, func() netip.Addr { last = last.Prev(); return last }).at(own)
			got = append(got, fmt.Sprint(s.aliases, " ", s.addrs, " ", s.taken))
		}
		if text := strings.Join(got, ", "); text != c.want {
			t.Errorf("%q: got %s, want %s", c.routes, text, c.want)
		}
	}
}

func TestEndpointsAreNamedAfterServers(t *testing.T) {
	for key, want := range map[string]string{
		"app:8080": "app:8080.3-1", "[::1]:80": "[::1]:80.3-1", "unix:/run/php/fpm.sock": "run-php-fpm.sock.3-1", "a_b:80": "a_b:80.3-1",
		"x" + strings.Repeat("y", 80) + ":80": "x" + strings.Repeat("y", 47) + ".3-1",
	} {
		got := endpointID(key, 3, 1)
		if got != want || len(got) > 64 || !strings.HasPrefix(want, serverOf(got)) {
			t.Errorf("%s: %s (%s), want %s", key, got, serverOf(got), want)
		}
	}
}
