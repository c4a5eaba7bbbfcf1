package run

import (
	"net/http"
	"testing"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/probe"
	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/fault"
)

func TestWholeLookingAnswersAreToldApart(t *testing.T) {
	answer := func(nonce, length string, body int64, excess int) probe.Exchange {
		head := http.Header{upstream.EndpointField: {"app"}, upstream.NonceField: {nonce}}
		if length != "" {
			head.Set(upstream.LengthField, length)
		}
		return probe.Exchange{Complete: true, Status: 200, Header: head, BodyLen: body, Excess: excess}
	}
	c := &cell{lane: &lane{endpoint: "app"}, id: "gf", scenario: &scenarios.Scenario{}, fault: &fault.Fault{}}
	p := c.newProof([]upstream.Event{{Kind: upstream.Requested, Target: "/gf/fault-1/", Conn: 3, Request: 2},
		{Kind: upstream.Requested, Target: "/gf/fault-11/", Conn: 3, Request: 3}}, 1, "")
	for _, test := range []struct {
		ex   probe.Exchange
		want string
	}{
		{answer("b-3-2", "", 5, 0), "200 passed"},
		{answer("b-3-2", "5", 5, 0), "200 passed"},
		{answer("b-3-2", "26", 0, 0), "200 silent"},
		{answer("b-3-2", "", 5, 7), "200 stray"},
		{answer("b-3-1"+upstream.StrayMark, "", 5, 0), "200 stray"},
		{answer("b-3-2"+upstream.StrayMark, "", 5, 0), "200 stray"},
		{answer("b-3-3", "", 5, 0), "200 stray"}, // another request of the same traffic
		{answer("b-9-9", "", 5, 0), "200 stray"},
		{answer("", "", 5, 0), "200 made"},
	} {
		if got := c.outcome(test.ex, c.numbered(0), p).String(); got != test.want {
			t.Errorf("%+v: %s, want %s", test.ex, got, test.want)
		}
	}
}

func TestAnErrorPageOfTheUpstreamIsMadeByTheGateway(t *testing.T) {
	c := &cell{lane: &lane{endpoint: "app"}, way: &way{}, id: "gf", scenario: &scenarios.Scenario{}, fault: &fault.Fault{}}
	p := c.newProof([]upstream.Event{
		{Kind: upstream.Requested, Target: "/?gatefault-cell=/gf/fault", Conn: 1, Request: 1},
		{Kind: upstream.Requested, Target: "/sorry", Conn: 2, Request: 1},
		{Kind: upstream.Requested, Target: "/?gatefault-cell=/gf-other/fault", Conn: 3, Request: 1},
	}, 1, "")
	for nonce, want := range map[string]string{"b-1-1": "200 passed", "b-2-1": "200 made", "b-3-1": "200 stray", "b-2-1" + upstream.StrayMark: "200 stray", "b-4-1": "200 stray"} {
		ex := probe.Exchange{Complete: true, Status: 200, Header: http.Header{upstream.EndpointField: {"app"}, upstream.NonceField: {nonce}}}
		if got := c.outcome(ex, c.path(phaseFault), p).String(); got != want {
			t.Errorf("%s: %s, want %s", nonce, got, want)
		}
	}
}

func TestACutIsSilentOfWhicheverServerHadTheFault(t *testing.T) {
	c := &cell{lane: &lane{endpoint: "app1", further: []server{{endpoint: "app2"}}}, id: "gf", scenario: &scenarios.Scenario{}, fault: &fault.Fault{Incomplete: true}}
	p := c.newProof([]upstream.Event{{Kind: upstream.Requested, Target: "/gf/fault/", Conn: 1, Request: 1}}, 1, "")
	ex := probe.Exchange{Complete: true, Status: 200, Header: http.Header{upstream.EndpointField: {"app2"}, upstream.NonceField: {"b-1-1"}}}
	for target, want := range map[scenarios.Target]string{scenarios.Both: "200 silent", scenarios.Primary: "200 passed", scenarios.Backup: "200 silent"} {
		c.scenario.Target = target
		if got := c.outcome(ex, c.path(phaseFault), p).String(); got != want {
			t.Errorf("the fault is at %s: %s, want %s", target, got, want)
		}
	}
}
