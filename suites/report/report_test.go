package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/jsonschema-go/jsonschema"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/report"
	"github.com/gatefault/gatefault/suites/run"
	"github.com/gatefault/gatefault/upstream"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs; if that is right, run the test with -update\n%s", name, diff)
	}
}

var (
	nginx   = run.Gateway{Name: "nginx", Title: "nginx", Version: "1.26.3", Image: "nginx:1.26 (0123456789ab)", Profile: "plain", Place: "container"}
	pooled  = run.Gateway{Name: "nginx", Title: "nginx", Version: "1.26.3", Image: "nginx:1.26 (0123456789ab)", Profile: "keepalive", Place: "container"}
	haproxy = run.Gateway{Name: "haproxy", Title: "HAProxy", Version: "3.0.11", Image: "/usr/sbin/haproxy", Profile: "plain", Place: "local"}
	broken  = run.Gateway{Name: "broken", Title: "Broken", Profile: "plain", Place: "container"}
)

func made(status int) scenarios.Outcome {
	return scenarios.Outcome{Kind: scenarios.Made, Status: status}
}
func passed(status int) scenarios.Outcome {
	return scenarios.Outcome{Kind: scenarios.Passed, Status: status}
}

func after(d time.Duration) *time.Duration { return &d }

// sample is a run in which everything happens that a report has to show.
func sample() *run.Report {
	cell := func(id string, cause scenarios.Cause, g run.Gateway, v run.Verdict, o scenarios.Outcome, reason string) *run.Result {
		return &run.Result{Cell: "gf-00000000-" + id, ID: id, Cause: cause, Gateway: g, Verdict: v, Observed: o, Reason: reason,
			Attempts: 1, Took: 1500 * time.Millisecond, FirstByte: 20 * time.Millisecond, Total: 21 * time.Millisecond,
			Recovery: after(3 * time.Millisecond), Evidence: "journal 7: request 1 on connection 3 met " + id}
	}
	saturated := cell("load.saturate", "overload", nginx, run.Standard, made(504), "too slow")
	saturated.Attempts = 64
	saturated.Traffic = &run.Traffic{Requests: 10, Shares: map[scenarios.Outcome]float64{passed(200): 0.2, made(504): 0.8},
		Latency:  run.Latency{P50: 2 * time.Second, P95: 2001 * time.Millisecond, P99: 2001 * time.Millisecond, Max: 2001 * time.Millisecond},
		Injected: 120 * time.Millisecond, Bucket: 100 * time.Millisecond, Series: []run.Bucket{
			{Outcomes: map[scenarios.Outcome]int{passed(200): 2, made(504): 3}}, {Outcomes: map[scenarios.Outcome]int{made(504): 5}}}}
	refused := cell("tcp.refuse", "crash", haproxy, run.Deviates, made(503), "no server is left")
	refused.Attempts = 4
	slow := cell("body.stall", "timeout", nginx, run.Deviates, scenarios.Outcome{Kind: scenarios.Hang, Status: 200}, "it waits")
	slow.Recovery = nil
	drifted := cell("head.garbage", "misconfiguration", haproxy, run.Drifted, scenarios.Outcome{Kind: scenarios.Raw},
		"observed raw after 1 attempt; the standards ask for 502 made; known of this version is 502 made")
	drifted.Log = []string{"lane0 <BADREQ> & more", "second line"}
	drifted.Client = []run.Chunk{{At: time.Millisecond, Data: []byte("\x00garbage")}}
	drifted.Journal = []upstream.Event{{Seq: 7, Kind: upstream.Requested, Endpoint: "haproxy-plain-0", Target: "/gf-00000000-1/fault/"}}
	drifted.Recovery = after(2500 * time.Millisecond)
	cut := cell("body.truncate", "application-bug", nginx, run.Standard, scenarios.Outcome{Kind: scenarios.Truncated, Status: 200}, "cut")
	silent := cell("body.truncate", "application-bug", haproxy, run.Deviates, scenarios.Outcome{Kind: scenarios.Silent, Status: 200}, "deceived")
	closed := cell("conn.race", "reuse", pooled, run.Standard, scenarios.Outcome{Kind: scenarios.Closed}, "closed")
	missing := cell("tcp.refuse", "crash", nginx, run.NotInjected, scenarios.Outcome{}, "the kernel counted no packet that met tcp.refuse")
	missing.Evidence = ""
	start := "broken did not start: it has ended; its log ends with:\n  emerg: no such directive\n  bye"
	return &run.Report{
		Started: time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC),
		Results: []*run.Result{
			cell("app.503", "overload", nginx, run.Standard, passed(503), "the upstream's own answer"), saturated,
			{ID: "app.503", Cause: "overload", Gateway: broken, Verdict: run.Error, Reason: start},
			missing, refused,
			{ID: "tcp.refuse", Cause: "crash", Gateway: broken, Verdict: run.Error, Reason: start},
			{ID: "process.oom", Cause: "crash", Gateway: haproxy, Verdict: run.Unsupported, Reason: "no memory limit"},
			slow, cut, silent, closed, drifted,
		},
		Gateways: []run.Gateway{broken, haproxy, nginx, pooled},
		Timing: run.Timing{Total: 12 * time.Second, LongestCell: 6 * time.Second, SlowestStart: 2 * time.Second,
			Exclusive: time.Second, Images: 3 * time.Second},
		Idle: map[string]string{"broken": start},
	}
}

func TestTerminal(t *testing.T) {
	for name, o := range map[string]report.TerminalOptions{
		"pipe.txt":   {Whole: true},
		"narrow.txt": {Width: 60},
		"colour.txt": {Width: 120, Colour: true, Repeat: func(r ...*run.Result) string { return "repeat " + strings.Join(report.IDs(r), " ") }},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := report.Terminal(&out, sample(), o); err != nil {
				t.Fatal(err)
			}
			golden(t, name, out.Bytes())
		})
	}
}

