package lab_test

import (
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatefault/gatefault/suites/lab"
)

const garbage = `{"fault": "head.garbage", "request": {"path": "/shop"}}`

func TestAFaultStaysInForceUntilItIsUndone(t *testing.T) {
	s := open(t, nil)
	x := s.experiment(garbage)
	if c := x.Cells[0]; c.Outcome != "502 made" || c.Answer != "502" || c.Gateway != "go" || x.Title != "head.garbage: GET /shop" {
		t.Errorf("%+v", x)
	}
	st := s.await(func(st lab.State) bool { return st.Force != "" })
	if st.Force != "head.garbage" || len(st.Lanes) != 1 {
		t.Fatalf("%+v", st)
	}
	own := func() int { // a client of the viewer's own
		resp, err := http.Get("http://" + st.Lanes[0].Addr + "/mine")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	if got := own(); got != http.StatusBadGateway {
		t.Errorf("in force: %d", got)
	}
	if status, text := s.do(http.MethodPost, "/api/v1/undo", "{}"); status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}
	if got := own(); got != http.StatusOK {
		t.Errorf("undone: %d", got)
	}
	if st := s.await(func(st lab.State) bool { return st.Force == "" }); len(st.Lanes) != 0 {
		t.Errorf("%+v", st)
	}
}

// A page takes an experiment whose cells are over for one under way, and asks for a guess, unless it is over with the last of them.
func TestAnExperimentEndsWithItsLastCell(t *testing.T) {
	s := open(t, nil)
	for range 30 {
		if status, text := s.do(http.MethodPost, "/api/v1/experiments", garbage); status != http.StatusOK {
			t.Fatalf("%d %s", status, text)
		}
		for over := false; !over; {
			all := s.Session().State().Experiments
			x := all[len(all)-1]
			if over = x.Cells[0].Done; over != x.Done {
				t.Fatalf("cell done: %t, experiment done: %t", over, x.Done)
			}
		}
	}
}

func TestACellIsDrawn(t *testing.T) {
	s := open(t, nil)
	x := s.experiment(`{"fault": "app.503", "request": {"method": "POST", "body": "a=1", "headers": {"X-Mine": "yes"}}}`)
	status, text := s.do(http.MethodGet, fmt.Sprintf("/api/v1/experiments/%d/go", x.ID), "")
	for _, want := range []string{"503 Service Unavailable, an answer of the upstream that the gateway passed on.", "<svg", "X-Mine: yes", "app.503 took effect"} {
		if status != http.StatusOK || !strings.Contains(text, want) {
			t.Errorf("%q is not in %d %s", want, status, text)
		}
	}
	if strings.Contains(text, "style=") || strings.Contains(text, "onclick") {
		t.Error("the policy forbids what is in there")
	}
	if status, _ := s.do(http.MethodGet, "/api/v1/experiments/99/go", ""); status != http.StatusNotFound {
		t.Errorf("a cell that is not there: %d", status)
	}
}

func TestOthersBytesAreEscaped(t *testing.T) {
	s := open(t, nil)
	x := s.experiment(`{"script": "read-request\nsend \"HTTP/1.1 200 OK\\r\\nContent-Length: 33\\r\\nX: <script>1</script>\\r\\n\\r\\n<script>alert(1)</script><img src=\"\nclose",
		"request": {"path": "/?q=<script>alert(2)</script>", "headers": {"X-Evil": "<script>alert(3)</script>"}}}`)
	_, text := s.do(http.MethodGet, fmt.Sprintf("/api/v1/experiments/%d/go", x.ID), "")
	if strings.Contains(text, "<script") || !strings.Contains(text, "&lt;script&gt;alert(1)") {
		t.Error(text)
	}
}

