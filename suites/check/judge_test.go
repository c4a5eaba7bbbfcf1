package check

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/config"
	"github.com/gatefault/gatefault/suites/run"
	"github.com/gatefault/gatefault/upstream"
)

var nginx = run.Gateway{Name: "nginx", Title: "nginx", Version: "1.26.3", Place: "container"}

// observation is a cell after its run: the scenario, what was observed, and more.
type observation struct {
	id, outcome string
	with        func(*run.Result)
}

// observe makes a result of a cell of the plan's first route, with the verdict that a run gives it.
func observe(t testing.TB, p *Plan, o observation) *run.Result {
	t.Helper()
	route := p.Routes[0]
	s := find(t, route, o.id)
	outcome, err := scenarios.ParseOutcome(o.outcome)
	if err != nil {
		t.Fatal(err)
	}
	soonWell := 20 * time.Millisecond
	res := &run.Result{Cell: "gf-0a1b-1", Scenario: s, ID: o.id, Cause: s.Cause, Gateway: nginx, Route: route.Name, Method: s.Request.Method, Observed: outcome,
		Standard: s.Standard, Attempts: 1, FirstByte: time.Millisecond, Total: 2 * time.Millisecond, Recovery: &soonWell, Reason: "for a reason"}
	if outcome.Kind == scenarios.Made || outcome.Kind == scenarios.Passed {
		res.Client = bytesOf(fmt.Sprintf("HTTP/1.1 %d Because\r\nServer: nginx\r\nContent-Length: 4\r\n\r\nmine", outcome.Status))
	}
	if o.with != nil {
		o.with(res)
	}
	res.Verdict = run.Drifted
	if pin, ok := s.Known(res.Gateway.Name, res.Gateway.Version); ok {
		if res.Known = &pin; pin.Outcome == outcome {
			res.Verdict = run.Deviates
		}
	}
	if _, ok := s.Permits(outcome, res.Attempts); ok {
		res.Verdict = run.Standard
	}
	return res
}

func bytesOf(text string) []run.Chunk { return []run.Chunk{{Data: []byte(text)}} }

func after(d time.Duration) func(*run.Result) { return func(r *run.Result) { r.Total = d } }

func judgeAll(t testing.TB, p *Plan, all ...observation) *Report {
	t.Helper()
	r := &run.Report{Gateways: []run.Gateway{nginx}}
	for _, o := range all {
		r.Results = append(r.Results, observe(t, p, o))
	}
	return Judge(p, r)
}

// told lists findings as id scenario.
func told(findings []Finding) (out []string) {
	for _, f := range findings {
		out = append(out, f.ID+" "+strings.Join(f.Scenarios(), ","))
	}
	return out
}

// patient is a shop that waits as long as it is told, on one route.
func patient(wait config.Wait, change func(*config.Config)) *config.Config {
	cfg := shop()
	cfg.Groups[0].Wait = wait
	if change != nil {
		change(cfg)
	}
	return cfg
}

