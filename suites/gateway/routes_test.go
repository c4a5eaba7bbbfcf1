package gateway

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gatefault/gatefault/suites/config"
	"github.com/gatefault/gatefault/suites/sandbox"
)

// unreached are the ports of servers in testdata/routes that no request can get to.
var unreached = map[string][]uint16{
	"haproxy": {9002}, "caddy": {9020}, "apache": {9008, 9012, 9017, 9021},
}

// What is read in a configuration is where the product leads: the request of each route gets to a server of its group.
func TestRoutesLeadWhereTheProductLeads(t *testing.T) {
	program := upstreamProgram(t)
	for name, left := range unreached {
		t.Run(name, func(t *testing.T) {
			own := routesOwn(t, name, program)
			s := openSandbox(t, &own)
			upstreamIn(t, s, UpstreamSpec{Binary: program})
			r := startOwn(t, own)
			reached := map[uint16]bool{}
			for _, route := range own.Config.Routes {
				body := askRoute(t, s, own.Config, r, route)
				ok := slices.ContainsFunc(own.Config.Groups[route.Group].Servers, func(server config.Server) bool {
					reached[server.Port] = true
					return body == fmt.Sprintf("port %d secret", server.Port)
				})
				if !ok {
					t.Errorf("%s: %s %s%s %v gets %q", route.At, route.Method, route.Host, route.Path, route.Headers, body)
				}
			}
			for _, g := range own.Config.Groups {
				if port := g.Servers[0].Port; reached[port] == slices.Contains(left, port) {
					t.Errorf("port %d is reached: %v", port, reached[port])
				}
			}
		})
	}
}

// routesOwn is a configuration of testdata/routes on this machine's own programs.
func routesOwn(t *testing.T, name, program string) Own {
	t.Helper()
	d := definitions(t)[name]
	source := config.Source{Path: filepath.Join("testdata", "routes", name), Home: d.Own.Home, Main: d.Own.Main, Env: d.Own.Env}
	read, err := config.Read(name, source)
	if err != nil {
		t.Fatal(err)
	}
	return Own{Definition: d, Config: read, Source: source, Place: PlaceLocal, Program: program, Hosts: map[string]netip.Addr{"app": sandbox.FarAddr}}
}

// askRoute sends the request that leads to a route.
func askRoute(t *testing.T, s *Sandbox, c *config.Config, r *Running, route config.Route) string {
	t.Helper()
	entry, scheme := c.Entries[route.Entry], "http"
	if entry.TLS {
		scheme = "https"
	}
	request, err := http.NewRequestWithContext(t.Context(), cmp.Or(route.Method, http.MethodGet), scheme+"://"+r.EntryAddr(entry.Port).String()+route.Path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = route.Host
	for field, value := range route.Headers {
		request.Header.Set(field, value)
	}
	answer, err := clientIn(s, route.Host).Transport.RoundTrip(request)
	if err != nil {
		return err.Error()
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err.Error()
	}
	return string(body)
}