func TestScenariosAreJudged(t *testing.T) {
	s := open(t, nil)
	x := s.experiment(`{"scenario": "conn.race-post"}`)
	if c := x.Cells[0]; c.Outcome != "502 made" || c.Verdict != "standard" {
		t.Errorf("%+v", c)
	}
	if _, text := s.do(http.MethodGet, fmt.Sprintf("/api/v1/experiments/%d/go", x.ID), ""); !strings.Contains(text, "RFC 9110") {
		t.Errorf("the standards are not told: %s", text)
	}
}

func TestStreamsAreCountedAndCanBeUndone(t *testing.T) {
	s := open(t, nil)
	if c := s.experiment(`{"fault": "head.none", "request": {}, "stream": {"rate": 40, "for": "250ms"}}`).Cells[0]; c.Answers["502"] != 10 || c.Sent != 10 {
		t.Errorf("%+v", c)
	}
	if status, text := s.do(http.MethodPost, "/api/v1/experiments", `{"fault": "head.slow", "params": {"delay": "1h"}, "request": {}, "stream": {"rate": 5, "for": "20s"}}`); status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}
	if status, text := s.do(http.MethodPost, "/api/v1/experiments", garbage); status != http.StatusConflict || !strings.Contains(text, "under way") {
		t.Errorf("a second one: %d %s", status, text)
	}
	s.await(func(st lab.State) bool { return len(st.Experiments) == 2 && st.Experiments[1].Cells[0].Sent > 0 })
	began := time.Now()
	s.do(http.MethodPost, "/api/v1/undo", "{}")
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("undoing took %s", took)
	}
	st := s.await(func(st lab.State) bool { return len(st.Experiments) == 2 && !st.Busy })
	if c := st.Experiments[1].Cells[0]; c.Why != "undone before its end" {
		t.Errorf("%+v", c)
	}
}

// The server refuses what other sites, other machines or mistaken programs send.
func TestRequestsThatAreRefused(t *testing.T) {
	s := open(t, nil)
	for name, c := range map[string]struct {
		path, body string
		fields     []string
		status     int
		says       string
	}{
		"name of another host":     {"", garbage, []string{"Host", "evil.example:8600"}, http.StatusMisdirectedRequest, "evil.example"},
		"page of another origin":   {"", garbage, []string{"Origin", "http://evil.example"}, http.StatusForbidden, "another site"},
		"another port's page":      {"", garbage, []string{"Sec-Fetch-Site", "same-site"}, http.StatusForbidden, "another site"},
		"a form":                   {"", "a=b", []string{"Content-Type", "application/x-www-form-urlencoded"}, http.StatusUnsupportedMediaType, "JSON"},
		"without the lab's field":  {"", garbage, []string{"Gatefault-Lab", ""}, http.StatusForbidden, "Gatefault-Lab"},
		"too large":                {"", `{"fault": "` + strings.Repeat("x", 1<<20) + `"}`, nil, http.StatusRequestEntityTooLarge, "larger"},
		"unknown key":              {"", `{"fualt": "x"}`, nil, http.StatusBadRequest, "fualt"},
		"no object":                {"", `[]`, nil, http.StatusBadRequest, "object"},
		"unknown fault":            {"", `{"fault": "head.slwo", "request": {}}`, nil, http.StatusUnprocessableEntity, "head.slow"},
		"wrong parameter":          {"", `{"fault": "head.slow", "params": {"delay": "soon"}}`, nil, http.StatusUnprocessableEntity, "soon"},
		"fault of a backend":       {"", `{"fault": "php.crash"}`, nil, http.StatusUnprocessableEntity, "php.crash"},
		"bad script":               {"", `{"script": "read-request\nexplode"}`, nil, http.StatusUnprocessableEntity, "line 2"},
		"long script":              {"", `{"script": "` + strings.Repeat("fin\\n", 5000) + `"}`, nil, http.StatusUnprocessableEntity, "longer"},
		"fault and script":         {"", `{"fault": "head.none", "script": "fin"}`, nil, http.StatusUnprocessableEntity, "one of them"},
		"unknown scenario":         {"", `{"scenario": "tcp.refused"}`, nil, http.StatusUnprocessableEntity, "tcp.refuse"},
		"scenario with a request":  {"", `{"scenario": "tcp.refuse", "request": {}}`, nil, http.StatusUnprocessableEntity, "nothing else"},
		"unknown gateway":          {"", `{"gateways": ["envoy"]}`, nil, http.StatusUnprocessableEntity, "envoy"},
		"stream that is too fast":  {"", `{"request": {}, "stream": {"rate": 1000, "for": "1s"}}`, nil, http.StatusUnprocessableEntity, "rate"},
		"stream that is too long":  {"", `{"request": {}, "stream": {"rate": 1, "for": "1h"}}`, nil, http.StatusUnprocessableEntity, "20s"},
		"stream of nothing":        {"", `{"stream": {"rate": 1, "for": "1s"}}`, nil, http.StatusUnprocessableEntity, "request"},
		"second request in a path": {"", `{"request": {"path": "/ HTTP/1.1\r\nX: y"}}`, nil, http.StatusUnprocessableEntity, "path"},
		"second line in a field":   {"", `{"request": {"headers": {"X": "a\r\nY: b"}}}`, nil, http.StatusUnprocessableEntity, "one line"},
		"field of the client's":    {"", `{"request": {"headers": {"content-length": "1"}}}`, nil, http.StatusUnprocessableEntity, "client itself"},
		"method in small letters":  {"", `{"request": {"method": "get"}}`, nil, http.StatusUnprocessableEntity, "capital"},
		"no such path":             {"/api/v1/nothing", `{}`, nil, http.StatusNotFound, "nothing"},
	} {
		if c.path == "" {
			c.path = "/api/v1/experiments"
		}
		if status, text := s.do(http.MethodPost, c.path, c.body, c.fields...); status != c.status || !strings.Contains(text, c.says) {
			t.Errorf("%s: got %d %s, want %d with %q", name, status, text, c.status, c.says)
		}
	}
	if st := s.await(func(lab.State) bool { return true }); len(st.Experiments) != 0 {
		t.Errorf("experiments of refused requests: %+v", st.Experiments)
	}
}