// Cells with the same reason are told of once, with the cells and a command that covers them all.
func TestCellsWithOneReasonAreToldOfTogether(t *testing.T) {
	r := sample()
	for _, g := range []run.Gateway{nginx, haproxy} {
		r.Results = append(r.Results, &run.Result{ID: "tcp.drop-syn", Cause: "firewall", Gateway: g, Verdict: run.Unsupported, Reason: "no firewall"},
			&run.Result{ID: "head.slow", Cause: "timeout", Gateway: g, Verdict: run.Error, Reason: report.NotFinished + "interrupted"})
	}
	var out bytes.Buffer
	if err := report.Terminal(&out, r, report.TerminalOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"- unsupported 2 cells: no firewall\n    nginx, haproxy: tcp.drop-syn\n\n",
		"! error 2 cells: not finished: interrupted\n    nginx, haproxy: head.slow\n    gatefault run -g nginx,haproxy -s head.slow\n",
		"unfinished the run ended before the cell did\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}

// No explanation is wider than the terminal; commands and other programs' own lines are left as they are.
func TestReasonsKeepToTheWidth(t *testing.T) {
	var out bytes.Buffer
	if err := report.Terminal(&out, sample(), report.TerminalOptions{Width: 60, Whole: true}); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if text := strings.TrimRight(line, "\n"); len([]rune(text)) > 60 && !strings.Contains(text, "(plain") && !strings.Contains(text, "12 cells") {
			t.Errorf("%q", text)
		}
	}
}

func TestOnlyAWholeRunIsHeldToItsBar(t *testing.T) {
	timing := run.Timing{Total: 40e9, LongestCell: 6e9, SlowestStart: 2e9}
	if got, want := report.Timing(timing, false), "took 40.0 s: longest parallel cell 6.0 s, slowest start 2.0 s, traffic 0.0 s, exclusive cells 0.0 s"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := report.Timing(timing, true); !strings.Contains(got, "over the bar of 10.0 s") {
		t.Errorf("got %q", got)
	}
}

func TestTerminalOfARunWithoutResults(t *testing.T) {
	var out bytes.Buffer
	if err := report.Terminal(&out, &run.Report{}, report.TerminalOptions{}); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(out.String(), "0 cells") {
		t.Errorf("got %q", out.String())
	}
}

// No table is wider than the terminal as long as its first column fits.
func TestTerminalKeepsToTheWidth(t *testing.T) {
	for width := 50; width < 100; width++ {
		var out bytes.Buffer
		if err := report.Terminal(&out, sample(), report.TerminalOptions{Width: width}); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			if strings.Contains(line, "✓ ") && len([]rune(strings.TrimSpace(line))) > width && strings.Contains(line, "app.503") {
				t.Errorf("width %d: %q", width, line)
			}
		}
	}
}

func TestJSONCanBeReadBackAndFitsItsSchema(t *testing.T) {
	var out bytes.Buffer
	if err := report.JSON(&out, sample(), "v1.2.3"); err != nil {
		t.Fatal(err)
	}
	golden(t, "report.json", out.Bytes())
	d, err := report.ReadJSON(bytes.NewReader(out.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample(), &d.Report, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("read back: %s", diff)
	}
	if d.Counts[run.Drifted] != 1 || d.Gatefault != "v1.2.3" || d.Format != report.FormatVersion {
		t.Errorf("got counts %v, version %q, format %d", d.Counts, d.Gatefault, d.Format)
	}
	fits(t, out.Bytes())
}

func fits(t *testing.T, document []byte) {
	t.Helper()
	text, err := report.Schema()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "schema.json", append(text, '\n'))
	validate(t, text, document)
}

func resolved(t *testing.T, text []byte) *jsonschema.Resolved {
	t.Helper()
	var schema jsonschema.Schema
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	r, err := schema.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func errorsOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestReadJSONRefusesWhatItCannotRead(t *testing.T) {
	for text, want := range map[string]string{
		`{`:              "read the JSON report: unexpected EOF",
		`{}`:             "this is no report of gatefault: it has no format",
		`{"format": 99}`: "the report has format 99, this gatefault reads up to 1; use a newer one",
	} {
		if _, err := report.ReadJSON(strings.NewReader(text)); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
	if _, err := report.ReadJSON(strings.NewReader(`{"format": 1, "later": true}`)); err != nil {
		t.Errorf("a key of a later version: %v", err)
	}
}

func TestJUnit(t *testing.T) {
	var out bytes.Buffer
	if err := report.JUnit(&out, sample(), nil); err != nil {
		t.Fatal(err)
	}
	golden(t, "report.xml", out.Bytes())
	validJUnit(t, out.Bytes())
	var back struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
	}
	if err := xml.Unmarshal(out.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if back.Tests != 12 || back.Failures != 1 || back.Errors != 3 {
		t.Errorf("got %+v", back)
	}
}

// XML has no place for control characters; what a gateway logs must not break the document.
func TestJUnitSurvivesControlCharacters(t *testing.T) {
	r := sample()
	r.Results[0].Log = []string{"a\x00b\x1b[31mc\xff"}
	var out bytes.Buffer
	if err := report.JUnit(&out, r, nil); err != nil {
		t.Fatal(err)
	}
	if err := xml.Unmarshal(out.Bytes(), new(struct{})); err != nil {
		t.Error(err)
	}
	if want := `log: a\x00b\x1b[31mc\xff`; !strings.Contains(out.String(), want) {
		t.Errorf("%s is not in\n%s", want, out.String())
	}
}
