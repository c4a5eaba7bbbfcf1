package diagnose

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestLinesAreRead(t *testing.T) {
	for _, c := range []struct {
		gateway, line string
		kind          kind
		status        int
		at            string
	}{
		{"nginx", `10.0.0.1 - - [28/Nov/2026:20:39:05 +0000] "GET / HTTP/1.1" 502 157 "-" "curl/8.1"`, access, 502, "2026-11-28 20:39:05"},
		{"nginx", `10.0.0.1 - - [28/Nov/2026:20:39:05 +0000] "" 400 157 "-" "-"`, access, 400, "2026-11-28 20:39:05"},
		{"nginx", `2026/11/28 20:39:05 [error] 7#7: *1 connect() failed (111: Connection refused) while connecting to upstream`, event, 0, "2026-11-28 20:39:05"},
		{"nginx", `2026/11/28 20:39:05 [notice] 1#1: start worker processes`, quiet, 0, "2026-11-28 20:39:05"},
		{"nginx", `<187>Nov 28 20:39:05 web nginx: 2026/11/28 20:39:05 [error] 7#7: *1 upstream timed out`, event, 0, "2026-11-28 20:39:05"},
		{"nginx", `web-1  | 10.0.0.1 - - [28/Nov/2026:20:39:05 +0000] "GET / HTTP/1.1" 504 157 "-" "-"`, access, 504, "2026-11-28 20:39:05"},
		{"nginx", `2026-11-28T20:39:05.123456789Z 10.0.0.1 - - [28/Nov/2026:20:39:05 +0000] "GET / HTTP/1.1" 504 157 "-" "-"`, access, 504, "2026-11-28 20:39:05"},
		{"nginx", `2026/13/41 20:39:05 [error] 7#7: no such day`, foreign, 0, ""},
		{"nginx", `Stack trace:`, foreign, 0, ""},
		{"haproxy", `Nov 28 20:39:05 lb haproxy[14389]: 10.0.1.2:33317 [28/Nov/2026:20:39:05.655] http-in static/srv1 10/0/30/69/109 503 +2750 SESSION=1 - SCVN 1/1/1/1/0 0/0 {1wt.eu} {} "GET /i HTTP/1.1"`, access, 503, "2026-11-28 20:39:05"},
		{"haproxy", `10.0.1.2:33317 [28/Nov/2026:20:39:05.655] http-in http-in/<NOSRV> -1/-1/-1/-1/0 400 0 - - PR-- 1/1/0/0/0 0/0 "<BADREQ>"`, access, 400, "2026-11-28 20:39:05"},
		{"haproxy", `Server app/web1 is DOWN, reason: Layer4 timeout, check duration: 2001ms.`, event, 0, ""},
		{"haproxy", `10.0.1.2:33317 [28/Nov/2026:20:39:05.655] http-in/1: SSL handshake failure`, quiet, 0, "2026-11-28 20:39:05"},
		{"caddy", `{"level":"error","ts":1795898345.1,"logger":"http.log.error","msg":"EOF","request":{"method":"GET","uri":"/"},"status":502}`, event, 0, "2026-11-28 20:39:05"},
		{"caddy", `{"level":"error","ts":"2026-11-28T20:39:05.123Z","logger":"http.log.access","msg":"handled request","request":{"method":"GET","uri":"/"},"size":0,"status":502,"resp_headers":{}}`, access, 502, "2026-11-28 20:39:05"},
		{"caddy", `{"level":"info","ts":1795898345.1,"msg":"serving initial configuration"}`, quiet, 0, "2026-11-28 20:39:05"},
		{"apache", `[Sat Nov 28 20:39:05.123456 2026] [proxy_http:error] [pid 21:tid 140] (70007)The timeout specified has expired: [client 10.0.0.1:42634] AH01102: error reading status line from remote server app:80`, event, 0, "2026-11-28 20:39:05"},
		{"apache", `[Sat Nov 28 20:39:05 2026] [mpm_event:notice] [pid 1:tid 140] AH00489: Apache/2.4.71 configured`, quiet, 0, "2026-11-28 20:39:05"},
		{"apache", `shop.example:443 10.0.0.1 - bob [28/Nov/2026:20:39:05 +0000] "GET /\"q\" HTTP/1.1" 503 12 "-" "-"`, access, 503, "2026-11-28 20:39:05"},
		{"go", `2026/11/28 20:39:05 http: proxy error: EOF`, event, 0, "2026-11-28 20:39:05"},
	} {
		var e entry
		reads(formats[c.gateway](), []byte(c.line), &e)
		if at := inWords(e.at); e.kind != c.kind || e.status != c.status || at != c.at {
			t.Errorf("%s: kind %d, status %d at %q, want %d, %d, %q: %s", c.gateway, e.kind, e.status, at, c.kind, c.status, c.at, c.line)
		}
	}
}

