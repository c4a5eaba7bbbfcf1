package report_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/check"
	"github.com/gatefault/gatefault/suites/config"
	"github.com/gatefault/gatefault/suites/report"
	"github.com/gatefault/gatefault/suites/run"
)

// hostile is what an upstream or a log may hold: it would steer a terminal, leave a table or a code block, mention
// somebody, be HTML, or be a command of GitHub's runner.
const hostile = "\x1b[2J | `` ``` <img src=x onerror=alert(1)> @octocat \u202e 100%, a:b\n::error::not ours\n##[set-output name=x]y"

// checkSample is a check in which everything happens that a report has to show.
func checkSample() *check.Report {
	own := run.Gateway{Name: "nginx", Title: "nginx", Version: "1.26.3", Image: "nginx:1.26 (0123456789ab)", Place: "container"}
	cell := func(route, id string, cause scenarios.Cause, status check.Status, o scenarios.Outcome, total time.Duration, findings ...string) check.Cell {
		return check.Cell{Result: &run.Result{Cell: "gf-00000000-" + id, ID: id, Cause: cause, Route: route, Gateway: own, Method: "GET",
			Verdict: run.Standard, Reason: "as the standards ask", Observed: o, Attempts: 1, Total: total, FirstByte: total,
			Took: total + time.Second, Recovery: after(20 * time.Millisecond), Evidence: "journal 7: request 1 met " + id},
			Status: status, Want: "502 made, within 30 s", Why: "as the standards ask", Findings: findings,
			Reproduce: "gatefault check nginx --config nginx.conf --upstream app:8080 -s " + id}
	}
	slow := cell("app:8080", "head.slow", "timeout", check.Failed, made(504), 60*time.Second, "slow-answer")
	slow.Why, slow.Log = "the answer took 60.0 s, more than the 30.0 s that clients wait", []string{hostile}
	refused := cell("app:8080", "tcp.refuse", "crash", check.Failed, made(502), 2*time.Millisecond, "no-retry-after", "leaks-details")
	refused.Recovery = after(10200 * time.Millisecond)
	refused.Verdict = run.Deviates
	garbage := cell("app:8080", "head.garbage", "misconfiguration", check.Ignored, scenarios.Outcome{Kind: scenarios.Raw}, 3*time.Millisecond, "garbage-passed")
	garbage.Why = "ignored until 2027-01-31: we cannot change it"
	raw := cell("app:8080", "head.status-099", "application-bug", check.OK, scenarios.Outcome{Kind: scenarios.Raw}, 3*time.Millisecond)
	raw.Verdict = run.Deviates
	posted := cell("api:9000", "retries.post-twice", "misconfiguration", check.Failed, passed(200), 2*time.Second, "post-repeated")
	posted.Attempts, posted.Recovery = 2, nil
	odd := cell("api:9000", "head.none", "application-bug", check.Failed, scenarios.Outcome{Kind: scenarios.Closed}, time.Second)
	odd.Why = "the policy wants 502 made"
	skipped := func(id string, v run.Verdict, why string) check.Cell {
		c := cell("api:9000", id, "crash", check.Skipped, scenarios.Outcome{}, 0)
		c.Verdict, c.Reason, c.Why, c.Attempts, c.Recovery, c.Evidence = v, why, why, 0, nil, ""
		return c
	}
	return &check.Report{
		Version: "v1.2.3", Started: time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC),
		Subject: check.Subject{Gateway: own, Config: "nginx.conf", Routes: []string{"app:8080", "api:9000"},
			Stands: []string{"a throwaway certificate for shop.example in place of /etc/ssl/shop.pem (nginx.conf:7)"}},
		Findings: []check.Finding{
			{ID: "no-retry-after", Severity: check.Note, Route: "app:8080", Cause: "crash", Scenario: "tcp.refuse", Title: "A 503 does not say when to come back",
				Seen: "503 without Retry-After.", Why: "Clients try again at once.", Fix: "add_header Retry-After 5 always;", Reproduce: "gatefault check -s tcp.refuse"},
			{ID: "slow-answer", Severity: check.Warning, Route: "app:8080", Cause: "timeout", Scenario: "head.slow", More: []string{"body.stall", "tcp.drop-syn"},
				Title: "The answer comes later than clients wait", Seen: "504 after 60.0 s; clients wait 30.0 s.",
				Evidence: []check.Evidence{{Kind: "time", Text: "60.012 s to the first byte"}, {Kind: "log", Text: hostile}},
				Why:      "Nobody is there any more to read the 504, but the request still holds a connection, and users have pressed reload, which makes it worse.",
				Fix:      "proxy_read_timeout 20s; in the location, so that proxy_next_upstream_timeout and both tries fit into what clients wait.",
				Example:  "location / {\n  proxy_read_timeout 20s;\n}\n",
				Manual:   "nginx ngx_http_proxy_module, proxy_read_timeout: default 60s",
				Cite:     "RFC 9110 §15.6.5", At: &config.Position{File: "conf.d/my,app.conf", Line: 14},
				Reproduce: "gatefault check nginx --config nginx.conf --upstream app:8080 -s head.slow"},
			{ID: "garbage-passed", Severity: check.SevereError, Route: "app:8080", Cause: "misconfiguration", Scenario: "head.garbage",
				Title: "Bytes that are not HTTP reach the client", Seen: "raw bytes", Ignored: &check.Ignore{Finding: "garbage-passed", Reason: "we cannot change it", Until: "2027-01-31"}},
			{ID: "post-repeated", Severity: check.SevereError, Route: "api:9000", Cause: "misconfiguration", Scenario: "retries.post-twice",
				Title: "A POST is sent twice", Seen: "The upstream got the POST 2 times.", Evidence: []check.Evidence{{Kind: "journal", Text: "request 1 POST /\nrequest 2 POST /"}},
				Why: "An order is placed twice.", Fix: "Take non_idempotent out of proxy_next_upstream.", Cite: "RFC 9110 §9.2.2",
				At: &config.Position{File: "nginx.conf", Line: 30}, Reproduce: "gatefault check -s retries.post-twice"},
		},
		Product: []check.Finding{{ID: "garbage-passed", Severity: check.SevereError, Route: "api:9000", Scenario: "head.status-099", More: []string{"head.http09"},
			Title: "Bytes that are not HTTP reach the client", Seen: "raw bytes"}},
		Notes: []string{"shop: no timeout limits the wait for an answer, so the client waits 35s."},
		Cells: []check.Cell{
			cell("app:8080", "app.503", "overload", check.OK, passed(503), 2*time.Millisecond), refused, slow, garbage, raw,
			posted, odd, skipped("process.oom", run.Unsupported, "no memory limit"), skipped("tls.expired", run.Unsupported, "no memory limit"),
			skipped("tcp.drop-syn", run.NotInjected, "the kernel counted no packet"), skipped("head.slow", run.Error, "the harness failed: its log ends with:\n  "+hostile),
		},
		Timing: run.Timing{Total: 72 * time.Second, LongestCell: 61 * time.Second, SlowestStart: time.Second, Images: 3 * time.Second}, Longest: 120 * time.Second,
	}
}

