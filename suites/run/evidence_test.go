package run

import (
	"strings"
	"testing"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/fault"
)

func TestEvidenceTellsOfReuse(t *testing.T) {
	f := &fault.Fault{Name: "conn.race", Level: fault.Request, Evidence: fault.Event}
	fired := func(target string, request int) upstream.Event {
		return upstream.Event{Seq: 5, Kind: upstream.Fired, Fault: f.Name, Target: target, Conn: 7, Request: request}
	}
	next := upstream.Event{Seq: 9, Kind: upstream.Requested, Target: "/gf/fault/", Conn: 8, Request: 1}
	for _, c := range []struct {
		meets  scenarios.Meets
		events []upstream.Event
		want   string
	}{
		{scenarios.MeetsRequest, []upstream.Event{fired("/gf/fault/", 1)}, "took effect on request 1 of connection 7"},
		{scenarios.MeetsRequest, []upstream.Event{fired("/gf/fault/", 2)}, "took effect on request 2 of connection 7, a reused one"},
		{scenarios.MeetsPrime, []upstream.Event{fired("/gf/prime", 2), next},
			"took effect on connection 7, kept after its request 2; the next request came as request 1 of connection 8"},
		{scenarios.MeetsPrime, []upstream.Event{fired("/gf/prime", 2)}, "the next request did not arrive"},
		{scenarios.MeetsPrime, []upstream.Event{fired("/gf/prime", 1), next}, ""},
		{scenarios.MeetsPrime, []upstream.Event{fired("/gf/fault/", 2), next}, ""},
		{scenarios.MeetsRequest, []upstream.Event{fired("/gf/prime", 2), next}, ""},
	} {
		cell := &cell{id: "gf", scenario: &scenarios.Scenario{Meets: c.meets}, fault: f}
		text, err := cell.newProof(c.events, 1, "").evidence()
		if (err == nil) != (c.want != "") || !strings.HasSuffix(text, c.want) {
			t.Errorf("%s, %+v: %q, %v, want %q", c.meets, c.events, text, err, c.want)
		}
	}
}

func TestHealthChecksAreNoAttempts(t *testing.T) {
	request := upstream.Event{Kind: upstream.Requested, Endpoint: "app"}
	refused := upstream.Event{Kind: upstream.KernelSaw, Endpoint: "app", Attempts: 7}
	elsewhere := upstream.Event{Kind: upstream.Accepted, Endpoint: "other"}
	for name, c := range map[string]struct {
		p         proof
		attempts  int
		uncounted bool
	}{
		"requests alone":          {proof{requests: []upstream.Event{request}, kernel: []upstream.Event{refused}}, 1, false},
		"none arrived":            {proof{kernel: []upstream.Event{refused}}, 0, true},
		"none at one of two":      {proof{requests: []upstream.Event{request, request}, accepts: []upstream.Event{elsewhere}}, 2, true},
		"a backend's application": {proof{begun: 2, kernel: []upstream.Event{refused}}, 2, false},
	} {
		c.p.probed = true
		if got := c.p.attempts(); got != c.attempts || c.p.uncounted() != c.uncounted {
			t.Errorf("%s: %d attempts, uncounted %v", name, got, c.p.uncounted())
		}
		c.p.probed = false
		if c.p.uncounted() {
			t.Errorf("%s: uncounted without health checks", name)
		}
	}
}
