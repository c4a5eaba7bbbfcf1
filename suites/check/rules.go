package check

import (
	_ "embed"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/Masterminds/semver/v3"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/scenarios/strict"
)

//go:embed scenarios.yaml
var rulesFile []byte

// rules is the content of scenarios.yaml, which explains itself.
type rules struct {
	Rules   []rule   `yaml:"rules"`
	Waits   []wait   `yaml:"waits"`
	Needs   []need   `yaml:"needs"`
	Adapt   []adapt  `yaml:"adapt"`
	Slow    []string `yaml:"slow"`
	Telling []string `yaml:"telling"`
	Also    []also   `yaml:"also"`
	Known   []known  `yaml:"known"`
	Happens []rule   `yaml:"happens"`
}

// rule is what scenarios ask of a route.
type rule struct {
	Scenarios []string `yaml:"scenarios"`
	Except    []string `yaml:"except"`
	Profiles  []string `yaml:"profiles"`
	Traffic   bool     `yaml:"traffic"`
	Exclusive bool     `yaml:"exclusive"`

	Never     string   `yaml:"never"`
	Protocols []string `yaml:"protocols"`
	Network   *bool    `yaml:"network"`
	Sockets   *bool    `yaml:"sockets"`
	Pool      *bool    `yaml:"pool"`
	WebSocket *bool    `yaml:"websocket"`
	Verify    *bool    `yaml:"verify"`
	Far       *bool    `yaml:"far"`
	Upgrade   *bool    `yaml:"upgrade"`
	Names     *bool    `yaml:"names"`
	Several   *bool    `yaml:"several"`
	Ours      bool     `yaml:"ours"`
	Why       string   `yaml:"why"`
}

// phase is the part of a request that a timeout limits.
type phase string

// Phases, and what the client waits.
const (
	connecting phase = "connect"
	reading    phase = "read"
	patience   phase = "patience"
)

type wait struct {
	Scenario string `yaml:"scenario"`
	For      phase  `yaml:"for"`
}

type need struct {
	Scenario string        `yaml:"scenario"`
	Connect  time.Duration `yaml:"connect"`
	Read     time.Duration `yaml:"read"`
	Why      string        `yaml:"why"`
}

type adapt struct {
	Scenario string        `yaml:"scenario"`
	Param    string        `yaml:"param"`
	Of       phase         `yaml:"of"`
	Times    float64       `yaml:"times"`
	Plus     time.Duration `yaml:"plus"`
	Least    time.Duration `yaml:"least"`
	Most     time.Duration `yaml:"most"`
}

type also struct {
	Scenarios []string          `yaml:"scenarios"`
	Made      bool              `yaml:"made"`
	Outcome   scenarios.Outcome `yaml:"outcome"`
	Why       string            `yaml:"why"`
	Cite      string            `yaml:"cite"`
}

// known is what a product does on some routes whatever its configuration says.
type known struct {
	Scenarios []string          `yaml:"scenarios"`
	Gateway   string            `yaml:"gateway"`
	Versions  string            `yaml:"versions"`
	Protocols []string          `yaml:"protocols"`
	Sockets   *bool             `yaml:"sockets"`
	Outcome   scenarios.Outcome `yaml:"outcome"`
	Why       string            `yaml:"why"`
	Cite      string            `yaml:"cite"`
}

// of gives the pin, where it is about a scenario on a route.
func (k known) of(s *scenarios.Scenario, t traits) (pin scenarios.Pin, ok bool) {
	route := rule{Protocols: k.Protocols, Sockets: k.Sockets}
	return scenarios.Pin{Gateway: k.Gateway, Versions: k.Versions, Outcome: k.Outcome, Why: k.Why, Cite: k.Cite}, fits(k.Scenarios, s.ID) && route.met(t)
}

var dataWords = strict.Words{Empty: "the file is empty", Many: "the file holds more than one document"}

// loadRules reads scenarios.yaml once.
var loadRules = sync.OnceValues(func() (*rules, error) { return decodeRules(rulesFile) })

