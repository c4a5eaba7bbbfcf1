package upstream_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gatefault/gatefault/upstream"
)

// marked is a target whose mark stands in the query, as gatefault check writes it: nobody chooses what a user's URL begins with.
const (
	mark   = "gatefault-cell=/gf-ab12-7/fault"
	marked = "/api/health?max-age=60&" + mark
)

// sent sends a request for a target in each protocol and gives all of the answer's text.
func sent(t *testing.T, ep *upstream.Endpoint, p upstream.Protocol, target string) string {
	t.Helper()
	switch p {
	case upstream.FastCGI:
		c := dial(t, ep)
		_, _ = c.Write(fcgiRequest(1, false, [][2]string{{"REQUEST_METHOD", "GET"}, {"REQUEST_URI", target}}, ""))
		return strings.Join(fcgiTells(c), " ")
	case upstream.HTTP2:
		answer, err := client2(t).Get("http://" + ep.Addr().String() + target)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		_, _ = io.Copy(io.Discard, answer.Body)
		return answer.Status + " Cache-Control: " + strings.Join(answer.Header[http.CanonicalHeaderKey("Cache-Control")], ", ")
	}
	got, _ := talk(t, ep, strings.Replace(get, "/ ", target+" ", 1))
	return got
}

func TestTargetsWhoseMarkStandsInTheQuery(t *testing.T) {
	for name, cfg := range map[string]upstream.EndpointConfig{
		"http":    {InBand: true},
		"process": {Kind: upstream.Process, InBand: true},
		"fcgi":    {Protocol: upstream.FastCGI, InBand: true},
		"h2":      {Protocol: upstream.HTTP2, InBand: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			up, ep := start(t, cfg)
			setPlan(t, ep, upstream.Rule{Fault: "app.503", Match: upstream.Match{Target: mark}})
			if got := sent(t, ep, cfg.Protocol, marked); !strings.Contains(got, "503") {
				t.Errorf("the marked request got %q", got)
			}
			e := await(t, up, "request", kind(upstream.Requested))
			if e.Target != marked {
				t.Errorf("the journal has target %q", e.Target)
			}
			if page := up.Journal().After(0, upstream.Filter{Contains: "/gf-ab12-7/fault", Kind: upstream.Requested}, 9); len(page.Events) != 1 {
				t.Errorf("the journal has %d requests of the cell", len(page.Events))
			}
			other := sent(t, ep, cfg.Protocol, strings.Replace(marked, "gf-ab12-7", "gf-ab12-70", 1))
			if !strings.Contains(other, "200") || !strings.Contains(other, "Cache-Control: max-age=60") {
				t.Errorf("another cell's request got %q", other)
			}
		})
	}
}