func TestPagesOfOtherSitesReadNothing(t *testing.T) {
	s := open(t, nil)
	for _, path := range []string{"/", "/api/v1/catalogue", "/api/v1/events", "/assets/lab.js"} {
		if status, _ := s.do(http.MethodGet, path, "", "Host", "rebound.example"); status != http.StatusMisdirectedRequest {
			t.Errorf("%s under another name: %d", path, status)
		}
		if status, _ := s.do(http.MethodGet, path, "", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "script"); status != http.StatusForbidden {
			t.Errorf("%s within a page of another site: %d", path, status)
		}
	}
	// A link that somebody follows is how lessons are shared.
	if status, _ := s.do(http.MethodGet, "/lessons/502-503-504", "", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"); status != http.StatusOK {
		t.Errorf("a link: %d", status)
	}
}

func TestThePolicyForbidsInlineAndForeign(t *testing.T) {
	s := open(t, nil)
	resp, err := http.Get(s.url + "/")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	csp := resp.Header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("%s is not in %s", want, csp)
		}
	}
	if strings.Contains(csp, "unsafe") || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%v", resp.Header)
	}
	_, text := s.do(http.MethodGet, "/", "")
	for _, wrong := range []string{"style=", "<style", "onclick", "<script>", "http:", "https:"} {
		if strings.Contains(text, wrong) {
			t.Errorf("%q is in the page", wrong)
		}
	}
}

