package upstream_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/fault"
)

// statuses sends n requests one after the other on fresh connections and gives the status of each.
func statuses(t *testing.T, ep *upstream.Endpoint, n int) []int {
	t.Helper()
	out := make([]int, n)
	for i := range out {
		got, _ := talk(t, ep, get)
		_, _ = fmt.Sscanf(got, "HTTP/1.1 %d", &out[i])
	}
	return out
}

func TestAfterAndTimes(t *testing.T) {
	_, ep := start(t, upstream.EndpointConfig{})
	setPlan(t, ep, upstream.Rule{Fault: "app.503", After: 1, Times: 2})
	if got, want := fmt.Sprint(statuses(t, ep, 5)), "[200 503 503 200 200]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestFirstRuleWins(t *testing.T) {
	_, ep := start(t, upstream.EndpointConfig{})
	setPlan(t, ep, upstream.Rule{Fault: "app.503", Times: 1}, upstream.Rule{Fault: "app.502", Times: 1}, upstream.Rule{Fault: "app.500"})
	if got, want := fmt.Sprint(statuses(t, ep, 4)), "[503 502 500 500]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestSeedDecides(t *testing.T) {
	_, ep := start(t, upstream.EndpointConfig{})
	run := func(seed uint64) string {
		err := ep.SetPlan(t.Context(), upstream.Plan{Seed: seed,
			Rules: []upstream.Rule{{Fault: "app.503", Probability: 0.3}}}, upstream.Keep)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(statuses(t, ep, 60))
	}
	first := run(7)
	if again := run(7); again != first {
		t.Errorf("seed 7 gave\n%s and then\n%s", first, again)
	}
	if other := run(8); other == first {
		t.Error("seed 8 decided as seed 7 did")
	}
	if n := strings.Count(first, "503"); n < 8 || n > 28 {
		t.Errorf("%d of 60 requests failed at a probability of 0.3", n)
	}
}

// The n-th match is decided alike however many goroutines ask.
func TestSeedDecidesUnderConcurrency(t *testing.T) {
	_, ep := start(t, upstream.EndpointConfig{})
	run := func(workers int) int64 {
		err := ep.SetPlan(t.Context(), upstream.Plan{Seed: 42,
			Rules: []upstream.Rule{{Fault: "app.503", Probability: 0.5}}}, upstream.Keep)
		if err != nil {
			t.Fatal(err)
		}
		var failed atomic.Int64
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				for range 240 / workers {
					if got, _ := talk(t, ep, get); strings.HasPrefix(got, "HTTP/1.1 503") {
						failed.Add(1)
					}
				}
			})
		}
		wg.Wait()
		return failed.Load()
	}
	if one, many := run(1), run(8); one != many {
		t.Errorf("%d of 240 failed in sequence, %d in parallel", one, many)
	}
}

