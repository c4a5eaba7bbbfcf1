package gateway

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

func startGo(t *testing.T, profile string, lanes []Lane) *Running {
	t.Helper()
	lanes = slices.Clone(lanes)
	for i := range lanes {
		lanes[i].Socket = "" // these profiles know their upstream by its address
	}
	r, err := Start(testContext(t), Spec{Definition: definitions(t)["go"], Profile: profile, Lanes: lanes, Place: PlaceEmbedded})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopped(t, r.Stop) })
	return r
}

func TestEmbeddedServesEveryProfile(t *testing.T) {
	lanes := loopbackUpstreams(t, 3)
	for _, profile := range []string{"plain", "keepalive"} {
		r := startGo(t, profile, lanes)
		proveLanes(t, r, upstreamAnswer)
		if r.Version() != runtime.Version() || r.Image() != "embedded" {
			t.Errorf("version %q, image %q", r.Version(), r.Image())
		}
	}
}

func TestEmbeddedReusesConnectionsOnlyInKeepalive(t *testing.T) {
	for profile, want := range map[string]int32{"plain": 3, "keepalive": 1} {
		upstream, connections := countingUpstream(t)
		r := startGo(t, profile, []Lane{{Upstream: upstream}})
		for range 3 {
			get(t, r.LaneAddr(0), "/")
		}
		if got := connections.Load(); got != want {
			t.Errorf("%s: %d connections for 3 requests, want %d", profile, got, want)
		}
	}
}

func TestEmbeddedLogsErrorsAndAbortedAnswersUnderTheirLane(t *testing.T) {
	cut := cuttingUpstream(t)
	r := startGo(t, "plain", []Lane{{Upstream: cut}, {Index: 1, Upstream: refusingAddress(t)}})
	answer, err := http.Get("http://" + r.LaneAddr(0).String() + "/gf-0badcafe-1/")
	if err == nil {
		_, err = io.ReadAll(answer.Body)
		answer.Body.Close()
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v, want a cut answer", err)
	}
	if status, _ := get(t, r.LaneAddr(1), "/gf-0badcafe-2/"); status != http.StatusBadGateway {
		t.Errorf("got %d, want 502", status)
	}
	for _, words := range []string{"lane0 httputil: ReverseProxy read error during body copy", "aborted", "lane1 http: proxy error"} {
		if err := r.Logs().Await(testContext(t), words); err != nil {
			t.Error(err)
		}
	}
	if got := texts(r.Logs().Lines("gf-0badcafe-2", "lane1", time.Time{}, time.Now())); !strings.Contains(got, "connection refused") {
		t.Errorf("lines of the cell: %s", got)
	}
}

// cuttingUpstream promises more than it sends. What it sends is more than the proxy's server buffers, so that the client
// gets a head.
func cuttingUpstream(t *testing.T) netip.AddrPort {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"+strings.Repeat("x", 50000))
	}))
	t.Cleanup(server.Close)
	return netip.MustParseAddrPort(server.Listener.Addr().String())
}

func refusingAddress(t *testing.T) netip.AddrPort {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	return netip.MustParseAddrPort(listener.Addr().String())
}

func TestEmbeddedPortInUse(t *testing.T) {
	lanes := loopbackUpstreams(t, 2)
	lanes[1].Listen = lanes[1].Upstream.Port()
	_, err := Start(testContext(t), Spec{Definition: definitions(t)["go"], Profile: "plain", Lanes: lanes, Place: PlaceEmbedded})
	assertStartError(t, err, "address already in use")
}

func TestSpecsThatMakeNoSense(t *testing.T) {
	all := definitions(t)
	lanes := []Lane{{Upstream: netip.MustParseAddrPort("192.0.2.1:80")}}
	for want, spec := range map[string]Spec{
		"a definition and at least one lane are needed":                           {Definition: all["nginx"], Profile: "plain", Place: PlaceLocal},
		`gateway nginx cannot have this profile: it has no profile "plan", only `: {Definition: all["nginx"], Profile: "plan", Place: PlaceLocal, Lanes: lanes},
		`gateway nginx cannot run in place "embedded"`:                            {Definition: all["nginx"], Profile: "plain", Place: PlaceEmbedded, Lanes: lanes},
		`gateway go cannot run in place "local"`:                                  {Definition: all["go"], Profile: "plain", Place: PlaceLocal, Lanes: lanes},
		`unknown place "moon"`:                                                    {Definition: all["nginx"], Profile: "plain", Place: "moon", Lanes: lanes},
		"a container needs an engine and a network":                               {Definition: all["nginx"], Profile: "plain", Place: PlaceContainer, Lanes: lanes},
		"lane 7 stands at place 0":                                                {Definition: all["nginx"], Profile: "plain", Place: PlaceLocal, Lanes: []Lane{{Index: 7}}},
	} {
		if _, err := Start(t.Context(), spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
