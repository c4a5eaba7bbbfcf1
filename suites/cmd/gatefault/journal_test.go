package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gatefault/gatefault/upstream"
)

// What a client or a log sent cannot break the line or steer the terminal.
func TestAnEventIsOneLine(t *testing.T) {
	start := time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)
	got := eventLine(start, upstream.Event{Seq: 7, At: 1234567890, Kind: upstream.Fired, Endpoint: "app", Conn: 2, Request: 1,
		Method: "GET", Target: "/\x1b[31m", Fault: "head.slow", Detail: "a\nb"})
	want := "     7 2025-01-02T03:04:06.234Z  app        fired       connection 2 request 1 GET /\ufffd[31m head.slow took effect a\ufffdb"
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// A journal that has lost events says so, beside the events that it has.
func TestJournalTellsOfLostEvents(t *testing.T) {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/health" {
			fmt.Fprint(w, `{"status": "ok", "uptime": "1m"}`)
			return
		}
		fmt.Fprint(w, `{"events": [{"seq": 12, "kind": "accept", "endpoint": "app"}], "next": 12, "lost": 11}`)
	}))
	defer api.Close()
	var out, problems bytes.Buffer
	code := Main([]string{"journal", "--control", api.URL}, nil, nil, &out, &problems)
	if code != exitOK || problems.String() != "gatefault: 11 events had left the journal before they were asked for\n" {
		t.Errorf("exit code %d: %s", code, problems.String())
	}
}
