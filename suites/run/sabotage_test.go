package run_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/run"
	"github.com/gatefault/gatefault/upstream/fault"
)

// notPlanned tells whether a fault is one that no plan of the upstream injects.
func notPlanned(t *testing.T, s *scenarios.Scenario) bool {
	t.Helper()
	f, err := s.Injects()
	if err != nil {
		t.Fatal(err)
	}
	return f.Level == fault.Beyond && f.Service == ""
}

// A backend without the limit, a script that does no harm and a request that is no attack: no proof, so no verdict.
func TestNoCellIsGreenWhenNothingBeyondTheUpstreamIsWrong(t *testing.T) {
	o := inContainers(t, options(t, run.Filter{Gateways: []string{"nginx", "apache"}, Layers: []string{"php", "waf"}}))
	var harmless []*scenarios.Scenario
	for _, s := range o.Scenarios {
		if !notPlanned(t, s) || s.ID == "php.fpm-stopped" { // to stop a backend is the harness's own doing, whose status it reads
			continue
		}
		other := *s
		other.Request.Path = "/"
		if s.Layer() == "php" {
			other.Pool = "default"
		}
		harmless = append(harmless, &other)
	}
	o.Scenarios = harmless
	for _, res := range perform(t, o).Results {
		if res.Verdict != run.NotInjected {
			t.Errorf("%s on %s: %s (%s), want not-injected", res.ID, res.Gateway.Name, res.Verdict, res.Reason)
		}
	}
}

// fleeting is an upstream whose faults are over as soon as they are injected.
type fleeting struct{ http.RoundTripper }

func (f fleeting) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := f.RoundTripper.RoundTrip(req)
	if err != nil || req.Method != http.MethodPut || !strings.HasSuffix(req.URL.Path, "/plan") {
		return resp, err
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(said))
	if !bytes.Contains(said, []byte(`"fault"`)) {
		return resp, nil
	}
	clear, err := http.NewRequestWithContext(req.Context(), http.MethodDelete, req.URL.Scheme+"://"+req.URL.Host+req.URL.Path, nil)
	if err != nil {
		return nil, err
	}
	clear.Header.Set("Authorization", req.Header.Get("Authorization"))
	cleared, err := f.RoundTripper.RoundTrip(clear)
	if err != nil {
		return nil, err
	}
	return resp, cleared.Body.Close()
}

func TestNoCellIsJudgedWhenTheFaultIsOverTooSoon(t *testing.T) {
	o := inContainers(t, options(t, run.Filter{Gateways: []string{"nginx"}, Scenarios: []string{"tcp.*", "unix.*", "egress.*", "tls.*", "dns.nxdomain", "process.*"}}))
	o.Transport = fleeting{&http.Transport{MaxConnsPerHost: 64}}
	for _, res := range perform(t, o).Results {
		if res.Verdict != run.NotInjected {
			t.Errorf("%s on %s: %s (%s), want not-injected; %s", res.ID, res.Gateway.Name, res.Verdict, res.Reason, res.Evidence)
		}
	}
}
