package runbook

import (
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/alert"
)

var builtin = sync.OnceValues(scenarios.Builtin)

func book(t *testing.T, gateways ...string) *Book {
	t.Helper()
	catalogue, err := builtin()
	if err != nil {
		t.Fatal(err)
	}
	alerts, err := alert.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	return &Book{Gateways: gateways, Scenarios: catalogue.All(), Alerts: alerts}
}

func text(t *testing.T, b *Book) string {
	t.Helper()
	var out strings.Builder
	if err := b.Markdown(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// Every scenario but those without a failure has its chapter with all of the operator's text, and links lead to chapters.
func TestNothingIsMissing(t *testing.T) {
	products, err := Products()
	if err != nil {
		t.Fatal(err)
	}
	for gateway := range products {
		b := book(t, gateway)
		got := text(t, b)
		headings := map[string]bool{}
		for _, s := range b.Scenarios {
			if s.Cause == healthy {
				continue
			}
			headings[anchor(s)] = true
			for _, part := range append(s.Operator.Checks, s.Operator.Symptom, s.Operator.Fix, s.Operator.Prevention, "### "+s.ID+": ") {
				if !strings.Contains(got, strings.TrimSpace(part)) {
					t.Errorf("%s, %s: %q is missing", gateway, s.ID, part)
				}
			}
		}
		for _, link := range regexp.MustCompile(`\]\((#[^)]*)\)`).FindAllStringSubmatch(got, -1) {
			if !headings[link[1]] {
				t.Errorf("%s: %s leads nowhere", gateway, link[1])
			}
		}
	}
}

func TestLoggedLinesStandInAFence(t *testing.T) {
	b := book(t, "nginx")
	b.Logged = Logged{}
	b.Logged.Add("nginx", "tcp.refuse", "a line with ``` in it\n", "a line with ``` in it", "another")
	b.Logged.Add("haproxy", "tcp.refuse", "of another gateway")
	got := text(t, b)
	if !strings.Contains(got, "\n````\na line with ``` in it\nanother\n````\n") || strings.Contains(got, "of another gateway") {
		t.Error("the lines are not shown as they were logged")
	}
}

func TestOnlyWhatCanHappen(t *testing.T) {
	b := book(t, "nginx")
	all := len(b.Rules())
	for i, s := range b.Scenarios {
		if s.ID == "dns.timeout" {
			b.Scenarios = append(b.Scenarios[:i:i], b.Scenarios[i+1:]...)
			break
		}
	}
	got := text(t, b)
	if strings.Contains(got, "dns.timeout") || strings.Contains(got, "NginxLogsDnsTimeout") || len(b.Rules()) != all-1 {
		t.Error("an alert is left that nothing can bring about")
	}
}
