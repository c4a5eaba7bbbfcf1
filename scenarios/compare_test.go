package scenarios

import (
	"strings"
	"testing"
	"time"
)

func find(t *testing.T, id string) *Scenario {
	t.Helper()
	c, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Find(id)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestComparable(t *testing.T) {
	for id, want := range map[string]string{
		"tcp.refuse":   "",
		"conn.race":    "conn.race is about the profile keepalive; only faults of scenarios with the profile plain can be compared",
		"healthy":      "healthy has no fault that a profile could hide",
		"load.shed":    "load.shed is about many requests; profiles are compared by single ones",
		"process.oom":  "process.oom must run alone; profiles are compared side by side",
		"head.garbage": "",
	} {
		got := ""
		if err := find(t, id).Comparable(); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", id, got, want)
		}
	}
}

func TestTheSelectionToCompareIsSmall(t *testing.T) {
	c, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, s := range c.All() {
		if s.Compare {
			n++
		}
	}
	if n < 8 || n > 20 {
		t.Errorf("%d scenarios are marked compare; a table has room for 8 to 20", n)
	}
}

func TestCompareIsForWhatCanBeCompared(t *testing.T) {
	text := `
id: x
title: x
cause: reuse
fault: conn.race
profile: keepalive
prime: true
compare: true
explain: x
error: connection_terminated
standard: [{outcome: 502 made, why: x, cite: x}]
operator: {symptom: x, checks: [x], fix: x, prevention: x}
`
	_, err := decode([]byte(text), "x.yaml", "x")
	if want := "x.yaml:8: compare: x is about the profile keepalive"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestIn(t *testing.T) {
	s := find(t, "head.reset")
	got := s.In(Setting{Profile: "cache", Method: "GET", Prime: true, Age: time.Second, Query: "max-age=1"})
	if got.Profile != "cache" || !got.Warm || got.Age != time.Second || got.Request.Path != "/?max-age=1" || !got.Prime || got.Contact != "" {
		t.Errorf("GET: %+v", got)
	}
	if got.Standard != nil || got.Pins != nil || got.Signs != nil || len(s.Standard) == 0 || s.Profile != "plain" {
		t.Errorf("the copy has expectations of another profile, or the original has none any more")
	}
	got = s.In(Setting{Profile: "healthcheck", Method: "POST", Notice: time.Second, Age: time.Second})
	if string(got.Request.Content()) != "amount=1" || got.Warm || got.Age != 0 || got.Contact != NoContact || got.Notice != time.Second {
		t.Errorf("POST: %+v", got)
	}
	if find(t, "tcp.refuse").In(Setting{Profile: "keepalive", Prime: true}).Prime {
		t.Error("a fault below requests has to meet a new connection")
	}
	if got := find(t, "head.early-close-on-upload").Methods(); len(got) != 1 || got[0] != "POST" {
		t.Errorf("a fault that needs a body is compared with %v", got)
	}
}
