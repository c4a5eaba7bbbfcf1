package report_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/check"
	"github.com/gatefault/gatefault/suites/look"
	"github.com/gatefault/gatefault/suites/probe"
	"github.com/gatefault/gatefault/suites/report"
	"github.com/gatefault/gatefault/suites/run"
	"github.com/gatefault/gatefault/upstream"
)

func htmlOf(t *testing.T, r *run.Report) string {
	t.Helper()
	var out bytes.Buffer
	if err := report.HTML(&out, r, report.HTMLOptions{Version: "v1.2.3"}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

var storiesElement = regexp.MustCompile(`(?s)<script type="application/json" id="stories">(.*?)</script>`)

// stories inflates the stories of a page, by the ids of their cells.
func stories(t *testing.T, page string) map[string]string {
	t.Helper()
	var packed map[string]string
	if err := json.Unmarshal([]byte(storiesElement.FindStringSubmatch(page)[1]), &packed); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, text := range packed {
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		told := map[string]string{}
		if err := json.NewDecoder(z).Decode(&told); err != nil {
			t.Fatal(err)
		}
		maps.Copy(out, told)
	}
	return out
}

// matrix is the page without its style, script and stories.
func matrixOf(page string) string {
	page = regexp.MustCompile(`(?s)<style>.*?</style>|<script>.*?</script>|<meta http-equiv[^>]*>`).ReplaceAllString(page, "")
	return storiesElement.ReplaceAllString(page, "")
}

func TestHTML(t *testing.T) {
	page := htmlOf(t, sample())
	golden(t, "report.html", []byte(matrixOf(page)))
	told := stories(t, page)
	var all strings.Builder
	for _, id := range slices.Sorted(maps.Keys(told)) {
		fmt.Fprintf(&all, "<!-- %s -->\n%s\n", id, told[id])
	}
	golden(t, "stories.html", []byte(all.String()))
}

// The page allows exactly its own style and script, and they are what it says.
func TestHTMLPolicy(t *testing.T) {
	page := htmlOf(t, sample())
	policy := regexp.MustCompile(`http-equiv="Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(page)
	if policy == nil {
		t.Fatal("there is no policy")
	}
	said := html.UnescapeString(policy[1])
	if !strings.HasPrefix(said, "default-src 'none'; script-src 'sha256-") || strings.Contains(said, "unsafe") {
		t.Errorf("got %s", said)
	}
	for _, element := range []string{"style", "script"} {
		own := regexp.MustCompile(`(?s)<`+element+`>(.*?)</`+element+`>`).FindAllStringSubmatch(page, -1)
		if len(own) != 1 || !strings.Contains(said, element+"-src "+look.Source(own[0][1])) {
			t.Errorf("%d <%s>, and the policy does not name it", len(own), element)
		}
	}
}

const hostileText = `</script><script>alert(1)</script><img src=x onerror="alert(2)">` + "\x1b[31m\u202e\x00"

// What an upstream or a gateway wrote is text on the page, wherever it stands.
func TestHTMLEscapesOthersText(t *testing.T) {
	r := sample()
	for _, res := range r.Results {
		res.Reason, res.Evidence, res.Log, res.SharedLog = hostileText+"\n"+hostileText, hostileText, []string{hostileText}, []string{hostileText}
		res.Gateway.Version, res.Gateway.Image, res.Gateway.Title = hostileText, hostileText, hostileText
		res.Client = []run.Chunk{{Data: []byte(hostileText)}}
		res.Signs = []run.Sign{{Pattern: hostileText}}
		res.Journal = []upstream.Event{{Kind: upstream.Requested, Conn: 1, Target: "/" + res.Cell + "/fault/" + hostileText, Method: hostileText}}
	}
	r.Gateways = []run.Gateway{r.Results[0].Gateway}
	page := htmlOf(t, r)
	texts := append(slices.Collect(maps.Values(stories(t, page))), matrixOf(page))
	var checked bytes.Buffer
	c := &check.Report{Subject: check.Subject{Config: hostileText, Routes: []string{hostileText}, Stands: []string{hostileText}}, Notes: []string{hostileText},
		Findings: []check.Finding{{ID: "slow-answer", Severity: check.Warning, Route: hostileText, Title: hostileText, Seen: hostileText, Fix: hostileText,
			Evidence: []check.Evidence{{Kind: "log", Text: hostileText}}, Reproduce: hostileText}},
		Cells: []check.Cell{{Result: r.Results[0], Status: check.Failed, Why: hostileText, Reproduce: hostileText}}}
	if err := report.CheckHTML(&checked, c, check.Gate{}, report.HTMLOptions{}); err != nil {
		t.Fatal(err)
	}
	texts = append(append(texts, matrixOf(checked.String())), slices.Collect(maps.Values(stories(t, checked.String())))...)
	for _, text := range texts {
		for _, bad := range []string{"<script>alert", "<img", "\x00", "\x1b", "\u202e"} {
			if i := strings.Index(text, bad); i >= 0 {
				t.Fatalf("%q is in ...%q", bad, text[max(0, i-200):i+20])
			}
		}
	}
}

func checkPage(t *testing.T) string {
	t.Helper()
	var out bytes.Buffer
	if err := report.CheckHTML(&out, checkSample(), check.Gate{}, report.HTMLOptions{}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestCheckHTML(t *testing.T) { golden(t, "check.html", []byte(matrixOf(checkPage(t)))) }

// changesPage compares two runs.
func changesPage(t *testing.T) string {
	t.Helper()
	old, after := sample(), sample()
	for _, r := range []*run.Report{old, after} {
		r.Results[0].Client = []run.Chunk{{Data: []byte("HTTP/1.1 503 Service Unavailable\r\n\r\n")}}
	}
	before := check.OfRun(old)
	after.Results[0].Verdict, after.Results[0].Observed = run.Drifted, made(500)
	after.Results = after.Results[:5]
	var out bytes.Buffer
	changes := check.Compare(before, check.OfRun(after))
	if err := report.ChangesHTML(&out, changes, [2]string{"old.json", "new.json"}, report.HTMLOptions{}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestChangesHTML(t *testing.T) {
	page := changesPage(t)
	golden(t, "changes.html", []byte(matrixOf(page)))
	told := stories(t, page)["nginx/app.503"]
	if !strings.Contains(told, "<h3>before</h3>") || !strings.Contains(told, "<h3>after</h3>") || strings.Count(told, "<svg") != 2 {
		t.Errorf("the two stories are not side by side: %s", told)
	}
}

// fullMatrix is a run of the whole catalogue on five gateways, with as much to tell in each cell as a real one has.
func fullMatrix(t testing.TB) *run.Report {
	t.Helper()
	catalogue, err := scenarios.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	r := &run.Report{Started: time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC), Timing: run.Timing{Total: 28 * time.Second}}
	for _, name := range []string{"apache", "caddy", "go", "haproxy", "nginx"} {
		r.Gateways = append(r.Gateways, run.Gateway{Name: name, Title: strings.ToTitle(name[:1]) + name[1:], Version: "1.2.3", Profile: "plain", Place: "container"})
	}
	for _, cause := range scenarios.Causes() {
		for _, s := range catalogue.All() {
			if s.Cause != cause {
				continue
			}
			for i, g := range r.Gateways {
				r.Results = append(r.Results, realistic(len(r.Results), s, g, []run.Verdict{run.Standard, run.Deviates, run.Standard, run.Standard, run.Unsupported}[(i+len(s.ID))%5]))
			}
		}
	}
	r.Results[0].Verdict, r.Results[7].Verdict, r.Results[9].Verdict = run.Drifted, run.NotInjected, run.Error
	return r
}

// realistic is the n-th cell of a run.
func realistic(n int, s *scenarios.Scenario, g run.Gateway, v run.Verdict) *run.Result {
	r := &run.Result{Scenario: s, ID: s.ID, Cause: s.Cause, Standard: s.Standard, Method: "GET", Gateway: g, Verdict: v, Cell: fmt.Sprintf("gf-%08x-%d", n*7919, n)}
	if v == run.Unsupported {
		r.Reason = "the gateway has no such profile"
		return r
	}
	const ms = time.Millisecond
	mark := "/" + r.Cell + "/fault"
	r.Observed, r.Reason, r.Attempts = s.Standard[0].Outcome, s.Standard[0].Why, 1+n%3
	r.Recovery, r.FirstByte, r.Total, r.Took = after(3*ms), 2000*ms, 2001*ms, 3*time.Second
	r.Evidence = fmt.Sprintf("journal %d: %s took effect on request 1 of connection %d", n*31, s.Fault, n)
	body := fmt.Sprintf("HTTP/1.1 502 Bad Gateway\r\nServer: %s\r\nDate: Thu, 02 Jan 2025 03:%02d:05 GMT\r\nContent-Type: text/html\r\n\r\n<html>%s</html>", g.Name, n%60, strings.Repeat("<p>"+s.Title+"</p>", 6))
	r.Client = []run.Chunk{{At: 2000 * ms, Data: []byte(body)}}
	r.Exchange = &run.Exchange{Mark: mark, Wrote: []byte("GET " + mark + "/ HTTP/1.1\r\nHost: 172.18.0.3:80\r\n\r\n"), Dialed: ms, Sent: ms, Size: int64(len(body)),
		End: probe.EndComplete, Began: map[string]time.Duration{"app": time.Minute}}
	for attempt := range r.Attempts {
		on := upstream.Event{Endpoint: "app", Conn: uint64(n*3 + attempt), Remote: fmt.Sprintf("172.18.0.3:%d", 30000+n), At: time.Minute + time.Duration(attempt*400)*ms + 2*ms}
		for i, kind := range []upstream.EventKind{upstream.Accepted, upstream.Requested, upstream.Fired, upstream.SentBytes, upstream.Closed} {
			e := on
			e.Kind, e.At = kind, on.At+time.Duration(i)*ms
			if kind != upstream.Accepted && kind != upstream.Closed {
				e.Request, e.Method, e.Target, e.Fault = 1, "GET", mark+"/", s.Fault
			}
			if kind == upstream.SentBytes {
				e.Bytes, e.Sample = 200, []byte("HTTP/1.1 200 OK\r\nGatefault-Nonce: "+r.Cell+"\r\nContent-Length: 4096\r\n\r\n"+s.Title)
			}
			if kind == upstream.Closed {
				e.By, e.How = "us", "rst"
			}
			r.Journal = append(r.Journal, e)
		}
	}
	r.Log = []string{fmt.Sprintf(`lane0 172.18.0.1 - - [02/Jan/2025:03:04:%02d +0000] "GET %s/ HTTP/1.1" 502 157 "-" "-" upstream=172.18.0.2:80 0.%03d`, n%60, mark, n),
		fmt.Sprintf(`2025/01/02 03:04:%02d [error] 7#7: *%d %s while reading response header from upstream, client: 172.18.0.1, request: "GET %s/ HTTP/1.1"`, n%60, n, s.Title, mark)}
	if s.Traffic != nil {
		r.Traffic = flowing(n)
	}
	return r
}

func flowing(n int) *run.Traffic {
	t := &run.Traffic{Requests: 250, Shares: map[scenarios.Outcome]float64{passed(200): 0.6, made(504): 0.3, made(502): 0.1}, Injected: 500 * time.Millisecond,
		Cleared: 1500 * time.Millisecond, Bucket: 100 * time.Millisecond}
	for i := range 25 {
		l := time.Duration(1+(i*n)%90) * time.Millisecond
		t.Series = append(t.Series, run.Bucket{Outcomes: map[scenarios.Outcome]int{passed(200): 6, made(504): i % 5, made(502): 1},
			Latency: run.Latency{P50: l, P95: 2 * l, P99: 3 * l, Max: 3 * l}})
	}
	t.Latency = t.Series[3].Latency
	return t
}

var madePage string // by fullPage, once

// fullPage is the page of the full matrix.
func fullPage(t *testing.T) string {
	t.Helper()
	if madePage == "" {
		madePage = htmlOf(t, fullMatrix(t))
	}
	return madePage
}

// mostBytes is what the report of the full matrix may have.
const mostBytes = 5 << 20

func TestHTMLOfTheFullMatrixIsSmall(t *testing.T) {
	page := fullPage(t)
	told := stories(t, page)
	t.Logf("%d cells in %d bytes", len(told), len(page))
	if len(told) < 880 || len(page) > mostBytes {
		t.Errorf("%d cells in %d bytes; at most %d are wanted", len(told), len(page), mostBytes)
	}
}

func BenchmarkHTML(b *testing.B) {
	r := fullMatrix(b)
	for b.Loop() {
		if err := report.HTML(io.Discard, r, report.HTMLOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}
