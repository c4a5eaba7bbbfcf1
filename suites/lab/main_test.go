package lab_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gatefault/gatefault/docker"
	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/suites/lab"
	"github.com/gatefault/gatefault/suites/run"
	"github.com/gatefault/gatefault/suites/sandbox"
	"github.com/gatefault/gatefault/upstream"
)

func TestMain(m *testing.M) {
	upstream.ServeChild()
	sandbox.Serve()
	os.Exit(m.Run())
}

func catalogue(t testing.TB) *scenarios.Catalogue {
	t.Helper()
	c, err := scenarios.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// site is a lab that answers, with the embedded gateway alone.
type site struct {
	t   testing.TB
	url string
	*lab.Server
}

// open starts a lab; it ends with the test, which then leaves nothing behind.
func open(t testing.TB, with func(*lab.Options)) *site {
	t.Helper()
	return openOn(t, goleak.IgnoreCurrent(), run.Options{Gateways: gateways(t, "go"), Local: true}, with)
}

func gateways(t testing.TB, names ...string) []*gateway.Definition {
	t.Helper()
	all, err := gateway.Load(docker.Files)
	if err != nil {
		t.Fatal(err)
	}
	chosen, err := run.Filter{Gateways: names}.SelectGateways(all)
	if err != nil {
		t.Fatal(err)
	}
	return chosen
}

// openOn starts a lab with those gateways; leaks is what may go on after it, nil where that is not asked.
func openOn(t testing.TB, leaks goleak.Option, o run.Options, with func(*lab.Options)) *site {
	t.Helper()
	c := catalogue(t)
	lessons, err := lab.Lessons(c)
	if err != nil {
		t.Fatal(err)
	}
	o.Scenarios = lab.Needed(lessons, c)
	bench, err := run.OpenBench(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	opts := lab.Options{Address: "127.0.0.1:0", Session: lab.NewSession(bench, c, nil), Lessons: lessons}
	if with != nil {
		with(&opts)
	}
	server, err := lab.Listen(opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		for _, err := range []error{<-served, opts.Session.Close(context.Background()), bench.Close(context.Background())} {
			if err != nil {
				t.Error(err)
			}
		}
		http.DefaultClient.CloseIdleConnections()
		if leaks != nil {
			goleak.VerifyNone(t, leaks)
		}
	})
	return &site{t, "http://" + server.Addr().String(), server}
}

// do sends a request; fields are name, value, name, value ...
func (s *site) do(method, path, body string, fields ...string) (int, string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.(*testing.T).Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Gatefault-Lab", "1")
	}
	for i := 0; i < len(fields); i += 2 {
		if fields[i] == "Host" {
			req.Host = fields[i+1]
		} else if req.Header.Set(fields[i], fields[i+1]); fields[i+1] == "" {
			req.Header.Del(fields[i])
		}
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// experiment begins one and gives its state when it is over.
func (s *site) experiment(spec string) lab.ExperimentState {
	s.t.Helper()
	status, text := s.do(http.MethodPost, "/api/v1/experiments", spec)
	if status != http.StatusOK {
		s.t.Fatalf("%s: %d %s", spec, status, text)
	}
	var begun struct{ ID int }
	if err := json.Unmarshal([]byte(text), &begun); err != nil {
		s.t.Fatal(err)
	}
	var found lab.ExperimentState
	s.await(func(st lab.State) bool {
		for _, x := range st.Experiments {
			if x.ID == begun.ID {
				found = x
			}
		}
		return found.Done
	})
	return found
}

// viewer reads the stream of events.
type viewer struct {
	t    testing.TB
	body io.Closer
	r    *bufio.Reader
	last string // id of the newest event
}

func (s *site) view(lastID string) *viewer {
	s.t.Helper()
	req, err := http.NewRequest(http.MethodGet, s.url+"/api/v1/events", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		s.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		s.t.Fatalf("events: %s", resp.Status)
	}
	v := &viewer{t: s.t, body: resp.Body, r: bufio.NewReader(resp.Body)}
	stop := time.AfterFunc(30*time.Second, func() { resp.Body.Close() })
	s.t.Cleanup(func() { stop.Stop(); resp.Body.Close() })
	return v
}

// next gives the next event.
func (v *viewer) next() (kind, data string) {
	v.t.Helper()
	for {
		line, err := v.r.ReadString('\n')
		if err != nil {
			v.t.Fatalf("the stream of events ended: %v", err)
		}
		line = strings.TrimRight(line, "\n")
		name, value, _ := strings.Cut(line, ": ")
		switch {
		case line == "" && data != "":
			return kind, data
		case name == "id":
			v.last = value
		case name == "event":
			kind = value
		case name == "data":
			data = value
		}
	}
}

// state gives the next state that fits.
func (v *viewer) state(fits func(lab.State) bool) lab.State {
	v.t.Helper()
	for {
		kind, data := v.next()
		if kind != "state" {
			continue
		}
		var st lab.State
		if err := json.Unmarshal([]byte(data), &st); err != nil {
			v.t.Fatal(err)
		}
		if fits(st) {
			return st
		}
	}
}

// await waits for a state.
func (s *site) await(fits func(lab.State) bool) lab.State {
	s.t.Helper()
	v := s.view("")
	defer v.body.Close()
	return v.state(fits)
}
