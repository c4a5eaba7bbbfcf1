package main

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatefault/gatefault/upstream"
)

func TestNumbersAndRatios(t *testing.T) {
	for f, want := range map[float64]string{0: "0.00", 0.0123: "0.01", 0.5: "0.50", 1.2345: "1.23", 12.345: "12.3", 123.45: "123", 1234.5: "1,234", 1234567: "1,234,567"} {
		if got := number(f); got != want {
			t.Errorf("%g: got %s, want %s", f, got, want)
		}
	}
	ours, theirs := samples{20, 30, 10}, samples{10, 10, 10}
	if got := ours.over(theirs).String(); got != "2.00 (1.00-3.00)" {
		t.Errorf("got %s", got)
	}
	if got := quantile([]int{5, 1, 4, 2, 3}, 0.99); got != 5 {
		t.Errorf("p99 is %d", got)
	}
}

func TestTheTableIsPutBetweenItsMarks(t *testing.T) {
	file := filepath.Join(t.TempDir(), "README.md")
	if err := os.WriteFile(file, []byte("before\n"+markBegin+"old\n"+markEnd+"after\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := &results{Date: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), Machine: "a machine", Rows: map[string]measured{
		"start": {Runs: 5, Lines: []line{{What: "size", Result: "24 MB", Bar: "<= 25 MB", Met: true}, {What: "start", Result: "60 ms", Bar: "<= 50 ms"}}}}}
	for range 2 { // writing it again changes nothing
		if err := putBetweenMarks(file, r.table()); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"before\n" + markBegin + "Measured 2026-01-02 on a machine.", "**binary and cold start**, 5 runs: size | 24 MB | <= 25 MB | ✓ |\n| start | 60 ms | <= 50 ms | ✗ |\n" + markEnd + "after\n"} {
			if !strings.Contains(string(text), want) {
				t.Errorf("%q is not in\n%s", want, text)
			}
		}
	}
	if err := os.WriteFile(file, []byte("no marks\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := putBetweenMarks(file, ""); err == nil {
		t.Error("a file without marks was written")
	}
}

// endpoint is an upstream of this process with a fault.
func endpoint(t *testing.T, rule upstream.Rule) string {
	t.Helper()
	up, err := upstream.New(upstream.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = up.Close() })
	ep, err := up.Listen(upstream.EndpointConfig{Address: "127.0.0.1:0"})
	if err == nil {
		err = ep.SetPlan(t.Context(), upstream.Plan{Rules: []upstream.Rule{rule}}, upstream.Keep)
	}
	if err != nil {
		t.Fatal(err)
	}
	return ep.Addr().String()
}

func TestDelaysAreTakenFromTheRequestOn(t *testing.T) {
	addr := endpoint(t, upstream.Rule{Fault: "head.slow", Params: map[string]string{"delay": "5ms"}})
	for _, spread := range []bool{false, true} {
		late, err := asking{d: 5 * time.Millisecond, rounds: 2, spread: spread}.askTogether(addr)
		if err != nil || len(late) != 2 {
			t.Fatalf("%d rounds, %v", len(late), err)
		}
		if earliest := quantile(slices.Concat(late...), 0); earliest < 0 {
			t.Errorf("an answer came %g s early", -earliest)
		}
	}
}

func TestConnectionsAreHeldAndBroken(t *testing.T) {
	h := &held{}
	defer h.close()
	if err := h.grow(endpoint(t, upstream.Rule{Fault: "tcp.accept-hang"}), "/", 50); err != nil || len(h.conns) != 50 {
		t.Fatalf("%d connections, %v", len(h.conns), err)
	}
	b := &bench{quick: true}
	if rate, err := b.connect(endpoint(t, upstream.Rule{Fault: "tcp.accept-close"}), ""); err != nil || rate <= 0 {
		t.Errorf("%g connections/s, %v", rate, err)
	}
}

func TestEveryFormatTakesTheSample(t *testing.T) {
	for _, f := range formats {
		if err := f.write(io.Discard, sampleReport(3)); err != nil {
			t.Errorf("%s: %v", f.name, err)
		}
	}
}
