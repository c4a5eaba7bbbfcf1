package gateway

import (
	"errors"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/testcontainers/testcontainers-go"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/gatefault/gatefault/upstream/dns"
)

// named is a lane whose upstream has a name.
func named(upstream netip.AddrPort) Lane {
	return Lane{Upstream: upstream, Domain: "app.gatefault.test", Resolver: netip.MustParseAddrPort("192.0.2.53:53")}
}

func TestContainersThatAskTheirSystemGetAResolvConf(t *testing.T) {
	lane := named(netip.MustParseAddrPort("192.0.2.1:80"))
	for _, c := range []struct {
		gateway, profile string
		wrapped, patient bool
	}{{"apache", "dns", true, true}, {"nginx", "dns", false, true}, {"apache", "plain", false, false}} {
		req := testcontainers.ContainerRequest{Entrypoint: []string{"server", "-f"}}
		Spec{Definition: definitions(t)[c.gateway], Profile: c.profile, Lanes: []Lane{lane}, Program: "/bin/gatefault"}.resolve(&req)
		want := []string{"server", "-f"}
		if c.wrapped {
			want = []string{"/tmp/gatefault", "resolve-by", "192.0.2.53", "server", "-f"}
		}
		if !slices.Equal(req.Entrypoint, want) || (len(req.Files) == 1) != c.wrapped {
			t.Errorf("%s %s: starts with %q and files %v", c.gateway, c.profile, req.Entrypoint, req.Files)
		}
		var host container.HostConfig
		if req.HostConfigModifier != nil {
			req.HostConfigModifier(&host)
		}
		if slices.Equal(host.DNSOptions, ResolverPatience) != c.patient {
			t.Errorf("%s %s: options %q", c.gateway, c.profile, host.DNSOptions)
		}
		var config container.Config
		if req.ConfigModifier != nil {
			req.ConfigModifier(&config)
		}
		if (config.User == "0:0") != c.wrapped {
			t.Errorf("%s %s: user %q", c.gateway, c.profile, config.User)
		}
	}
}

func TestLocalGatewayCannotHaveAResolvConfOfItsOwn(t *testing.T) {
	spec := Spec{Definition: definitions(t)["apache"], Profile: "dns", Place: PlaceLocal, Lanes: []Lane{named(netip.MustParseAddrPort("127.0.0.1:80"))}}
	if _, err := Start(testContext(t), spec); !errors.Is(err, ErrLacks) {
		t.Errorf("got %v", err)
	}
}

func TestEmbeddedGatewayLooksTheNameUpAtEachRequest(t *testing.T) {
	server, err := dns.Listen(dns.Options{Zone: "gatefault.test", Address: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	lane := loopbackUpstreams(t, 1)[0]
	lane.Domain, lane.Resolver = "app.gatefault.test", server.Addr()
	r, err := Start(testContext(t), Spec{Definition: definitions(t)["go"], Profile: "dns", Place: PlaceEmbedded, Lanes: []Lane{lane}})
	if err != nil {
		t.Fatal(err)
	}
	defer stopped(t, r.Stop)
	for _, c := range []struct {
		answer dns.Answer
		status int
		log    string
	}{
		{dns.Answer{Addr: lane.Upstream.Addr()}, http.StatusOK, ""},
		{dns.Answer{Code: dnsmessage.RCodeNameError}, http.StatusBadGateway, "no such host"},
		{dns.Answer{Addr: lane.Upstream.Addr()}, http.StatusOK, ""},
	} {
		server.Set("app", func(int) dns.Answer { return c.answer })
		answer, err := http.Get("http://" + r.LaneAddr(0).String() + "/")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
		if answer.StatusCode != c.status {
			t.Errorf("%+v: got %d", c.answer, answer.StatusCode)
		}
		if c.log != "" && !slices.ContainsFunc(r.Logs().Tail(10), func(l Line) bool { return strings.Contains(l.Text, c.log) }) {
			t.Errorf("%+v: log %v", c.answer, r.Logs().Tail(10))
		}
	}
	http.DefaultClient.CloseIdleConnections()
}