func TestOtherAddressesNeedAToken(t *testing.T) {
	if _, err := lab.Listen(lab.Options{Address: "0.0.0.0:0"}); err == nil || !strings.Contains(err.Error(), "GATEFAULT_TOKEN") {
		t.Errorf("without a token: %v", err)
	}
	if _, err := lab.Listen(lab.Options{Address: "here"}); err == nil || !strings.Contains(err.Error(), "127.0.0.1:8600") {
		t.Errorf("no address: %v", err)
	}
	s := open(t, func(o *lab.Options) { o.Token = "sesame" })
	if status, text := s.do(http.MethodGet, "/", ""); status != http.StatusUnauthorized || strings.Contains(text, "lesson") {
		t.Errorf("without the token: %d %s", status, text)
	}
	if status, _ := s.do(http.MethodGet, "/?token=guess", ""); status != http.StatusUnauthorized {
		t.Errorf("a wrong token: %d", status)
	}
	if !strings.HasSuffix(s.URL(), "/?token=sesame") {
		t.Error(s.URL())
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Get(s.url + "/lessons/502-503-504?step=2&token=sesame")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	cookie := resp.Cookies()[0]
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/lessons/502-503-504?step=2" || !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode {
		t.Errorf("%s %v", resp.Status, resp.Header)
	}
	if status, _ := s.do(http.MethodGet, "/", "", "Cookie", cookie.Name+"="+cookie.Value, "Host", "class.example"); status != http.StatusOK {
		t.Errorf("with the cookie: %d", status)
	}
	if status, _ := s.do(http.MethodGet, "/", "", "Authorization", "Bearer sesame"); status != http.StatusOK {
		t.Errorf("with the token: %d", status)
	}
}

// One who was away gets the lines that he missed, and the newest state.
func TestAViewerConnectsAgain(t *testing.T) {
	s := open(t, nil)
	first, second := s.view(""), s.view("")
	first.state(func(st lab.State) bool { return st.Viewers == 2 })
	second.state(func(st lab.State) bool { return st.Viewers == 2 })
	first.body.Close()
	s.experiment(garbage)
	second.state(func(st lab.State) bool { return len(st.Experiments) == 1 && st.Experiments[0].Done })
	again := s.view(first.last)
	var lines int
	for {
		kind, data := again.next()
		if kind == "log" && strings.Contains(data, "malformed HTTP") {
			lines++
		}
		if kind == "state" && strings.Contains(data, `"done":true`) {
			break
		}
	}
	if lines == 0 {
		t.Error("the line of the log that came meanwhile was not sent again")
	}
	if status, _ := s.do(http.MethodGet, "/api/v1/events", "", "Last-Event-ID", "yesterday"); status != http.StatusBadRequest {
		t.Errorf("an id that is no number: %d", status)
	}
	// An id of an earlier program is not taken for one of this.
	s.view("999999").state(func(st lab.State) bool { return len(st.Experiments) == 1 })
}

func TestViewersAreBounded(t *testing.T) {
	s := open(t, nil)
	for range 64 {
		s.view("")
	}
	if status, text := s.do(http.MethodGet, "/api/v1/events", ""); status != http.StatusServiceUnavailable || !strings.Contains(text, "64 viewers") {
		t.Errorf("%d %s", status, text)
	}
}

// Others add pages, behind the same guard and with the same head.
func TestPagesCanBeAdded(t *testing.T) {
	s := open(t, func(o *lab.Options) {
		o.Pages = []lab.Page{{Path: "/drills", Title: "Drills", Handler: func(s *lab.Server) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				s.Frame(w, "Drills", template.HTML("<h1>Find it</h1>"), "/assets/look.js")
			})
		}}}
	})
	if _, text := s.do(http.MethodGet, "/drills", ""); !strings.Contains(text, "<h1>Find it</h1>") || !strings.Contains(text, `id="undo"`) {
		t.Error(text)
	}
	if _, text := s.do(http.MethodGet, "/", ""); !strings.Contains(text, `<a href="/drills">Drills</a>`) {
		t.Error("the page is not linked")
	}
	if status, _ := s.do(http.MethodPost, "/drills", "{}", "Origin", "http://evil.example"); status != http.StatusForbidden {
		t.Errorf("another site's request to the page: %d", status)
	}
}
