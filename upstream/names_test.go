package upstream_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/fault"
)

// named is an upstream with a name server and one endpoint, app.
func named(t *testing.T) (*upstream.Upstream, *upstream.Endpoint) {
	t.Helper()
	up, err := upstream.New(upstream.Options{NameServer: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := up.Close(); err != nil {
			t.Error(err)
		}
	})
	return up, listenNamed(t, up, "App")
}

func listenNamed(t *testing.T, up *upstream.Upstream, id string) *upstream.Endpoint {
	t.Helper()
	ep, err := up.Listen(upstream.EndpointConfig{ID: id, Address: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	return ep
}

// lookUp asks the upstream's name server and tells the answer in a word.
func lookUp(t *testing.T, up *upstream.Upstream, name string) string {
	t.Helper()
	r := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, "udp", up.NameServer().String())
		if err == nil {
			context.AfterFunc(ctx, func() { _ = c.Close() }) // Go's resolver awaits its own timeout otherwise
		}
		return c, err
	}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	addrs, err := r.LookupNetIP(ctx, "ip4", name+".")
	var failed *net.DNSError
	switch {
	case err == nil:
		return fmt.Sprint(addrs)
	case errors.As(err, &failed) && failed.IsTimeout:
		return "timeout"
	case errors.As(err, &failed):
		return failed.Err
	}
	return err.Error()
}

func queries(up *upstream.Upstream, endpoint string) (out []string) {
	for _, e := range up.Journal().After(0, upstream.Filter{Endpoint: endpoint, Kind: upstream.Queried}, 1000).Events {
		out = append(out, strings.TrimSpace(e.Type+" "+e.Name+" "+e.Answer+" "+e.How+" "+e.Fault))
	}
	return out
}

func TestEveryEndpointHasAName(t *testing.T) {
	up, ep := named(t)
	if ep.Domain() != "app.gatefault.test" || ep.State().Domain != ep.Domain() {
		t.Errorf("domain %q, state %+v", ep.Domain(), ep.State())
	}
	if got := lookUp(t, up, ep.Domain()); got != "[127.0.0.1]" {
		t.Errorf("got %s", got)
	}
	if got := queries(up, "App"); !slices.Equal(got, []string{"A app.gatefault.test 127.0.0.1 udp"}) {
		t.Errorf("journal %q", got)
	}
	if same := listenNamed(t, up, "APP"); same.Domain() == ep.Domain() || !strings.HasPrefix(same.Domain(), "app-") {
		t.Errorf("two endpoints are called %q", same.Domain())
	}
	if odd := listenNamed(t, up, "a.b:c_"); odd.Domain() != "a-b-c.gatefault.test" {
		t.Errorf("domain %q", odd.Domain())
	}
	ep.Close()
	if got := lookUp(t, up, "app.gatefault.test"); got != "no such host" {
		t.Errorf("after its end: %s", got)
	}
}

func TestNameServerAnswersAsTheFaultSays(t *testing.T) {
	const own, old, absent, failing = "[127.0.0.1]", "[127.128.0.1]", "no such host", "server misbehaving"
	// Go asks twice when a server misbehaves.
	wants := map[string][]string{
		"dns.nxdomain": {absent, absent}, "dns.nodata": {absent, absent}, "dns.servfail": {failing}, "dns.refused": {failing},
		"dns.timeout": {"timeout"}, "dns.stale": {old, old}, "dns.stale-taken": {old, old},
		"dns.split": {old, own, old, own}, "dns.flap": {absent, own, absent, own},
	}
	for _, f := range fault.All() {
		if f.Evidence == fault.Query && wants[f.Name] == nil {
			t.Errorf("%s has no test", f.Name)
		}
	}
	for name, want := range wants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			up, ep := named(t)
			setPlan(t, ep, upstream.Rule{Fault: name})
			for i, expected := range want {
				if got := lookUp(t, up, ep.Domain()); got != expected {
					t.Errorf("question %d: got %s, want %s", i+1, got, expected)
				}
			}
			if got := queries(up, "App"); !strings.HasSuffix(got[0], "udp "+name) {
				t.Errorf("journal %q", got)
			}
			if up.Journal().Fired()[name] == 0 {
				t.Errorf("fired %v", up.Journal().Fired())
			}
			if err := ep.Clear(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := lookUp(t, up, ep.Domain()); got != own {
				t.Errorf("after clearing: %s", got)
			}
		})
	}
}

func TestParametersOfSplitAndFlap(t *testing.T) {
	up, ep := named(t)
	sequence := func(r upstream.Rule, n int) (out []string) {
		setPlan(t, ep, r)
		for range n {
			out = append(out, lookUp(t, up, ep.Domain()))
		}
		return out
	}
	const own, old, absent = "[127.0.0.1]", "[127.128.0.1]", "no such host"
	if got := sequence(upstream.Rule{Fault: "dns.split", Params: fault.Args{"servers": "3"}}, 4); !slices.Equal(got, []string{old, own, own, old}) {
		t.Errorf("split: %v", got)
	}
	got := sequence(upstream.Rule{Fault: "dns.flap", Params: fault.Args{"wrong": "2", "right": "1"}}, 4)
	if !slices.Equal(got, []string{absent, absent, own, absent}) {
		t.Errorf("flap: %v", got)
	}
}

func TestOldAddressRefusesOrBelongsToAnother(t *testing.T) {
	up, ep := named(t)
	there := netip.AddrPortFrom(netip.MustParseAddr("127.128.0.1"), ep.Addr().Port()).String()
	setPlan(t, ep, upstream.Rule{Fault: "dns.stale"})
	if c, err := net.Dial("tcp", there); err == nil {
		_ = c.Close()
		t.Error("somebody listens at the old address")
	}
	setPlan(t, ep, upstream.Rule{Fault: "dns.stale-taken"})
	if head, _ := talk(t, up.Endpoint("App.old"), "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); !strings.Contains(head, upstream.EndpointField+": App.old") {
		t.Errorf("the old address answers %q", head)
	}
	if got := up.Endpoint("App.old").Addr().String(); got != there {
		t.Errorf("the other service is at %s", got)
	}
	if err := up.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	if up.Endpoint("App.old") != nil {
		t.Error("the other service is still there")
	}
}

func TestNameFaultsThatCannotBeDone(t *testing.T) {
	up, _ := named(t)
	none, err := upstream.New(upstream.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer none.Close()
	if ability := none.Abilities().NameServer; !strings.Contains(ability, "--dns") {
		t.Errorf("ability %q", ability)
	}
	wide, err := up.Listen(upstream.EndpointConfig{Address: "0.0.0.0:0"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		ep          *upstream.Endpoint
		fault, want string
	}{
		{listenNamed(t, none, "app"), "dns.nxdomain", "no name server"},
		{wide, "dns.stale", "listens on every address"},
	} {
		err := c.ep.SetPlan(t.Context(), upstream.Plan{Rules: []upstream.Rule{{Fault: c.fault}}}, upstream.Keep)
		if !errors.Is(err, upstream.ErrUnsupported) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.fault, err)
		}
	}
}

func TestNameServerWithoutAPort(t *testing.T) {
	first, _ := named(t)
	second, err := upstream.New(upstream.Options{NameServer: first.NameServer().String()})
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if got := second.Abilities().NameServer; !strings.Contains(got, "address already in use") || second.NameServer().IsValid() {
		t.Errorf("ability %q", got)
	}
}
