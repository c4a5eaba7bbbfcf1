package drill

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatefault/gatefault/docker"
	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/alert"
	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/suites/run"
	"github.com/gatefault/gatefault/upstream"
)

var load = sync.OnceValues(scenarios.Builtin)

func builtin(t *testing.T) *scenarios.Catalogue {
	t.Helper()
	c, err := load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// open starts a bench with the gateway of this process.
func open(t *testing.T) *run.Bench {
	t.Helper()
	all, err := gateway.Load(docker.Files)
	if err != nil {
		t.Fatal(err)
	}
	chosen, err := (run.Filter{Gateways: []string{"go"}}).SelectGateways(all)
	if err != nil {
		t.Fatal(err)
	}
	b, err := run.OpenBench(t.Context(), run.Options{Scenarios: []*scenarios.Scenario{run.Injection("healthy", nil, "", "")}, Gateways: chosen, Local: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return b
}

// begin begins a drill with an exercise on the bench.
func begin(t *testing.T, b *run.Bench, x *Exercise) *Drill {
	t.Helper()
	d, err := try(t, b, x)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func try(t *testing.T, b *run.Bench, x *Exercise) (*Drill, error) {
	t.Helper()
	x.defaults()
	for i := range x.Faults {
		if err := x.Faults[i].resolve(builtin(t), x.Profile); err != nil {
			t.Fatal(err)
		}
	}
	alerts, err := alert.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	seat, err := b.Take(t.Context(), "go", x.Seat())
	if err != nil {
		return nil, err
	}
	d, err := New(t.Context(), Options{Exercise: x, Seat: seat, Catalogue: builtin(t), Alerts: alerts, Seed: 7})
	t.Cleanup(func() {
		if d != nil {
			if err := d.Close(context.Background()); err != nil {
				t.Error(err)
			}
		}
		if err := seat.Leave(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return d, err
}

// play types commands and gives what the last one showed.
func play(t *testing.T, d *Drill, commands ...string) string {
	t.Helper()
	var shown string
	for _, c := range commands {
		var err error
		if shown, err = d.Do(t.Context(), c); err != nil {
			t.Fatalf("%s: %v", c, err)
		}
	}
	return shown
}

// An SRE who was never told the fault finds it: the runbook's checks, played with the drill's own means, show what belongs to the
// fault, and none for which its cause would be a wrong answer shows all of that.
func TestEveryFaultCanBeFound(t *testing.T) {
	all, err := Candidates()
	if err != nil {
		t.Fatal(err)
	}
	b := open(t)
	var commands []string
	for _, c := range all {
		for _, k := range c.Checks {
			if !slices.Contains(commands, k.Do) {
				commands = append(commands, k.Do)
			}
		}
	}
	shown := make([]map[string]string, len(all)) // of each fault, by command
	t.Run("play", func(t *testing.T) {
		for i, c := range all {
			t.Run(c.Scenario, func(t *testing.T) {
				t.Parallel()
				x := &Exercise{Profile: c.Profiles[0], Length: 2 * time.Minute, Faults: []Hidden{{Scenario: c.Scenario, At: 5 * time.Second}}}
				d, err := try(t, b, x)
				if errors.Is(err, upstream.ErrUnsupported) {
					t.Skip(err)
				}
				if err != nil {
					t.Fatal(err)
				}
				d.patience, d.clients = time.Second, time.Second
				play(t, d, "wait 5s", "wait 10s")
				shown[i] = map[string]string{}
				for _, command := range commands {
					shown[i][command] = play(t, d, command)
				}
			})
		}
	})
	shows := func(i int, c Candidate) bool {
		return !slices.ContainsFunc(c.Checks, func(k Check) bool { return !regexp.MustCompile(k.Shows).MatchString(shown[i][k.Do]) })
	}
	for i, c := range all {
		if shown[i] != nil && !shows(i, c) {
			t.Errorf("%s cannot be found: %q", c.Scenario, shown[i])
		}
		for k, other := range all {
			if shown[k] != nil && k != i && !slices.Contains(append(other.Causes, causeOf(t, other)), causeOf(t, c)) && shows(k, c) {
				t.Errorf("%s looks like %s: %q", other.Scenario, c.Scenario, shown[k])
			}
		}
	}
}

func causeOf(t *testing.T, c Candidate) scenarios.Cause {
	t.Helper()
	s, err := builtin(t).Find(c.Scenario)
	if err != nil {
		t.Fatal(err)
	}
	return s.Cause
}

func TestADrillFromTheFirstFailureToTheReveal(t *testing.T) {
	d := begin(t, open(t), &Exercise{Title: "Down", Faults: []Hidden{{Scenario: "tcp.refuse", At: 20 * time.Second}}})
	if got := play(t, d, "wait 20s", "status"); !strings.Contains(got, "40 good, failed: none") {
		t.Errorf("before: %s", got)
	}
	if got := play(t, d, "hint"); got != "Nothing is wrong yet." {
		t.Errorf("hint: %s", got)
	}
	if got := play(t, d, "answer crash"); !strings.Contains(got, "no, it is not that") {
		t.Errorf("too early: %s", got)
	}
	if got := play(t, d, "wait 2m", "status"); !strings.Contains(got, "120 x 502") || !strings.Contains(got, "████") {
		t.Errorf("after: %s", got)
	}
	if got := play(t, d, "logs 3"); !strings.Contains(got, "connection refused") && !strings.Contains(got, "502") {
		t.Errorf("logs: %s", got)
	}
	if got := play(t, d, "alerts"); !strings.Contains(got, "critical GoProxyBadGateway since 00:01:") {
		t.Errorf("alerts: %s", got)
	}
	if got := play(t, d, "metrics"); !strings.Contains(got, `http_requests_total{code="502",method="GET"} 240`) {
		t.Errorf("metrics: %s", got)
	}
	play(t, d, "ack", "wait 10s", "hint")
	if got := play(t, d, "runbook crash"); !strings.Contains(got, "### tcp.refuse") || strings.Contains(got, "### dns.nxdomain") {
		t.Error("the runbook does not tell of a cause")
	}
	if got := play(t, d, "answer crash"); got != "crash: right." || !d.Over() {
		t.Errorf("answer: %s", got)
	}
	r := d.Record()
	f := r.Faults[0]
	if !r.Solved() || *f.Failing != 20*time.Second || *f.Detected != 140*time.Second || *f.Diagnosed != 150*time.Second || f.Hints != 1 || f.Wrong != 1 {
		t.Errorf("%+v", f)
	}
	i := slices.IndexFunc(r.Alerts, func(a AlertRecord) bool { return a.Alert == "GoProxyBadGateway" })
	if i < 0 || !r.Alerts[i].Names || r.Alerts[i].After < time.Minute || r.Alerts[i].After > 90*time.Second {
		t.Errorf("alerts: %+v", r.Alerts)
	}
	for _, want := range []string{"It was tcp.refuse", "seen       2m0s after it began", "alert: GoProxyBadGateway", "you: answer crash, right"} {
		if !strings.Contains(r.Text(), want) {
			t.Errorf("%q is not revealed:\n%s", want, r.Text())
		}
	}
	var md, js strings.Builder
	if err := r.Markdown(&md); err != nil || !strings.Contains(md.String(), "| tcp.refuse: ") || !strings.Contains(md.String(), "## Timeline") {
		t.Errorf("%v: %s", err, md.String())
	}
	var back Record
	if err := r.JSON(&js); err != nil || json.Unmarshal([]byte(js.String()), &back) != nil || back.Faults[0].Name != "tcp.refuse" {
		t.Errorf("%v: %s", err, js.String())
	}
}

func TestFaultsComeAndGoOneAfterTheOther(t *testing.T) {
	d := begin(t, open(t), &Exercise{Length: 3 * time.Minute, Faults: []Hidden{
		{Scenario: "app.503", At: 10 * time.Second, For: 40 * time.Second, On: 10 * time.Second, Off: 10 * time.Second},
		{Fault: "head.none", Causes: []scenarios.Cause{"application-bug"}, Tells: "it closes", At: time.Minute, For: 30 * time.Second}}})
	play(t, d, "wait 55s")
	var got []string
	for i := 0; i < 50; i += 10 {
		s := d.seconds[i+5]
		got = append(got, map[bool]string{true: "bad", false: "good"}[s.failures() > 0])
	}
	if want := []string{"good", "bad", "good", "bad", "good"}; !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	if got := play(t, d, "answer overload"); got != "overload: right. 1 more to find." {
		t.Error(got)
	}
	if got := play(t, d, "wait 10s", "answer head.none"); got != "head.none: right." {
		t.Error(got)
	}
	if r := d.Record(); !r.Solved() || *r.Faults[1].Failing != time.Minute {
		t.Errorf("%+v", r.Faults)
	}
}

// A fault behind the second of two gateways shows in the logs of both.
func TestBehindTheSecondTier(t *testing.T) {
	d := begin(t, open(t), &Exercise{Profile: chainProfile, Faults: []Hidden{{Scenario: "tcp.refuse", At: 5 * time.Second}}})
	play(t, d, "wait 15s")
	if got := play(t, d, "logs 50 refused"); !strings.Contains(got, "gateway: ") || strings.Contains(got, "edge: ") {
		t.Errorf("refused: %s", got)
	}
	if got := play(t, d, "logs 50 502"); !strings.Contains(got, "edge: ") || !strings.Contains(got, "gateway: ") {
		t.Errorf("502: %s", got)
	}
	if got := play(t, d, "config"); !strings.Contains(got, "Two gateways") {
		t.Error(got)
	}
}

func TestWhatIsTypedWrongIsTold(t *testing.T) {
	d := begin(t, open(t), &Exercise{Faults: []Hidden{{Scenario: "tcp.refuse", At: 5 * time.Second}}})
	for command, want := range map[string]string{
		"sudo reboot":    "there is no such command",
		"answer":         "Write one cause",
		"answer plumber": "neither a cause nor a scenario",
		"wait long":      "Write how long",
		"curl elsewhere": "Write: curl through",
		"logs (":         "is no pattern",
		"runbook x":      "neither a cause nor a scenario",
		"resolve":        "looks no name up",
		"service":        "Nothing was asked yet",
		"metrics":        "Nothing was counted yet",
		"alerts":         "No alert fires",
		"logs":           "Nothing.",
		"help":           "answer CAUSE",
		"ack":            "nothing new is wrong",
		"":               "",
	} {
		if got := play(t, d, command); !strings.Contains(got, want) {
			t.Errorf("%s: %s", command, got)
		}
	}
	play(t, d, "give up")
	if !d.Over() || d.Record().Solved() {
		t.Error("it goes on")
	}
}

func TestTheSameSeedDrawsTheSame(t *testing.T) {
	everything := func(string, string) bool { return true }
	kinds := map[string]bool{}
	for level := 1; level <= Levels; level++ {
		for seed := range uint64(40) {
			x, err := Draw(level, seed, builtin(t), everything)
			if err != nil {
				t.Fatal(err)
			}
			again, err := Draw(level, seed, builtin(t), everything)
			if err != nil || len(x.Faults) != len(again.Faults) || x.Faults[0].Scenario != again.Faults[0].Scenario || x.Faults[0].At != again.Faults[0].At || x.Profile != again.Profile {
				t.Errorf("level %d, seed %d: %+v and %+v (%v)", level, seed, x, again, err)
			}
			for i := range x.Faults {
				if why := x.misplaced(i); why != "" {
					t.Errorf("level %d, seed %d: %s", level, seed, why)
				}
			}
			switch {
			case level < Levels:
			case len(x.Faults) == 2:
				kinds["two"] = true
			case x.Faults[0].On > 0:
				kinds["flapping"] = true
			case x.Profile == chainProfile:
				kinds["second tier"] = true
			}
		}
	}
	if len(kinds) != 3 {
		t.Errorf("level 3 draws %v", kinds)
	}
	if _, err := Draw(1, 1, builtin(t), func(string, string) bool { return false }); err == nil {
		t.Error("it draws what cannot be had")
	}
}

func TestCandidatesAreOfTheCatalogue(t *testing.T) {
	all, err := Candidates()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		for _, p := range c.Profiles {
			h := Hidden{Scenario: c.Scenario, Causes: c.Causes}
			if err := h.resolve(builtin(t), p); err != nil {
				t.Errorf("%s: %v", c.Scenario, err)
			}
		}
		if c.Level < 1 || c.Level >= Levels || c.Tells == "" || len(c.Checks) == 0 || len(c.Profiles) == 0 {
			t.Errorf("%s: level, profiles, tells and checks are needed", c.Scenario)
		}
	}
}

func TestMistakesInExercisesAreTold(t *testing.T) {
	for text, want := range map[string]string{
		"":         "the file is empty",
		"title: x": "there are no faults to find",
		"faults: [{scenario: tcp.refused, at: 1m}]":                                    "did you mean tcp.refuse",
		"faults: [{scenario: tcp.refuse, at: 0s}]":                                     "at is 0s",
		"faults: [{scenario: tcp.refuse}]":                                             "at is 0s",
		"faults: [{fault: head.slow, at: 1m}]":                                         "needs causes",
		"faults: [{fault: head.slow, causes: [slowness], at: 1m}]":                     "no cause is called",
		"faults: [{fault: head.slow, params: {dealy: 1s}, causes: [timeout], at: 1m}]": "dealy",
		"faults: [{scenario: tcp.refuse, fault: x, at: 1m}]":                           "one of scenario, fault and script",
		"faults: [{scenario: load.spike, at: 1m}]":                                     "more than a fault in force",
		"faults: [{scenario: tcp.refuse, at: 1m, on: 5s}]":                             "on and off go together",
		"faults: [{scenario: tcp.refuse, at: 1m500ms}]":                                "whole seconds",
		"faults: [{scenario: tcp.refuse, at: 1m}, {scenario: app.503, at: 2m}]":        "it overlaps tcp.refuse",
		"rate: 100\nfaults: [{scenario: tcp.refuse, at: 1m}]":                          "rate is 100",
		"length: 5s\nfaults: [{scenario: tcp.refuse, at: 1m}]":                         "length is 5s",
		"paths: [cart]\nfaults: [{scenario: tcp.refuse, at: 1m}]":                      "must begin with /",
		"fautls: []": "fautls",
	} {
		_, err := decode("own.yaml", []byte(text), builtin(t))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "own.yaml:") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