func TestLinesAreComparedInTheFormOfTheCatalogue(t *testing.T) {
	for _, c := range []struct{ gateway, line, want string }{
		{"apache", `[Sat Nov 28 20:39:05.1 2026] [proxy_http:error] [pid 21:tid 1] (104)Connection reset by peer: [client 10.0.0.1:4] AH01102: error`, "(104)Connection reset by peer: AH01102"},
		{"haproxy", `10.0.1.2:3 [28/Nov/2026:20:39:05.655] in be/s 1/0/3/6/9 502 +275 a=1 b SHVN 1/1/1/1/0 0/0 "GET / HTTP/1.1"`, " 502 275 - - SH-- 1/1/1/1/0 0/0 \"GET"},
		{"caddy", `{"level":"info","ts":1,"msg":"handled request","request":{"method":"GET","uri":"/"},"size":10,"status":200,"resp_headers":{"Content-Length":["11"]}}`, shortAnswer},
	} {
		var e entry
		reads(formats[c.gateway](), []byte(c.line), &e)
		if !strings.Contains(string(e.text), c.want) {
			t.Errorf("%s: %q is not in %q", c.gateway, c.want, e.text)
		}
	}
}

func FuzzParsers(f *testing.F) {
	for _, name := range []string{"nginx", "haproxy", "caddy", "apache"} {
		for _, line := range formLines(f, name) {
			f.Add(line)
		}
	}
	f.Fuzz(func(t *testing.T, line string) {
		for name, make := range formats {
			p, before := make(), line
			var e, again entry
			reads(p, []byte(line), &e)
			text := string(e.text)
			reads(p, []byte(line), &again)
			if e.kind != again.kind || e.status != again.status || e.at != again.at || text != string(again.text) || e.request != again.request {
				t.Errorf("%s reads a line in two ways: %q", name, line)
			}
			if line != before || e.at < 0 || e.at > wallEnd || e.status > 9999 || e.kind > quiet {
				t.Errorf("%s: %+v of %q", name, e, line)
			}
		}
	})
}

// wallEnd is later than any time that a log can have.
var wallEnd = time.Date(10000, 1, 2, 0, 0, 0, 0, time.UTC).Unix()

// formLines reads the logs that testdata/record.sh made.
func formLines(t testing.TB, gateway string) (lines []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "forms", gateway, "*.log"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no logs of %s: %v", gateway, err)
	}
	for _, name := range files {
		lines = append(lines, logLines(t, name)...)
	}
	return lines
}

func logLines(t testing.TB, name string) []string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.FieldsFunc(string(b), func(r rune) bool { return r == '\n' })
}

// TestUsualForms diagnoses logs in the forms that products have by default, which the catalogue's patterns were not
// written from: nginx and Apache combined, Apache's default ErrorLogFormat, HAProxy with captures behind syslog's prefix.
func TestUsualForms(t *testing.T) {
	known := catalogue(t)
	for _, gateway := range []string{"apache", "caddy", "haproxy", "nginx"} {
		rules, err := NewRules(known, gateway, "")
		if err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join("testdata", "forms", gateway, "*.log"))
		if err != nil || len(files) < 10 {
			t.Fatalf("%s: %d logs, %v", gateway, len(files), err)
		}
		for _, name := range files {
			id := strings.TrimSuffix(filepath.Base(name), ".log")
			s, err := known.Find(id)
			if err != nil {
				t.Fatal(err)
			}
			lines := logLines(t, name)
			known, err := loadKnowledge()
			if err != nil {
				t.Fatal(err)
			}
			report := Of(rules, lines)
			r := known.round(s, Cell{Gateway: gateway, Scenario: id, Cause: s.Cause, Log: lines}, report)
			switch {
			case r.Telling == Told && r.Place != 1, r.Telling == Alike && r.Place == 0:
				t.Errorf("%s %s: %s is number %d, the first is %s: %s\n%s", gateway, id, s.Cause, r.Place, r.First, r.Sign, strings.Join(lines, "\n"))
			case report.Unknown.Foreign > 0:
				t.Errorf("%s %s: %d lines were not understood: %s", gateway, id, report.Unknown.Foreign, report.Unknown.Kinds[0].Sample)
			}
		}
	}
}