func TestCheck(t *testing.T) {
	before := checkSample()
	before.Findings = before.Findings[:2]
	for name, o := range map[string]report.CheckOptions{
		"check.txt":          {Whole: true},
		"check-colour.txt":   {Width: 100, Colour: true, Gate: check.Gate{FailOn: check.SevereError}},
		"check-narrow.txt":   {Width: 60, Whole: true},
		"check-baseline.txt": {Gate: check.Gate{Before: before}},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := report.Check(&out, checkSample(), o); err != nil {
				t.Fatal(err)
			}
			golden(t, name, out.Bytes())
		})
	}
}

func TestCheckWithoutFindings(t *testing.T) {
	var out bytes.Buffer
	r := &check.Report{Subject: check.Subject{Gateway: nginx, Target: "http://127.0.0.1:8080", Routes: []string{"/"}}}
	if err := report.Check(&out, r, report.CheckOptions{}); err != nil {
		t.Fatal(err)
	}
	if want := "nginx 1.26.3, running at http://127.0.0.1:8080, route /\n\nno findings\n0 cells\ntook 0.0 s\n"; out.String() != want {
		t.Errorf("got %q", out.String())
	}
}

// Nothing that an upstream or a gateway wrote steers the terminal or GitHub's runner.
func TestCheckShowsHostileTextEscaped(t *testing.T) {
	var out bytes.Buffer
	if err := report.Check(&out, checkSample(), report.CheckOptions{}); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if strings.ContainsAny(line, "\x1b\u202e") || strings.Contains(line, "##[") || strings.HasPrefix(strings.TrimSpace(line), "::") {
			t.Errorf("%q", line)
		}
	}
}

// A check can be read in 80 columns: but for commands and evidence no line is longer.
func TestCheckKeepsToTheWidth(t *testing.T) {
	var out bytes.Buffer
	if err := report.Check(&out, checkSample(), report.CheckOptions{Width: 80, Whole: true}); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if n := len([]rune(strings.TrimRight(line, "\n"))); n > 80 && !strings.Contains(line, "gatefault check") && !strings.Contains(line, "| ") {
			t.Errorf("%d columns: %q", n, line)
		}
	}
}