func TestMatches(t *testing.T) {
	for name, c := range map[string]struct {
		match   upstream.Match
		request string
		hits    bool
	}{
		"method":        {upstream.Match{Method: "POST"}, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", true},
		"other method":  {upstream.Match{Method: "POST"}, get, false},
		"path":          {upstream.Match{Path: "/"}, get, true},
		"prefix":        {upstream.Match{Path: "/a*"}, strings.Replace(get, "/ ", "/abc?q ", 1), true},
		"other path":    {upstream.Match{Path: "/a"}, get, false},
		"query is none": {upstream.Match{Path: "/a"}, strings.Replace(get, "/ ", "/a?b=c ", 1), true},
		"target":        {upstream.Match{Target: "=/gf-ab12-7/fault"}, strings.Replace(get, "/ ", "/a?b=c&gatefault-cell=/gf-ab12-7/fault ", 1), true},
		"target's path": {upstream.Match{Target: "/gf-ab12-7/"}, strings.Replace(get, "/ ", "/gf-ab12-7/fault ", 1), true},
		"other target":  {upstream.Match{Target: "/gf-ab12-7/fault"}, strings.Replace(get, "/ ", "/a?gatefault-cell=/gf-ab12-70/fault ", 1), false},
		"also the path": {upstream.Match{Target: "b=c", Path: "/b"}, strings.Replace(get, "/ ", "/a?b=c ", 1), false},
		"header":        {upstream.Match{Header: map[string]string{"x-role": "admin"}}, strings.Replace(get, "\r\n", "\r\nX-Role: admin\r\n", 1), true},
		"other header":  {upstream.Match{Header: map[string]string{"x-role": "admin"}}, get, false},
		"connection":    {upstream.Match{Connection: "1"}, get, true},
		"later one":     {upstream.Match{Connection: "2-"}, get, false},
		"request":       {upstream.Match{Request: "1-3"}, get, true},
		"later request": {upstream.Match{Request: "2"}, get, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, ep := start(t, upstream.EndpointConfig{})
			setPlan(t, ep, upstream.Rule{Fault: "app.503", Match: c.match})
			got, _ := talk(t, ep, c.request)
			if hit := strings.HasPrefix(got, "HTTP/1.1 503"); hit != c.hits {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestReusedConnectionsOnly(t *testing.T) {
	up, ep := start(t, upstream.EndpointConfig{})
	setPlan(t, ep, upstream.Rule{Fault: "conn.race"})
	c := dial(t, ep)
	br := bufio.NewReader(c)
	_, _ = io.WriteString(c, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n")
	resp, err := http.ReadResponse(br, nil)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("first request: %v", err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_, _ = io.WriteString(c, "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
	if rest, err := io.ReadAll(br); err != nil || len(rest) > 0 {
		t.Errorf("second request: %q, %v, want FIN without a byte", rest, err)
	}
	e := await(t, up, "the race", func(e upstream.Event) bool { return e.Fault == "conn.race" })
	if e.Request != 2 {
		t.Errorf("it met request %d on its connection, want 2", e.Request)
	}
}

func TestWrongPlansChangeNothing(t *testing.T) {
	_, ep := start(t, upstream.EndpointConfig{})
	setPlan(t, ep, upstream.Rule{Fault: "app.503"})
	for want, rule := range map[string]upstream.Rule{
		`no fault is called "head.garbge"; did you mean head.garbage`: {Fault: "head.garbge"},
		"give either a fault or a script":                             {},
		`"soon" is not a duration`:                                    {Fault: "head.slow", Params: fault.Args{"delay": "soon"}},
		"it goes from 0s to 1h":                                       {Fault: "head.slow", Params: fault.Args{"delay": "2h"}},
		`has no parameter "dely"; it takes delay`:                     {Fault: "head.slow", Params: fault.Args{"dely": "1s"}},
		"head.none takes no parameters":                               {Fault: "head.none", Params: fault.Args{"delay": "1s"}},
		"write POST":                                                  {Fault: "head.none", Match: upstream.Match{Method: "post"}},
		"not between 0 and 1":                                         {Fault: "head.none", Probability: 1.5},
		`"x" is not a range`:                                          {Fault: "head.none", Match: upstream.Match{Request: "x"}},
		"arms the whole endpoint":                                     {Fault: "tcp.refuse", Times: 1},
		"before a request is read":                                    {Fault: "tcp.accept-close", Match: upstream.Match{Path: "/"}},
		"acts before a request is read: ":                             {Fault: "tcp.accept-close", Match: upstream.Match{Target: "/"}},
		"has no spaces or control characters":                         {Fault: "head.none", Match: upstream.Match{Target: "a b"}},
		"no verb is called clse":                                      {Script: "clse"},
	} {
		err := ep.SetPlan(t.Context(), upstream.Plan{Rules: []upstream.Rule{rule}}, upstream.Keep)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", rule, err, want)
		}
	}
	if got := statuses(t, ep, 1)[0]; got != 503 {
		t.Errorf("the plan in force was lost: status %d", got)
	}
}

func TestScriptsOfAUsersOwn(t *testing.T) {
	_, ep := start(t, upstream.EndpointConfig{})
	setPlan(t, ep, upstream.Rule{Script: "read-request\nsend \"HTTP/1.1 299 Own\\r\\n${sentinel}Content-Length: 4\\r\\n\\r\\n\"\nrepeat 2\nsend \"ab\"\nend\nclose"})
	got, end := talk(t, ep, get)
	wantPrefix(t, got, "HTTP/1.1 299 Own\r\nGatefault-Endpoint: app\r\n")
	if !strings.HasSuffix(got, "\r\n\r\nabab") || end != "fin" {
		t.Errorf("got %q, ended by %s", got, end)
	}
}

func TestInBandSelection(t *testing.T) {
	_, closed := start(t, upstream.EndpointConfig{})
	_, open := start(t, upstream.EndpointConfig{InBand: true})
	withField := func(v string) string { return strings.Replace(get, "\r\n", "\r\nGatefault: "+v+"\r\n", 1) }
	for name, c := range map[string]struct {
		ep      *upstream.Endpoint
		request string
		want    string
	}{
		"off unless allowed": {closed, withField("app.503"), "HTTP/1.1 200 "},
		"by field":           {open, withField("app.503"), "HTTP/1.1 503 "},
		"by query":           {open, strings.Replace(get, "/ ", "/?gatefault=app.502 ", 1), "HTTP/1.1 502 "},
		"with a parameter":   {open, withField("head.slow;delay=1ms"), "HTTP/1.1 200 "},
		"unknown":            {open, withField("app.999"), "HTTP/1.1 400 "},
		"not for one alone":  {open, withField("tcp.refuse"), "HTTP/1.1 400 "},
		"nor a shared queue": {open, withField("load.saturate"), "HTTP/1.1 400 "},
		"not by a mark":      {open, strings.Replace(get, "/ ", "/?gatefault-cell=/gf-ab12-7/fault ", 1), "HTTP/1.1 200 "},
		"beside a mark":      {open, strings.Replace(get, "/ ", "/?gatefault-cell=/gf-ab12-7/fault&gatefault=app.502 ", 1), "HTTP/1.1 502 "},
		"none":               {open, get, "HTTP/1.1 200 "},
	} {
		t.Run(name, func(t *testing.T) {
			got, _ := talk(t, c.ep, c.request)
			wantPrefix(t, got, c.want)
		})
	}
}

func TestWhatNoEndpointDoesIsRefused(t *testing.T) {
	err := upstream.Plan{Rules: []upstream.Rule{{Fault: "php.crash"}}}.Validate()
	if !errors.Is(err, upstream.ErrUnsupported) || !strings.Contains(err.Error(), "gatefault faults php.crash") {
		t.Errorf("got %v", err)
	}
}
