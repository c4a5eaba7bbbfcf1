package scenarios_test

import (
	"testing"

	"github.com/gatefault/gatefault/scenarios"
)

func TestParseVersionReadsWhatProductsPrint(t *testing.T) {
	for text, want := range map[string]string{
		"go1.26.8":                         "1.26.8",
		"go1.27rc1":                        "1.27.0",
		"v2.11.4 h1:abc=":                  "2.11.4",
		"2.0":                              "2.0.0",
		"3":                                "3.0.0",
		"nginx/1.26.3":                     "1.26.3",
		"2.6.12-1+deb12u4":                 "2.6.12",
		"HAProxy version 3.0.11-1 2025/06": "3.0.11",
		"Apache/2.4.71 (Debian)":           "2.4.71",
		"1.2.3.4":                          "1.2.3",
	} {
		v, err := scenarios.ParseVersion(text)
		if err != nil || v.String() != want {
			t.Errorf("%q: got %v, %v; want %s", text, v, err, want)
		}
	}
	if _, err := scenarios.ParseVersion("unknown"); err == nil {
		t.Error("a version without a number was read")
	}
}

func TestKnownPicksThePinOfTheVersion(t *testing.T) {
	made := func(status int) scenarios.Outcome { return scenarios.Outcome{Kind: scenarios.Made, Status: status} }
	s := &scenarios.Scenario{Pins: []scenarios.Pin{
		{Gateway: "a", Versions: ">=2.0, <3.0", Outcome: made(500)},
		{Gateway: "a", Versions: ">=3.0", Outcome: made(501)},
		{Gateway: "a", Observed: "2.6.12-1", Outcome: made(502)},
		{Gateway: "b", Versions: "*", Outcome: made(503)},
	}}
	for _, c := range []struct {
		gateway, version string
		status           int
	}{
		{"a", "2.6.11", 500}, {"a", "2.6.12", 502}, {"a", "v2.6.12-3+deb12", 502}, {"a", "2.6.13", 500},
		{"a", "3.0", 501}, {"a", "1.9", 0}, {"a", "dev", 0}, {"b", "dev", 503}, {"b", "1.0.0-beta", 503}, {"c", "1.0", 0},
	} {
		p, ok := s.Known(c.gateway, c.version)
		if ok != (c.status != 0) || p.Outcome.Status != c.status {
			t.Errorf("%s %s: got %v, %v; want status %d", c.gateway, c.version, p.Outcome, ok, c.status)
		}
	}
}
