package run

import (
	"fmt"
	"log/slog"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/upstream/fault"
)

// Options say what to run and where. [Check] takes what to run from its subject, and of these only Program, Lanes, Log,
// Progress and Transport.
type Options struct {
	Scenarios []*scenarios.Scenario
	Gateways  []*gateway.Definition
	// Only, if set, says which cells to run.
	Only func(scenario, gateway string) bool
	// Shard, if set, says which part of the cells to run, in the same way.
	Shard *Shard
	// Images and Binaries override, by gateway, what is started.
	Images   map[string]string
	Binaries map[string]string
	// Program is a static gatefault program for Linux, for the upstream's container and its process endpoints.
	Program string
	// Local keeps away from containers though an engine answers; NoEngine is the reason when it is not the user's choice.
	Local    bool
	NoEngine error
	// OwnNamespace says that this process has a network namespace of its own; see upstream.Options.
	OwnNamespace bool
	// OwnResolvConf says that it also has an /etc/resolv.conf of its own, which names 127.0.0.1.
	OwnResolvConf bool
	// Lanes bounds the cells that run at once on one gateway with one profile; default 40. For [Check] it bounds the instances
	// of the gateway; default 16.
	Lanes int
	// Apart keeps cells from each other's effects: each has a lane that no other has used, because a gateway may leave a
	// server out for a while that failed, and gateways run one after the other, so that times can be compared. Lanes then
	// bounds the cells that run at once, whatever their profile.
	Apart bool
	Log   *slog.Logger
	// Progress is told of every step; it may be nil and must not block.
	Progress func(Progress)
	// Transport carries the calls to the upstream's control API; default: one of its own.
	Transport http.RoundTripper
	// Network, if set, is joined by the gateways instead of the run's own: a sabotage that tests use.
	Network *gateway.Network
}

// DefaultLanes bounds the cells that run at once on one gateway.
const DefaultLanes = 40

// Progress is one step of a run.
type Progress struct {
	Message string  // something took a step, such as an image being built
	Result  *Result // a cell is done
	Done    int
	Cells   int
}

// Filter chooses scenarios and gateways by name; empty lists choose all. Names may hold the wildcards of path.Match.
type Filter struct {
	Gateways, Scenarios, Causes, Layers []string
}

// Select applies the filter to a catalogue. A name that chooses nothing is an error that tells the nearest.
func (f Filter) Select(c *scenarios.Catalogue) ([]*scenarios.Scenario, error) {
	all := c.All()
	var causes, layers []string
	for _, s := range all {
		causes, layers = append(causes, string(s.Cause)), append(layers, s.Layer())
	}
	for _, check := range []struct {
		kind            string
		wanted, present []string
	}{{"scenario", f.Scenarios, c.IDs()}, {"cause", f.Causes, causes}, {"layer", f.Layers, layers}} {
		if err := checkNames(check.kind, check.wanted, check.present); err != nil {
			return nil, err
		}
	}
	chosen := slices.DeleteFunc(all, func(s *scenarios.Scenario) bool {
		return !matches(f.Scenarios, s.ID) || !matches(f.Causes, string(s.Cause)) || !matches(f.Layers, s.Layer())
	})
	if len(chosen) == 0 {
		return nil, fmt.Errorf("no scenario fits all of the filters; gatefault scenarios lists them")
	}
	return chosen, nil
}

// SelectGateways applies the filter to the gateways.
func (f Filter) SelectGateways(all []*gateway.Definition) ([]*gateway.Definition, error) {
	var names []string
	for _, d := range all {
		names = append(names, d.Name)
	}
	if err := checkNames("gateway", f.Gateways, names); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(all), func(d *gateway.Definition) bool { return !matches(f.Gateways, d.Name) }), nil
}

func checkNames(kind string, wanted, present []string) error {
	slices.Sort(present)
	present = slices.Compact(present)
	for _, pattern := range wanted {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("%q is no pattern for a %s: %w", pattern, kind, err)
		}
		if !slices.ContainsFunc(present, func(name string) bool { return matches([]string{pattern}, name) }) {
			near := fault.Nearest(pattern, present)
			if len(near) == 0 && len(present) <= 20 {
				return fmt.Errorf("no %s is called %q; there are %s", kind, pattern, strings.Join(present, ", "))
			}
			return &fault.UnknownError{Kind: kind, Name: pattern, Nearest: near}
		}
	}
	return nil
}

func matches(patterns []string, name string) bool {
	return len(patterns) == 0 || slices.ContainsFunc(patterns, func(p string) bool {
		ok, _ := path.Match(p, name)
		return ok
	})
}

// expected guesses how long a cell takes, to start the longest first.
func expected(s *scenarios.Scenario) time.Duration {
	longest := time.Second + s.Notice + s.Age
	for _, e := range s.Standard {
		longest = max(longest, guess(s, e.Want()))
	}
	for _, p := range s.Pins {
		longest = max(longest, guess(s, p.Want()))
	}
	if s.Traffic != nil {
		longest += s.Traffic.For
	}
	return longest
}

func guess(s *scenarios.Scenario, w scenarios.Want) time.Duration {
	longest := time.Second
	for _, o := range append(w.Shares.Outcomes(), w.Outcome) {
		switch {
		case o.Kind == scenarios.Hang:
			longest = max(longest, s.Patience)
		case o.Status == http.StatusGatewayTimeout:
			longest = max(longest, 2*time.Second)
		}
	}
	return longest * time.Duration(max(1, w.Attempts))
}
