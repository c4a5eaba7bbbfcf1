package drill

import (
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// page is a board with a client.
type page struct {
	t      *testing.T
	server *httptest.Server
}

func newPage(t *testing.T) page {
	t.Helper()
	b, err := NewBoard(open(t), builtin(t), 2*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(b.Page("/drills", func(w http.ResponseWriter, title string, body template.HTML, scripts ...string) {
		fmt.Fprintf(w, "<title>%s</title><script src=%q></script>%s", title, scripts[0], body)
	}))
	t.Cleanup(func() {
		s.Close()
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return page{t, s}
}

func (p page) ask(method, what, body string, into any) int {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.server.URL+"/drills/"+what, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	resp, err := p.server.Client().Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	if into != nil {
		if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
			p.t.Fatal(err)
		}
	}
	return resp.StatusCode
}

func TestADrillOnAPage(t *testing.T) {
	p := newPage(t)
	var v View
	if p.ask("GET", "state", "", &v); v.Running || len(v.Gateways) != 1 {
		t.Fatalf("%+v", v)
	}
	if code := p.ask("POST", "begin", `{"gateway":"go","level":1,"seed":1}`, nil); code != http.StatusOK {
		t.Fatalf("begin: %d", code)
	}
	for !strings.Contains(v.Status, " x ") { // until the fault shows, and at the latest until the drill is over
		if p.ask("GET", "state", "", &v); !v.Running {
			t.Fatalf("it is over before anything failed: %+v", v)
		}
	}
	var shown struct{ Shown string }
	if p.ask("POST", "do", `{"command":"config"}`, &shown); !strings.Contains(shown.Shown, "timeouts: 1.5s to connect") {
		t.Errorf("%+v", shown)
	}
	p.ask("POST", "do", `{"command":"give up"}`, nil)
	if p.ask("GET", "state", "", &v); v.Running || v.Record == nil || !strings.Contains(v.Reveal, "It was ") {
		t.Errorf("%+v", v)
	}
	if code := p.ask("POST", "begin", `{"gateway":"go","level":1,"seed":1}`, nil); code != http.StatusOK { // in its place
		t.Errorf("again: %d", code)
	}
}

func TestWhatAPageMayNotAsk(t *testing.T) {
	p := newPage(t)
	for _, c := range []struct {
		method, what, body string
		want               int
	}{
		{"POST", "begin", `{"gateway":"nginx","level":1}`, http.StatusUnprocessableEntity},
		{"POST", "begin", `{"gateway":"go","level":9}`, http.StatusUnprocessableEntity},
		{"POST", "begin", `{"gateway":"go","levle":1}`, http.StatusBadRequest},
		{"POST", "do", `{"command":"status"`, http.StatusBadRequest},
		{"POST", "do", `{"command":"status"}`, http.StatusOK}, // and is told that there is none
		{"GET", "begin", "", http.StatusNotFound},
		{"POST", "", "", http.StatusNotFound},
		{"GET", "", "", http.StatusOK},
		{"GET", "drill.js", "", http.StatusOK},
	} {
		if got := p.ask(c.method, c.what, c.body, nil); got != c.want {
			t.Errorf("%s %s: %d", c.method, c.what, got)
		}
	}
}