func nginxProject(t testing.TB, policy string) *Project {
	t.Helper()
	p, err := decode("gatefault.yaml", []byte("gateway: nginx\n"+policy))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// arrivals are requests that reach servers at times.
func arrivalsAt(method string, at ...string) func(*run.Result) {
	return func(r *run.Result) {
		r.Method, r.Received = method, len(at)
		for i, server := range at {
			r.Journal = append(r.Journal, upstream.Event{Kind: upstream.Requested, Endpoint: server + ".1-0", Method: method, Conn: uint64(i + 1),
				Target: "/?gatefault-cell=/gf-0a1b-1/fault", At: time.Duration(i) * time.Second})
		}
	}
}

func says(text string) func(*run.Result) { return func(r *run.Result) { r.Client = bytesOf(text) } }

func TestFindings(t *testing.T) {
	minute := config.Wait{Connect: time.Minute, Read: time.Minute, Tries: 1}
	endless := config.Wait{Connect: 2 * time.Second, Tries: 1}
	two := func(c *config.Config) { c.Groups[0].Servers = append(c.Groups[0].Servers, server("app2", 8080, 11)) }
	secure := func(c *config.Config) { c.Groups[0].Protocol = "tls" }
	recovers := func(d time.Duration) func(*run.Result) { return func(r *run.Result) { r.Recovery = &d } }
	never := func(r *run.Result) { r.Recovery = nil }
	for name, c := range map[string]struct {
		wait   config.Wait
		change func(*config.Config)
		policy string
		cells  []observation
		want   []string
		seen   string
	}{
		"all is well": {impatient, nil, "", []observation{{"healthy", "200 passed", nil}, {"tcp.refuse", "502 made", nil}, {"head.slow", "504 made", after(2 * time.Second)}, {"app.503", "503 passed", nil}, {"body.close-delimited-fin", "200 silent", nil}}, nil, ""},

		"an answer after a minute": {minute, nil, "", []observation{{"head.slow", "504 made", after(60 * time.Second)}, {"body.stall", "200 truncated", after(61 * time.Second)}, {"tcp.drop-syn", "504 made", after(60 * time.Second)}},
			[]string{"slow-answer body.stall,head.slow,tcp.drop-syn"}, "The client gets a part of an answer (200) that breaks off after 61.0 s; clients wait 30s."},
		"the upstream's slow answer":         {minute, nil, "", []observation{{"head.drip", "200 passed", after(62 * time.Second)}}, nil, ""},
		"the gateway ends a slow answer":     {minute, nil, "", []observation{{"head.drip", "504 made", after(60 * time.Second)}}, []string{"slow-answer head.drip"}, ""},
		"in time for patient clients":        {minute, nil, "policy: {patience: 61s}", []observation{{"head.slow", "504 made", after(60 * time.Second)}}, nil, ""},
		"longer than the client waits":       {config.Wait{Connect: time.Second, Read: time.Hour, Tries: 1}, nil, "", []observation{{"head.slow", "hang", after(35 * time.Second)}}, []string{"slow-answer head.slow"}, "There is no answer after 35.0 s; the timeouts of the configuration let it take 1h0m0s, and clients wait 30s."},
		"no end":                             {endless, nil, "", []observation{{"head.slow", "hang", after(35 * time.Second)}, {"body.stall", "200 hang", after(35 * time.Second)}}, []string{"never-answers head.slow,body.stall"}, "There is no answer after 35.0 s, and no timeout of the configuration ends the wait."},
		"no end in spite of its timeouts":    {impatient, nil, "policy: {patience: 5s}", []observation{{"head.slow", "hang", after(7 * time.Second)}}, []string{"never-answers head.slow"}, "There is no answer after 7.0 s, though the timeouts of the configuration end after 2s."},
		"a body without an end":              {endless, nil, "", []observation{{"head.length-overflow", "200 hang", after(35 * time.Second)}}, []string{"never-answers head.length-overflow"}, ""},
		"a slow upstream that never answers": {endless, nil, "", []observation{{"tcp.slow-link", "200 hang", after(35 * time.Second)}}, []string{"unexpected-answer tcp.slow-link"}, ""},

		"an error page without a length": {endless, nil, "", []observation{{"head.early-close-on-upload", "502 hang", after(35 * time.Second)}}, nil, ""},

		"two orders":                        {impatient, two, "", []observation{{"retries.post-twice", "502 made", arrivalsAt("POST", "app:8080", "app2:8080")}}, []string{"post-repeated retries.post-twice"}, "POST / reached app:8080 and app2:8080, 1.0 s apart."},
		"two orders at one server":          {impatient, nil, "", []observation{{"retries.post-twice", "502 made", arrivalsAt("POST", "app:8080", "app:8080")}}, []string{"post-repeated retries.post-twice"}, "POST / reached app:8080 twice, 1.0 s apart."},
		"an order that got through at last": {impatient, two, "", []observation{{"retries.post-twice", "200 passed", arrivalsAt("POST", "app:8080", "app2:8080", "app:8080")}}, []string{"post-repeated retries.post-twice"}, "POST / reached app:8080 and app2:8080 3 times within 2.0 s."},
		"one order":                         {impatient, two, "", []observation{{"retries.post-twice", "502 made", arrivalsAt("POST", "app:8080")}}, nil, ""},
		"a GET may be repeated":             {impatient, two, "", []observation{{"head.reset", "502 made", arrivalsAt("GET", "app:8080", "app2:8080")}}, nil, ""},
		"our own request is none": {impatient, nil, "", []observation{{"retries.post-twice", "502 made", func(r *run.Result) {
			arrivalsAt("POST", "app:8080", "app:8080")(r)
			r.Journal[1].Target = "/gf-0a1b-1/fault-direct/"
		}}}, nil, ""},

		"a cut that looks whole":      {impatient, nil, "", []observation{{"body.truncate", "200 silent", nil}}, []string{"truncated-as-success body.truncate"}, ""},
		"a cut that nothing tells of": {impatient, nil, "", []observation{{"body.close-delimited-fin", "200 silent", nil}}, nil, ""},
		"garbage":                     {impatient, nil, "", []observation{{"head.none", "raw", says("\x00\x01\x02")}}, []string{"garbage-passed head.none"}, "The client gets 3 bytes that are no HTTP."},

		"an apology": {impatient, nil, "", []observation{{"tcp.refuse", "200 made", nil}}, []string{"failure-as-success tcp.refuse"}, "The upstream fails, and the gateway answers 200 of its own."},
		"an apology for what might pass": {impatient, nil, "", []observation{{"tcp.refuse", "200 made", nil}, {"head.bad-name", "200 made", nil}, {"head.folded", "200 made", says("HTTP/1.1 200 OK\r\n\r\nok\n")}},
			[]string{"failure-as-success tcp.refuse,head.bad-name", "unexpected-answer head.folded"}, ""},
		"an error page of the upstream": {impatient, nil, "", []observation{{"tcp.refuse", "502 made", says("HTTP/1.1 502 Bad Gateway\r\nGatefault-Endpoint: app:8080.1-0\r\n\r\nsorry\n")}}, nil, ""},
		"a redirect":                    {impatient, nil, "", []observation{{"app.500", "302 made", nil}}, []string{"failure-as-success app.500"}, ""},
		"an answer that lost its mark":  {impatient, nil, "", []observation{{"head.space-before-colon", "200 made", says("HTTP/1.1 200 OK\r\nGatefault-Endpoint: app:8080.1-0\r\n\r\nok\n")}}, nil, ""},
		"an answer without its mark":    {impatient, nil, "", []observation{{"head.space-before-colon", "200 made", nil}}, []string{"unexpected-answer head.space-before-colon"}, ""},

		"blocked for a while":             {impatient, nil, "", []observation{{"tcp.refuse", "502 made", recovers(9900 * time.Millisecond)}}, []string{"blocks-traffic tcp.refuse"}, "After one failed request healthy ones fail for 9.9 s."},
		"blocked at a slow pace":          {impatient, nil, "", []observation{{"tcp.refuse", "502 made", func(r *run.Result) { recovers(10 * time.Second)(r); r.Pace = time.Second }}}, []string{"blocks-traffic tcp.refuse"}, "After one failed request healthy ones fail for 10.0 s (one was made every 1s, since the gateway lets no more through)."},
		"a busy machine":                  {impatient, nil, "", []observation{{"tcp.refuse", "502 made", recovers(7 * time.Second)}, {"body.drip", "200 passed", recovers(3 * time.Second)}}, nil, ""},
		"blocked for a moment":            {impatient, nil, "", []observation{{"tcp.refuse", "502 made", recovers(4900 * time.Millisecond)}}, nil, ""},
		"down for health checks":          {impatient, nil, "", []observation{{"head.slow", "504 made", func(r *run.Result) { recovers(8 * time.Second)(r); r.Total = 10 * time.Second }}}, nil, ""},
		"as long as the policy lets it":   {impatient, nil, "policy: {recovery: 10s}", []observation{{"tcp.refuse", "502 made", recovers(9900 * time.Millisecond)}}, nil, ""},
		"for ever":                        {impatient, nil, "", []observation{{"tcp.refuse", "502 made", never}, {"head.reset", "502 made", recovers(9 * time.Second)}}, []string{"never-recovers tcp.refuse", "blocks-traffic head.reset"}, "Healthy requests still fail 15s after the fault is gone."},
		"a configuration that is a fault": {impatient, nil, "", []observation{{"tcp.refuse", "502 made", func(r *run.Result) { never(r); r.Lasting = true }}}, nil, ""},

		"any certificate":     {impatient, secure, "", []observation{{"tls.expired-default", "200 passed", nil}, {"tls.wrong-name-default", "200 passed", nil}}, []string{"upstream-not-verified tls.expired-default,tls.wrong-name-default"}, "The upstream shows a certificate that has expired, and the client gets its 200."},
		"a refused one":       {impatient, secure, "", []observation{{"tls.expired-default", "502 made", nil}}, nil, ""},
		"a client's own":      {impatient, secure, "", []observation{{"tls.client-cert-required-default", "200 passed", nil}}, nil, ""},
		"an old TLS accepted": {impatient, secure, "", []observation{{"tls.old-version", "200 passed", nil}}, []string{"unexpected-answer tls.old-version"}, "The client gets the upstream's 200; the standards ask for 502 made, and known of this version is 502 made."},

		"the upstream's address in a field": {impatient, nil, "", []observation{{"tcp.refuse", "502 made", says("HTTP/1.1 502 Bad\r\nX-Upstream: 172.18.0.4:8080\r\n\r\n")}}, []string{"leaks-details tcp.refuse"}, "The gateway's 502 tells of 172.18.0.4:8080 in its field X-Upstream."},
		"the upstream's name in the page":   {impatient, nil, "", []observation{{"tcp.refuse", "502 made", says("HTTP/1.1 502 Bad\r\n\r\ncannot reach http://app:8080/")}}, []string{"leaks-details tcp.refuse"}, "The gateway's 502 tells of app:8080 in its body."},
		"a word of the page":                {impatient, nil, "", []observation{{"tcp.refuse", "502 made", says("HTTP/1.1 502 Bad\r\n\r\nthe app is down; call 10.0.0.1 or port 8080")}}, nil, ""},
		"the application's own words":       {impatient, nil, "", []observation{{"app.502", "502 passed", says("HTTP/1.1 502 Bad\r\n\r\napp:8080 is down")}}, nil, ""},
		"a 503 without a time":              {impatient, nil, "", []observation{{"load.backlog", "503 made", nil}}, []string{"no-retry-after load.backlog"}, "The gateway answers 503 without Retry-After."},
		"a 503 with a time":                 {impatient, nil, "", []observation{{"load.backlog", "503 made", says("HTTP/1.1 503 Busy\r\nRetry-After: 3\r\n\r\n")}}, nil, ""},
		"the application's 503":             {impatient, nil, "", []observation{{"app.503", "503 passed", nil}}, nil, ""},

		"one page for all": {impatient, nil, "", []observation{{"app.502", "502 made", says("HTTP/1.1 502 Bad\r\nDate: Sat, 21 Nov 2026 10:00:00 GMT\r\nX-Request-ID: 0123456789abcdef0123456789abcdef\r\n\r\nsorry")},
			{"tcp.refuse", "502 made", says("HTTP/1.1 502 Bad\r\nDate: Sat, 21 Nov 2026 10:00:07 GMT\r\nX-Request-ID: 9876543210abcdef0123456789abcdef\r\n\r\nsorry")}}, []string{"same-as-upstream app.502"}, ""},
		"a field that tells": {impatient, nil, "", []observation{{"app.502", "502 made", says("HTTP/1.1 502 Bad\r\nError-Source: application\r\n\r\nsorry")},
			{"tcp.refuse", "502 made", says("HTTP/1.1 502 Bad\r\nError-Source: gateway\r\n\r\nsorry")}}, nil, ""},
		"another status": {impatient, nil, "", []observation{{"app.502", "502 made", says("HTTP/1.1 502 Bad\r\n\r\nsorry")}, {"tcp.refuse", "503 made", says("HTTP/1.1 503 Bad\r\nRetry-After: 1\r\n\r\nsorry")}}, nil, ""},

		"nobody knows it":              {impatient, nil, "", []observation{{"tcp.refuse", "404 made", nil}}, []string{"unexpected-answer tcp.refuse"}, "The client gets 404, made by the gateway; the standards ask for 502 made, and known of this version is 502 made."},
		"another gateway error":        {impatient, nil, "", []observation{{"tcp.refuse", "504 made", nil}, {"body.stall", "502 made", nil}}, nil, ""},
		"a cut of another kind":        {impatient, nil, "", []observation{{"body.truncate", "closed", nil}, {"body.reset", "reset", nil}}, nil, ""},
		"nothing instead of an error":  {impatient, nil, "", []observation{{"tcp.refuse", "closed", nil}}, []string{"unexpected-answer tcp.refuse"}, ""},
		"a page for the application's": {impatient, nil, "", []observation{{"app.500", "500 made", nil}}, nil, ""},
		"not the standard": {impatient, nil, "policy: {default: standard}", []observation{{"body.bad-chunk-early", "closed", nil}, {"tcp.refuse", "504 made", nil}}, []string{"not-standard tcp.refuse,body.bad-chunk-early"},
			"The client gets 504, made by the gateway; the standards ask for 502 made."},

		"as expected":         {impatient, nil, "policy: {expect: [{scenario: tcp.*, status: 404, within: 1s, recovery: 1s, maxAttempts: 2}]}", []observation{{"tcp.refuse", "404 made", nil}}, nil, ""},
		"expected raw":        {impatient, nil, "policy: {expect: [{scenario: head.none, status: raw}]}", []observation{{"head.none", "raw", nil}}, nil, ""},
		"expected to be slow": {minute, nil, "policy: {expect: [{cause: timeout, within: 90s}]}", []observation{{"head.slow", "504 made", after(time.Minute)}}, nil, ""},
		"not as expected": {impatient, nil, "policy: {expect: [{scenario: tcp.refuse, status: 503 made, within: 1s, attempts: 2, recovery: 10ms}, {cause: crash, status: 502}]}", []observation{{"tcp.refuse", "502 made", after(2 * time.Second)}}, []string{"not-as-expected tcp.refuse"},
			"The client gets 502, made by the gateway instead of 503 made, it takes 2.0 s instead of at most 1s, requests fail for 0.0 s afterwards instead of at most 10ms and the gateway goes to the upstream 1 time instead of 2."},
		"a cut that must show": {impatient, nil, "policy: {expect: [{scenario: body.*, truncation: detectable}]}", []observation{{"body.close-delimited-fin", "200 silent", nil}, {"body.truncate", "200 truncated", nil}}, []string{"not-as-expected body.close-delimited-fin"}, "An answer that is cut looks complete."},
		"on another route":     {impatient, nil, "policy: {expect: [{scenario: tcp.*, route: app:8080, status: 503}]}", []observation{{"head.none", "502 made", nil}}, nil, ""},
	} {
		plan := resolve(t, nginxProject(t, c.policy), patient(c.wait, c.change))
		r := judgeAll(t, plan, c.cells...)
		if diff := cmp.Diff(c.want, told(r.Findings)); diff != "" {
			t.Errorf("%s: (- wanted, + found)\n%s", name, diff)
			continue
		}
		if c.seen != "" && r.Findings[0].Seen != c.seen {
			t.Errorf("%s: seen\n%s\nwant\n%s", name, r.Findings[0].Seen, c.seen)
		}
		for _, f := range r.Findings {
			if f.Why == "" || f.Fix == "" || f.Manual == "" || f.Title == "" || f.Reproduce == "" || f.At == nil || len(f.Evidence) == 0 || f.Severity == "" || f.Cause == "" {
				t.Errorf("%s: something is missing: %+v", name, f)
			}
		}
	}
}

func TestEveryFindingIsTestedHere(t *testing.T) {
	if len(detectors)+4 != len(FindingIDs()) { // unexpected-answer, not-standard, not-as-expected, same-as-upstream
		t.Errorf("%d detectors for %d findings", len(detectors), len(FindingIDs()))
	}
}

func TestWhatTheProductDoesIsNotTheConfigurationsFault(t *testing.T) {
	cells := []observation{{"head.garbage", "raw", says("\x00")}, {"head.status-text", "raw", says("x")}}
	r := judgeAll(t, resolve(t, nginxProject(t, ""), shop()), cells...)
	if diff := cmp.Diff([]string{"garbage-passed head.garbage,head.status-text"}, told(r.Product)); diff != "" || len(r.Findings) > 0 || r.Cells[0].Status != OK || len(r.Cells[0].Findings) > 0 {
		t.Errorf("known: %s\nfindings %v, cell %+v", diff, told(r.Findings), r.Cells[0])
	}
	r = judgeAll(t, resolve(t, nginxProject(t, "policy: {default: standard}"), shop()), cells...)
	if diff := cmp.Diff([]string{"garbage-passed head.garbage,head.status-text"}, told(r.Findings)); diff != "" || len(r.Product) > 0 || r.Cells[0].Status != Failed {
		t.Errorf("standard: %s\n%+v", diff, r.Cells[0])
	}
}

func TestStatusOfCells(t *testing.T) {
	policy := `policy:
  expect: [{scenario: head.none, status: 502}]
  ignore:
    - {finding: blocks-traffic, reason: one server, until: 2026-11-21}
    - {scenario: head.re*, reason: known, until: 2027-01-01}
    - {finding: no-retry-after, reason: too old, until: 2026-11-20}
    - {scenario: tcp.accept-*, reason: of another route, until: 2027-01-01, route: app:8080}`
	long := 10 * time.Second
	blocked := func(r *run.Result) { r.Recovery = &long }
	plan := resolve(t, nginxProject(t, policy), shop())
	r := judgeAll(t, plan,
		observation{"head.none", "502 made", nil}, observation{"tcp.refuse", "502 made", blocked}, observation{"head.reset", "404 made", nil},
		observation{"load.backlog", "503 made", nil}, observation{"tcp.drop-syn", "404 made", blocked}, observation{"body.drip", "200 passed", nil})
	skipped := observe(t, plan, observation{"tcp.latency", "200 passed", nil})
	skipped.Verdict, skipped.Reason = run.Unsupported, "the kernel cannot"
	r.Cells = append(r.Cells, Judge(plan, &run.Report{Results: []*run.Result{skipped, {Route: "gone"}}}).Cells...)
	var got []string
	for _, c := range r.Cells {
		got = append(got, fmt.Sprintf("%s %s %v: %s", c.ID, c.Status, c.Findings, c.Why))
	}
	want := []string{
		"head.none ok []: As the policy expects.",
		"tcp.refuse ignored [blocks-traffic]: Ignored until 2026-11-21: one server",
		"head.reset ignored [unexpected-answer]: Ignored until 2027-01-01: known",
		"load.backlog ok [no-retry-after]: It is neither what the standards ask for nor what is known of this version, but tells the client as much.",
		"tcp.drop-syn failed [blocks-traffic unexpected-answer]: The client gets 404, made by the gateway; the standards ask for 504 made, and known of this version is 504 made.",
		"body.drip ok []: for a reason",
		"tcp.latency skipped []: the kernel cannot",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !slices.Contains(r.Notes, "No-retry-after was ignored until 2026-11-20 and counts again: too old") {
		t.Errorf("notes %q", r.Notes)
	}
	var ignored []string
	for _, f := range r.Findings {
		if f.Ignored != nil {
			ignored = append(ignored, f.ID)
		}
	}
	if diff := cmp.Diff([]string{"blocks-traffic"}, ignored); diff != "" { // unexpected-answer counts in tcp.drop-syn
		t.Errorf("ignored: %s", diff)
	}
	if f := r.Findings; !slices.ContainsFunc(f, func(f Finding) bool {
		return f.ID == UnexpectedAnswer && f.Scenario == "tcp.drop-syn" && len(f.More) == 0
	}) {
		t.Errorf("an ignored cell is part of a finding that counts: %v", told(f))
	}
}

func TestAttemptsThatCannotBeToldAreExpectedInVain(t *testing.T) {
	uncounted := func(r *run.Result) { r.Attempts, r.Uncounted = 0, true }
	plan := resolve(t, nginxProject(t, "policy: {expect: [{scenario: tcp.refuse, attempts: 2}, {scenario: head.none, attempts: 2}]}"), shop())
	r := judgeAll(t, plan, observation{"tcp.refuse", "502 made", uncounted}, observation{"head.none", "502 made", func(r *run.Result) { r.Attempts = 2 }})
	if len(r.Findings) > 0 || r.Cells[0].Want != "after 2 attempts; the attempts cannot be told where the gateway's health checks connect, too" || r.Cells[1].Want != "after 2 attempts" {
		t.Errorf("findings %v, cells %q and %q", told(r.Findings), r.Cells[0].Want, r.Cells[1].Want)
	}
	if note := "tcp.refuse: the attempts that the policy expects cannot be told where the gateway's health checks connect, too."; !slices.Contains(r.Notes, note) {
		t.Errorf("notes %q", r.Notes)
	}
}

func TestWantSaysWhatThePolicyAsksFor(t *testing.T) {
	for policy, want := range map[string]string{
		"":                            "502 made or 200 truncated, or closed as is known of nginx",
		"policy: {default: standard}": "502 made or 200 truncated",
		"policy: {expect: [{cause: application-bug, status: 502, within: 3s, recovery: 1s, maxAttempts: 2, truncation: detectable}]}": "502, within 3s, after at most 2 attempts, well again within 1s, a cut that can be told",
	} {
		r := judgeAll(t, resolve(t, nginxProject(t, policy), shop()), observation{"body.bad-chunk-early", "502 made", nil})
		if r.Cells[0].Want != want {
			t.Errorf("%s: got %s, want %s", policy, r.Cells[0].Want, want)
		}
	}
}

func TestEvidenceIsBoundedAndPrintable(t *testing.T) {
	r := judgeAll(t, resolve(t, nginxProject(t, ""), shop()), observation{"retries.post-twice", "502 made", func(r *run.Result) {
		arrivalsAt("POST", strings.Split(strings.Repeat("app:8080,", 20)+"app:8080", ",")...)(r)
		r.Client = bytesOf("HTTP/1.1 502 Bad\r\n\r\n\x00\x1b[2J\\ü" + strings.Repeat("x", 5000))
		r.Log = slices.Repeat([]string{strings.Repeat("log", 500)}, 10)
	}})
	if len(r.Findings) != 1 {
		t.Fatal(told(r.Findings))
	}
	kinds := map[string]string{}
	for _, e := range r.Findings[0].Evidence {
		kinds[e.Kind] = e.Text
	}
	if lines := strings.Split(kinds["journal"], "\n"); len(lines) != maxEvents+1 || lines[0] != "+0.000 s app:8080 request POST /?gatefault-cell=/gf-0a1b-1/fault" {
		t.Errorf("journal: %q", lines)
	}
	if b := kinds["bytes"]; !strings.HasPrefix(b, "HTTP/1.1 502 Bad\n\n"+`\x00\x1b[2J\\\xc3\xbc`+"xxx") || len(b) > 2*maxBytes || !strings.HasSuffix(b, "...") {
		t.Errorf("bytes: %q", b)
	}
	if l := kinds["log"]; len(strings.Split(l, "\n")) != maxLogLines || len(l) > maxLogLines*(maxLogLine+10) {
		t.Errorf("log: %d bytes", len(l))
	}
}

func TestReportSurvivesJSON(t *testing.T) {
	r := judgeAll(t, resolve(t, nginxProject(t, ""), patient(config.Wait{Connect: time.Minute, Read: time.Minute, Tries: 1}, nil)),
		observation{"head.slow", "504 made", after(time.Minute)}, observation{"head.garbage", "raw", says("\x00")}, observation{"tcp.refuse", "502 made", arrivalsAt("GET", "app:8080")})
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(back)
	if err != nil || string(again) != string(text) {
		t.Errorf("%v\n%s\n%s", err, text, again)
	}
	if changes := Compare(&back, r); !changes.None() {
		t.Errorf("%+v", changes)
	}
	if (Gate{}).Passes(&back) || r.Bar() != 90*time.Second {
		t.Errorf("bar %s", r.Bar())
	}
}

func TestEveryProductHasEveryMend(t *testing.T) {
	for _, product := range Products() {
		all, err := mendsOf(product)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range FindingIDs() {
			if m, ok := all[id]; !ok || m.Fix == "" || m.Manual == "" {
				t.Errorf("docker/%s/fixes.yaml does not tell how to mend %s", product, id)
			}
		}
	}
	if all, err := mendsOf("iis"); all != nil || err != nil {
		t.Errorf("an unknown product: %v, %v", all, err)
	}
	if got := (mend{Fix: "Do it.", Since: "2.8"}).of("2.6.2+go1.24.4"); got != "Do it. The example takes version 2.8; this is 2.6.2+go1.24.4." {
		t.Error(got)
	}
}

func TestOwnDataIsReadStrictly(t *testing.T) {
	if _, err := definitions(); err != nil {
		t.Error(err)
	}
	for text, want := range map[string]string{
		"no-such: {severity: note, title: a, why: b}":     "suites/check/findings.yaml:1: nothing finds no-such",
		"slow-answer: {severity: bad, title: a}":          "suites/check/findings.yaml:1: slow-answer needs a severity",
		"slow-answer: {titel: a}":                         `unknown key "titel"; did you mean cite, title?`,
		"slow-answer: {severity: note, title: a, why: b}": "does not tell of never-answers",
	} {
		if _, err := decodeDefinitions([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
	for text, want := range map[string]string{
		"rules: [{pool: true}]":                                                                      "scenarios.yaml:1: a rule has either never, or conditions and why",
		"waits: [{scenario: a, for: write}]":                                                         `scenarios.yaml:1: for is "write"`,
		"adapt: [{scenario: a, param: b, of: read}]":                                                 "scenarios.yaml:1: of must be connect, read or patience, and times more than 0",
		"also: [{scenarios: [a], made: true, outcome: closed}]":                                      "scenarios.yaml:1: write made or outcome",
		"known: [{scenarios: [a], gateway: caddy, versions: '*', outcome: closed, why: b, cite: c}]": "scenarios.yaml:1: write gateway, versions",
	} {
		if _, err := decodeRules([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}
