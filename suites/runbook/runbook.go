// Package runbook makes one book of the catalogue's operator texts: for each gateway, from the log line to the cause, what to
// look at in which order, how to mend it and how to rehearse it.
package runbook

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/scenarios/strict"
	"github.com/gatefault/gatefault/suites/alert"
)

//go:embed products.yaml
var productsFile []byte

// Product is what an operator types at a gateway.
type Product struct {
	Title  string `yaml:"title"`
	Log    string `yaml:"log"`    // file of its log
	Test   string `yaml:"test"`   // command that checks the configuration
	Reload string `yaml:"reload"` // command that takes it
	Watch  string `yaml:"watch"`  // command that shows the log as it grows
	State  string `yaml:"state"`  // command that shows what the gateway knows of its upstreams
	Cite   string `yaml:"cite"`
}

// Products are the gateways that books can be made for, by name.
var Products = sync.OnceValues(func() (map[string]Product, error) {
	all := map[string]Product{}
	_, err := strict.Load("suites/runbook/products.yaml", productsFile, &all, strict.Words{Empty: "the file is empty", Many: "the file holds more than one document"})
	return all, err
})

// Book is what to write.
type Book struct {
	Gateways  []string
	Scenarios []*scenarios.Scenario // what can happen
	Alerts    *alert.Book
	Logged    Logged
	// For is the configuration that the book is made for, and Places its routes; empty: for none.
	For    string
	Places []string
	// Impossible tells why scenarios are left out, by reason.
	Impossible map[string][]string
}

// Logged are lines that a run's gateways logged of scenarios.
type Logged map[Key][]string

// Key is a scenario on a gateway.
type Key struct{ Gateway, Scenario string }

// mostLines is how many lines of a scenario are shown.
const mostLines = 4

// Add notes log lines; the same twice counts once.
func (l Logged) Add(gateway, scenario string, lines ...string) {
	k := Key{gateway, scenario}
	for _, line := range lines {
		line = strings.TrimRight(line, "\n")
		if len(l[k]) < mostLines && !slices.Contains(l[k], line) {
			l[k] = append(l[k], line)
		}
	}
}

// healthy is the cause of the scenario without a failure.
const healthy scenarios.Cause = "none"

// causes are those of the book's scenarios on a gateway, in the catalogue's order. Health has no place in a runbook.
func (b *Book) causes() (out []scenarios.Cause) {
	for _, c := range scenarios.Causes() {
		if len(b.of(c)) > 0 {
			out = append(out, c)
		}
	}
	return out
}

func (b *Book) of(cause scenarios.Cause) (out []*scenarios.Scenario) {
	for _, s := range b.Scenarios {
		if s.Cause == cause && cause != healthy {
			out = append(out, s)
		}
	}
	return out
}

// Rules are the alert rules of the book's gateways that something which can happen brings about; with their scenarios and
// causes cut down to that.
func (b *Book) Rules() (out []*alert.Rule) {
	for _, r := range b.Alerts.Of(b.Gateways...) {
		if cut := r.Only(b.Scenarios); cut != nil {
			out = append(out, cut)
		}
	}
	return out
}

// anchor is the link to a scenario, as GitHub and GitLab make it of a heading.
func anchor(s *scenarios.Scenario) string {
	heading := strings.ToLower(s.ID + ": " + s.Title)
	var out strings.Builder
	for _, r := range heading {
		switch {
		case r == ' ':
			out.WriteRune('-')
		case r == '-' || r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			out.WriteRune(r)
		}
	}
	return "#" + out.String()
}

func link(s *scenarios.Scenario) string { return fmt.Sprintf("[%s](%s)", s.ID, anchor(s)) }
