package diagnose

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	refusedError = `2026/11/28 12:00:%02d [error] 7#7: *1 connect() failed (111: Connection refused) while connecting to upstream, client: 10.0.0.1, server: x, request: "GET /%s HTTP/1.1", upstream: "http://10.0.0.2:80/"` + "\n"
	answer       = `10.0.0.1 - - [28/Nov/2026:12:00:%02d +0000] "GET /%s HTTP/1.1" %d 157 "-" "-"` + "\n"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

func read(t *testing.T, names ...string) *Report {
	t.Helper()
	r, err := Read(t.Context(), Options{Catalogue: catalogue(t), Gateway: "nginx", Names: names, Stdin: strings.NewReader("")})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestErrorsAndAnswersOfARequestAreOneFailure(t *testing.T) {
	dir := t.TempDir()
	errors := write(t, filepath.Join(dir, "error.log"), fmt.Sprintf(refusedError, 1, "a")+fmt.Sprintf(refusedError, 3, "a"))
	answers := write(t, filepath.Join(dir, "access.log"), fmt.Sprintf(answer, 1, "a", 502)+fmt.Sprintf(answer, 2, "b", 200)+fmt.Sprintf(answer, 3, "a", 502))
	for _, names := range [][]string{{errors, answers}, {answers, errors}} {
		r := read(t, names...)
		if len(r.Groups) != 1 || r.Groups[0].Incidents != 2 || r.Groups[0].Status != 502 || r.Groups[0].Causes[0].Cause != "crash" || r.Ordinary != 1 {
			t.Errorf("%v: %+v", names, r)
		}
	}
}

func TestAnswersWithoutErrors(t *testing.T) {
	dir := t.TempDir()
	answers := write(t, filepath.Join(dir, "access.log"), fmt.Sprintf(answer, 1, "a", 502)+fmt.Sprintf(answer, 2, "b", 504))
	r := read(t, answers)
	if len(r.Groups) != 2 || r.Complete {
		t.Fatalf("%+v", r)
	}
	for _, g := range r.Groups {
		if len(g.Causes) < 3 {
			t.Errorf("status %d without an error log: %d causes remain, and more are possible", g.Status, len(g.Causes))
		}
	}
	errors := write(t, filepath.Join(dir, "error.log"), fmt.Sprintf(refusedError, 1, "a"))
	for _, g := range read(t, answers, errors).Groups {
		if g.Status == 504 && g.Causes[0].Scenarios[0].ID != "app.504" {
			t.Errorf("504 that the error log does not know is the application's own, not %+v", g.Causes[0].Scenarios[0])
		}
	}
}

func TestRotatedAndCompressedLogsComeInTheOrderOfTheirTimes(t *testing.T) {
	dir := t.TempDir()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	fmt.Fprintf(w, refusedError, 1, "a")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	old := write(t, filepath.Join(dir, "error.log.2.gz"), packed.String())
	now := write(t, filepath.Join(dir, "error.log"), fmt.Sprintf(refusedError, 50, "a"))
	r := read(t, now, old)
	if r.From != "2026-11-28 12:00:01" || r.To != "2026-11-28 12:00:50" || r.Groups[0].Incidents != 2 || !strings.Contains(r.Groups[0].Evidence[0], "12:00:01") {
		t.Errorf("%+v", r)
	}
	cut := write(t, filepath.Join(dir, "cut.gz"), packed.String()[:packed.Len()-6])
	if r := read(t, now, cut); r.Sources[1].Error == "" || r.Groups[0].Incidents < 1 {
		t.Errorf("the end of a log that was cut is missing, and nothing tells it: %+v", r.Sources)
	}
}

func TestWhatIsKeptIsBounded(t *testing.T) {
	known, err := NewRules(catalogue(t), "nginx", "")
	if err != nil {
		t.Fatal(err)
	}
	d, p := NewDiagnosis(known), formats["nginx"]()
	var e entry
	for n := range 50_000 {
		line := fmt.Sprintf(answer, n%60, fmt.Sprintf("page-%d", n), 500+n%9400)
		switch n % 3 {
		case 1:
			line = fmt.Sprintf("2026/11/28 %02d:%02d:%02d [error] 7#7: *%d w%x went wrong in some way, request: \"GET /%d HTTP/1.1\"", n/3600, n/60%60, n%60, n, n*7919, n)
		case 2:
			line = fmt.Sprintf("x%x y%x is no line of nginx", n*7919, n)
		}
		reads(p, []byte(line), &e)
		d.line([]byte(line), &e)
	}
	if len(d.classes) > maxClasses+3 || len(d.groups) > maxGroups || len(d.shapes) > maxShapes || len(d.joiner.waiting) > 2*maxOpen+1 {
		t.Errorf("%d classes, %d groups, %d shapes, %d waiting", len(d.classes), len(d.groups), len(d.shapes), len(d.joiner.waiting))
	}
	d.joiner.flush()
	r := d.Report()
	told := r.Further + r.Ordinary + r.Unknown.Lines + r.Unknown.Foreign
	for _, g := range r.Groups {
		told += g.Incidents
		if len(g.Over) > maxBuckets {
			t.Errorf("%d pieces of time", len(g.Over))
		}
	}
	if told != 50_000 {
		t.Errorf("%d of 50000 lines are told of", told)
	}
}

func TestUnknownLinesAreShownAndNotGuessed(t *testing.T) {
	name := write(t, filepath.Join(t.TempDir(), "error.log"), "2026/11/28 12:00:01 [crit] 7#7: *1 something that nobody has seen before\nno log line at all\n"+strings.Repeat("x", 70_000)+"\n")
	r := read(t, name)
	if len(r.Groups) != 0 || r.Unknown.Lines != 1 || r.Unknown.Foreign != 2 || len(r.Unknown.Kinds) != 3 || r.Sources[0].Cut != 1 {
		t.Errorf("%+v", r)
	}
}

func TestFollowReadsWhatIsAddedAndRotated(t *testing.T) {
	dir := t.TempDir()
	name := write(t, filepath.Join(dir, "error.log"), fmt.Sprintf(refusedError, 1, "a"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seen, ended := make(chan int, 100), make(chan *Report, 1)
	go func() {
		r, err := Follow(ctx, Options{Catalogue: catalogue(t), Gateway: "nginx", Names: []string{name}, Every: 20 * time.Millisecond}, func(r *Report) {
			n := 0
			for _, g := range r.Groups {
				n += g.Incidents
			}
			seen <- n
		})
		if err != nil {
			t.Error(err)
		}
		ended <- r
	}()
	await := func(n int) {
		t.Helper()
		for got := range seen {
			if got == n {
				return
			}
		}
	}
	await(1)
	half := fmt.Sprintf(refusedError, 2, "b")
	add(t, name, half[:40])
	add(t, name, half[40:])
	await(2)
	if err := os.Rename(name, name+".1"); err != nil {
		t.Fatal(err)
	}
	write(t, name, fmt.Sprintf(refusedError, 3, "c"))
	await(3)
	cancel()
	if r := <-ended; r == nil || r.Groups[0].Incidents != 3 {
		t.Errorf("%+v", r)
	}
}

func add(t *testing.T, name, text string) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestGatewaysAreToldByTheirLines(t *testing.T) {
	for _, gateway := range []string{"apache", "caddy", "haproxy", "nginx"} {
		text := strings.Join(formLines(t, gateway), "\n")
		r, err := Read(t.Context(), Options{Catalogue: catalogue(t), Names: []string{Stdin}, Stdin: strings.NewReader(text)})
		if err != nil || r.Gateway != gateway {
			t.Errorf("%s: %v, %+v", gateway, err, r)
		}
	}
}
