package alert

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatefault/gatefault/docker"
	"github.com/gatefault/gatefault/scenarios"
)

func builtin(t *testing.T) *Book {
	t.Helper()
	b, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func ruleNamed(t *testing.T, name string) *Rule {
	t.Helper()
	for _, r := range builtin(t).Rules {
		if r.Alert == name {
			return r
		}
	}
	t.Fatalf("no rule is called %s", name)
	return nil
}

func TestPromtoolTakesTheRules(t *testing.T) {
	b := builtin(t)
	promtool := findPromtool(t)
	var text bytes.Buffer
	if err := b.Prometheus(&text, b.Rules); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "alerts.yaml")
	if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), promtool, "check", "rules", file).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// Prometheus itself evaluates the rules over the same counters, and comes to the same firings.
func TestPromtoolEvaluatesAsWeDo(t *testing.T) {
	promtool := findPromtool(t)
	b := builtin(t)
	rules := filepath.Join(t.TempDir(), "alerts.yaml")
	var text bytes.Buffer
	if err := b.Prometheus(&text, b.Of("nginx")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(rules, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	c := b.NewCounters("nginx")
	var good, bad []string
	for i := range 61 { // ten minutes; answers fail from the fifth on
		if i > 0 {
			status := 200
			if i > 30 {
				status = 502
			}
			c.Answered(Answer{Status: status, Method: "GET"})
		}
		g, w := min(i, 30), max(i-30, 0)
		good, bad = append(good, number(float64(g))), append(bad, number(float64(w)))
		if i == 0 { // both series are there from the beginning
			c.Answered(Answer{Status: 200, Method: "GET"})
			c.Answered(Answer{Status: 502, Method: "GET"})
		}
		c.Scrape(time.Duration(i) * 10 * time.Second)
	}
	fired := c.Fired([]*Rule{ruleNamed(t, "NginxBadGateway")})
	if len(fired) != 1 {
		t.Fatalf("fired: %v", fired)
	}
	at := fired[0].From
	test := "rule_files: [" + rules + "]\nevaluation_interval: 10s\ntests:\n- interval: 10s\n  input_series:\n" +
		"  - {series: 'nginx_http_response_count_total{method=\"GET\",status=\"200\"}', values: '" + strings.Join(good, " ") + "'}\n" +
		"  - {series: 'nginx_http_response_count_total{method=\"GET\",status=\"502\"}', values: '" + strings.Join(bad, " ") + "'}\n" +
		"  alert_rule_test:\n  - {eval_time: " + (at - 10*time.Second).String() + ", alertname: NginxBadGateway, exp_alerts: []}\n"
	if err := promtoolTest(t, promtool, test); err != nil {
		t.Errorf("before it fired: %v", err)
	}
	if err := promtoolTest(t, promtool, strings.Replace(test, (at-10*time.Second).String(), at.String(), 1)); err == nil {
		t.Error("Prometheus does not fire when we do")
	}
}

// findPromtool skips the test where there is none, unless GATEFAULT_REQUIRE names it.
func findPromtool(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("promtool")
	switch {
	case err == nil:
		return path
	case slices.Contains(strings.Split(os.Getenv("GATEFAULT_REQUIRE"), ","), "promtool"):
		t.Fatal("GATEFAULT_REQUIRE demands promtool, and it is not installed")
	}
	t.Skip("promtool is not installed")
	return ""
}

func promtoolTest(t *testing.T, promtool, text string) error {
	t.Helper()
	file := filepath.Join(t.TempDir(), "test.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), promtool, "test", "rules", file).CombinedOutput()
	if err != nil && !bytes.Contains(out, []byte("NginxBadGateway")) {
		t.Fatalf("%v: %s", err, out)
	}
	return err
}

func TestEveryRuleIsTiedToCausesAndEveryMetricIsRead(t *testing.T) {
	b := builtin(t)
	read, names := map[string]bool{}, map[string]bool{}
	for _, r := range b.Rules {
		if len(r.Causes) == 0 || len(r.Scenarios) == 0 || names[r.Alert] {
			t.Errorf("%s: causes %v, scenarios %v, twice %v", r.Alert, r.Causes, r.Scenarios, names[r.Alert])
		}
		names[r.Alert] = true
		for _, s := range r.Selectors() {
			if m := b.metric(s, r.Gateway); m != nil {
				read[m.Name] = true
			}
		}
	}
	for _, m := range b.Metrics {
		if !read[m.Name] {
			t.Errorf("no rule reads %s", m.Name)
		}
	}
}

// Whatever a gateway logs of a scenario, some counter counts it.
func TestEverySignIsCounted(t *testing.T) {
	b := builtin(t)
	catalogue, err := scenarios.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range catalogue.All() {
		for gateway, signs := range s.Signs {
			for _, sign := range signs {
				if s.Traffic != nil && strings.Contains(sign.Pattern, "|") { // of several failures at once
					continue
				}
				if !slices.ContainsFunc(b.Signs, func(c Sign) bool {
					return c.Gateway == gateway && slices.Contains(c.Patterns, sign.Pattern) && slices.Contains(c.Scenarios, s.ID)
				}) {
					t.Errorf("%s on %s: nothing counts %q", s.ID, gateway, sign.Pattern)
				}
			}
		}
	}
}

func TestTiedToWhatTheGatewayAnswers(t *testing.T) {
	r := ruleNamed(t, "NginxGatewayTimeout")
	if !slices.Contains(r.Scenarios, "tcp.drop-syn") || slices.Contains(r.Scenarios, "tcp.refuse") {
		t.Errorf("nginx answers 504 in %v", r.Scenarios)
	}
	r = ruleNamed(t, "NginxLogsDnsError")
	if !slices.Contains(r.Causes, scenarios.Cause("dns")) || slices.Contains(r.Causes, scenarios.Cause("tls")) {
		t.Errorf("causes %v", r.Causes)
	}
}

func TestExpr(t *testing.T) {
	for name, want := range map[string]string{
		"NginxBadGateway": `sum(rate(nginx_http_response_count_total{status="502"}[2m])) / sum(rate(nginx_http_response_count_total[2m])) > 0.05`,
		"HaproxyNoServer": `min(haproxy_backend_active_servers) < 1`,
		"GoProxySlow":     `histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[2m]))) > 1`,
		"GoLogsDnsError":  `sum(rate(gateway_log_signs_total{gateway="go",sign="dns_error"}[2m])) > 0.1`,
	} {
		if got := ruleNamed(t, name).Expr(); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	for d, want := range map[time.Duration]string{2 * time.Minute: "2m", 90 * time.Second: "1m30s", time.Hour: "1h", 30 * time.Second: "30s"} {
		if got := span(d); got != want {
			t.Errorf("%s is written %s", d, got)
		}
	}
}

// play sends one answer a second and scrapes every five.
func play(c *Counters, seconds int, answer func(second int) Answer) {
	for i := range seconds {
		c.Answered(answer(i))
		if i%5 == 0 {
			c.Scrape(time.Duration(i) * time.Second)
		}
	}
}

func TestFiresWhenItHeldLongEnough(t *testing.T) {
	c := builtin(t).NewCounters("go")
	play(c, 600, func(i int) Answer {
		if i >= 200 && i < 400 {
			return Answer{Status: 502, Method: "GET"}
		}
		return Answer{Status: 200, Method: "GET"}
	})
	fired := c.Fired([]*Rule{ruleNamed(t, "GoProxyBadGateway")})
	if len(fired) != 1 || fired[0].From < 260*time.Second || fired[0].From > 290*time.Second || fired[0].Till < 400*time.Second || fired[0].Till > 530*time.Second {
		t.Errorf("fired %+v", fired)
	}
	if fired := c.Fired([]*Rule{ruleNamed(t, "GoProxyServerErrors")}); len(fired) != 0 {
		t.Errorf("fired %+v", fired)
	}
}

func TestAShortFailureFiresNothing(t *testing.T) {
	c := builtin(t).NewCounters("go")
	play(c, 600, func(i int) Answer {
		if i == 300 {
			return Answer{Status: 502, Method: "GET"}
		}
		return Answer{Status: 200, Method: "GET"}
	})
	if fired := c.Fired(builtin(t).Of("go")); len(fired) != 0 {
		t.Errorf("fired %+v", fired)
	}
}

func TestSlownessIsAQuantile(t *testing.T) {
	c := builtin(t).NewCounters("go")
	play(c, 300, func(i int) Answer {
		return Answer{Status: 200, Method: "GET", Took: time.Duration(i/100) * 2 * time.Second}
	})
	fired := c.Fired([]*Rule{ruleNamed(t, "GoProxySlow")})
	if len(fired) != 1 || fired[0].From < 160*time.Second || fired[0].From > 180*time.Second {
		t.Errorf("fired %+v", fired)
	}
}

func TestLogLinesCount(t *testing.T) {
	b := builtin(t)
	c := b.NewCounters("nginx")
	for i := range 300 {
		if i > 100 {
			c.Logged(`2026/11/28 10:00:00 [error] 7#7: *1 connect() failed (111: Connection refused) while connecting to upstream, client: 10.0.0.1`)
		}
		c.Scrape(time.Duration(i) * time.Second)
	}
	var names []string
	for _, f := range c.Fired(b.Of("nginx")) {
		names = append(names, f.Rule.Alert)
	}
	if !slices.Equal(names, []string{"NginxLogsConnectionRefused"}) {
		t.Errorf("fired %v", names)
	}
}

func TestMistakesAreTold(t *testing.T) {
	catalogue, err := scenarios.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	head := "metrics:\n  - {name: up, gateway: nginx, cite: x, counts: absent}\nrules:\n  - {alert: A, gateway: nginx, title: t, for: 1m, severity: warning, "
	for text, want := range map[string]string{
		"level: {of: up, worst: min}, below: 1, scenarios: [dns.nxdomian]}":         "no scenario brings it about",
		"level: {of: down, worst: min}, below: 1, scenarios: [dns.nxdomain]}":       "no metric of the gateway is called down",
		"level: {of: up, worst: min}, below: 1, above: 1, scenarios: [tcp.refuse]}": "either above or below",
		"level: {of: 'up{x~1}', worst: min}, below: 1, scenarios: [tcp.refuse]}":    "is no matcher",
		"level: {of: up, worst: avg}, below: 1, scenarios: [tcp.refuse]}":           "worst is min or max",
		"below: 1, scenarios: [tcp.refuse]}":                                        "write one of share",
		"level: {of: up, worst: min}, below: 1, secnarios: [tcp.refuse]}":           "secnarios",
	} {
		_, err := decode([]byte(head+text+"\n"), catalogue)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "alerts.yaml:") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestEveryGatewayHasRules(t *testing.T) {
	folders, err := docker.Files.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range folders {
		if _, err := docker.Files.Open(f.Name() + "/gateway.yaml"); err == nil && len(builtin(t).Of(f.Name())) == 0 {
			t.Errorf("no rule is about %s", f.Name())
		}
	}
}

func TestMtailProgramKeepsThePatterns(t *testing.T) {
	for _, gateway := range []string{"nginx", "haproxy", "caddy", "apache", "go"} {
		var out strings.Builder
		if err := builtin(t).Mtail(&out, gateway); err != nil {
			t.Fatal(err)
		}
		for line := range strings.SplitSeq(out.String(), "\n") {
			if body, ok := strings.CutPrefix(line, "/"); ok {
				body = strings.TrimSuffix(body, "/ {")
				if i := strings.Index(strings.ReplaceAll(body, `\/`, ""), "/"); i >= 0 {
					t.Errorf("%s: a pattern ends too early: %s", gateway, line)
				}
			}
		}
	}
}