func decodeRules(data []byte) (*rules, error) {
	r := &rules{}
	doc, err := strict.Load("suites/check/scenarios.yaml", data, r, dataWords)
	if err != nil {
		return nil, err
	}
	var errs []error
	for i, rule := range r.Rules {
		if (rule.conditional()) != (rule.Why != "") || rule.Never != "" && rule.conditional() {
			errs = append(errs, doc.Errorf(fmt.Sprintf("rules.%d", i), "a rule has either never, or conditions and why, or none of them"))
		}
	}
	for i, rule := range r.Happens {
		if !rule.conditional() || rule.Why == "" {
			errs = append(errs, doc.Errorf(fmt.Sprintf("happens.%d", i), "a rule has conditions and why"))
		}
	}
	for i, w := range r.Waits {
		if w.For != connecting && w.For != reading {
			errs = append(errs, doc.Errorf(fmt.Sprintf("waits.%d.for", i), "for is %q; it must be connect or read", w.For))
		}
	}
	for i, a := range r.Adapt {
		if !slices.Contains([]phase{connecting, reading, patience}, a.Of) || a.Times <= 0 {
			errs = append(errs, doc.Errorf(fmt.Sprintf("adapt.%d", i), "of must be connect, read or patience, and times more than 0"))
		}
	}
	for i, a := range r.Also {
		if a.Made != a.Outcome.IsZero() || a.Why == "" || a.Cite == "" {
			errs = append(errs, doc.Errorf(fmt.Sprintf("also.%d", i), "write made or outcome, and why and cite"))
		}
	}
	for i, k := range r.Known {
		if _, err := semver.NewConstraint(k.Versions); err != nil || k.Gateway == "" || k.Outcome.IsZero() || k.Why == "" || k.Cite == "" || k.Protocols == nil && k.Sockets == nil {
			errs = append(errs, doc.Errorf(fmt.Sprintf("known.%d", i), "write gateway, versions (a range), protocols or sockets, outcome, why and cite"))
		}
	}
	return r, errors.Join(errs...)
}

func (r rule) conditional() bool {
	return r.Protocols != nil || r.Network != nil || r.Sockets != nil || r.Pool != nil || r.WebSocket != nil || r.Verify != nil || r.Far != nil || r.Upgrade != nil ||
		r.Names != nil || r.Several != nil
}

// about tells whether the rule speaks of a scenario.
func (r rule) about(s *scenarios.Scenario) bool {
	return (r.Scenarios == nil || fits(r.Scenarios, s.ID)) && !fits(r.Except, s.ID) &&
		(r.Profiles == nil || slices.Contains(r.Profiles, s.Profile)) &&
		(!r.Traffic || s.Traffic != nil) && (!r.Exclusive || s.Exclusive)
}

func fits(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, _ := path.Match(p, name)
		return ok
	})
}

// traits are what rules ask of a route.
type traits struct {
	protocol string
	network  bool // no server is a unix socket
	sockets  bool // all are
	far      bool // all are on other machines
	upgrade  bool // its request asks for another protocol
	names    bool // a server's name is looked up
	several  bool // there is more than one

	pool, websocket, verify bool
	only                    []string // patterns of the scenarios that run, if not all do
}

func (r rule) met(t traits) bool {
	is := func(want *bool, has bool) bool { return want == nil || *want == has }
	return (r.Protocols == nil || slices.Contains(r.Protocols, t.protocol)) && is(r.Network, t.network) && is(r.Sockets, t.sockets) &&
		is(r.Pool, t.pool) && is(r.WebSocket, t.websocket) && is(r.Verify, t.verify) && is(r.Far, t.far) &&
		is(r.Upgrade, t.upgrade) && is(r.Names, t.names) && is(r.Several, t.several)
}

// leftOut gives the reason why a scenario does not run on a route; empty: it does.
func (r *rules) leftOut(s *scenarios.Scenario, t traits) string {
	known := false
	for _, rule := range r.Rules {
		switch {
		case !rule.about(s):
			continue
		case rule.Never != "":
			return rule.Never
		case !rule.met(t):
			return rule.Why
		}
		known = true
	}
	switch {
	case !known:
		return fmt.Sprintf("nothing tells what its profile %s asks of a route", s.Profile)
	case t.only != nil && !fits(t.only, s.ID):
		return "it is not one of the route's scenarios, " + strings.Join(t.only, ", ")
	}
	return ""
}
