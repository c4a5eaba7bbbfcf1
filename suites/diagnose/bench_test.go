package diagnose

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var gigabyte = flag.Int("gigabytes", 0, "TestSpeed makes and reads logs of so many GB")

// templates are lines of healthy traffic and of failures, by product; %s stands for the time, %d for a number.
var templates = map[string]struct{ healthy, failed []string }{
	"nginx": {
		[]string{`10.1.2.3 - - [%s +0000] "GET /articles/%d?page=2 HTTP/1.1" 200 15243 "https://www.example.com/articles" "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"`},
		[]string{`10.1.2.3 - - [%s +0000] "GET /api/%d HTTP/1.1" 502 157 "-" "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"`},
	},
	"haproxy": {
		[]string{`10.1.2.3:51234 [%s.655] http-in app/web1 0/0/1/23/24 200 15243 - - ---- 210/209/12/6/0 0/0 "GET /articles/%d?page=2 HTTP/1.1"`},
		[]string{`10.1.2.3:51234 [%s.655] http-in app/web1 0/0/-1/-1/3004 503 217 - - SC-- 210/209/12/6/3 0/0 "GET /api/%d HTTP/1.1"`},
	},
	"apache": {
		[]string{`10.1.2.3 - - [%s +0000] "GET /articles/%d?page=2 HTTP/1.1" 200 15243 "https://www.example.com/articles" "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"`},
		[]string{`10.1.2.3 - - [%s +0000] "GET /api/%d HTTP/1.1" 503 299 "-" "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"`},
	},
	"caddy": {
		[]string{`{"level":"info","ts":"%s","logger":"http.log.access","msg":"handled request","request":{"remote_ip":"10.1.2.3","remote_port":"51234","proto":"HTTP/2.0","method":"GET","host":"www.example.com","uri":"/articles/%d?page=2","headers":{"User-Agent":["Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"],"Accept":["text/html"]},"tls":{"resumed":false,"version":772,"cipher_suite":4865,"proto":"h2","server_name":"www.example.com"}},"user_id":"","duration":0.023,"size":15243,"status":200,"resp_headers":{"Server":["Caddy"],"Content-Type":["text/html"],"Content-Length":["15243"]}}`},
		[]string{`{"level":"error","ts":"%s","logger":"http.log.error","msg":"dial tcp 10.0.0.2:8080: connect: connection refused","request":{"remote_ip":"10.1.2.3","remote_port":"51234","proto":"HTTP/2.0","method":"GET","host":"www.example.com","uri":"/api/%d","headers":{"User-Agent":["Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"]}},"duration":0.0004,"status":502,"err_id":"hv9rcxwzk","err_trace":"reverseproxy.statusError (reverseproxy.go:1272)"}`},
	},
}

// makeLog writes an access log in which one line of a hundred is a failure, and each failure has its error line.
func makeLog(w io.Writer, gateway string, size int) error {
	out := bufio.NewWriter(w)
	form := templates[gateway]
	at := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	for n, written := 0, 0; written < size; n++ {
		stamp := at.Add(time.Duration(n) * time.Millisecond)
		line := form.healthy[n%len(form.healthy)]
		if n%100 == 99 {
			line = form.failed[n/100%len(form.failed)]
			if gateway == "nginx" {
				more, err := fmt.Fprintf(out, `%s [error] 12#12: *%d connect() failed (111: Connection refused) while connecting to upstream, client: 10.1.2.3, server: www.example.com, request: "GET /api/%d HTTP/1.1", upstream: "http://10.0.0.2:8080/api/%d", host: "www.example.com"`+"\n", stamp.Format("2006/01/02 15:04:05"), n, n, n)
				if err != nil {
					return err
				}
				written += more
			}
		}
		more, err := fmt.Fprintf(out, line+"\n", stamp.Format("02/Jan/2006:15:04:05"), n)
		if err != nil {
			return err
		}
		written += more
	}
	return out.Flush()
}

func BenchmarkRead(b *testing.B) {
	known := catalogue(b)
	for gateway := range templates {
		var log bytes.Buffer
		if err := makeLog(&log, gateway, 16<<20); err != nil {
			b.Fatal(err)
		}
		benchmarkRead(b, gateway, Options{Catalogue: known, Gateway: gateway}, log.Bytes())
	}
	for _, gateway := range []string{"nginx", "apache", "caddy", "haproxy"} {
		failures := []byte(strings.Join(formLines(b, gateway), "\n") + "\n")
		log := bytes.Repeat(failures, 16<<20/len(failures))
		benchmarkRead(b, gateway+"/failures-only", Options{Catalogue: known, Gateway: gateway}, log)
	}
}

func benchmarkRead(b *testing.B, name string, o Options, log []byte) {
	b.Run(name, func(b *testing.B) {
		b.SetBytes(int64(len(log)))
		b.ReportAllocs()
		for b.Loop() {
			o.Names, o.Stdin = []string{Stdin}, bytes.NewReader(log)
			if _, err := Read(context.Background(), o); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// TestSpeed reads a log of gigabytes and tells its speed and the most memory that the process had.
func TestSpeed(t *testing.T) {
	if *gigabyte == 0 {
		t.Skip("measures when asked to: -gigabytes 1")
	}
	for gateway := range templates {
		name := filepath.Join(t.TempDir(), "access.log")
		f, err := os.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := makeLog(f, gateway, *gigabyte*1_000_000_000); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		r, err := Read(t.Context(), Options{Catalogue: catalogue(t), Gateway: gateway, Names: []string{name}})
		if err != nil {
			t.Fatal(err)
		}
		took := time.Since(began).Seconds()
		t.Logf("%s: %d lines, %d failures, %.0f MB/s; most memory: %s", gateway, r.Lines, r.Groups[0].Incidents,
			float64(r.Sources[0].Bytes)/1e6/took, mostMemory(t))
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

// mostMemory is the peak of the resident set, as Linux tells it.
func mostMemory(t *testing.T) string {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip(err)
	}
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	size, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(size)
}
