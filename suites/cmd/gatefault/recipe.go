package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/upstream/fault"
)

// recipe tells step by step how a scenario is made; what is as usual is left out.
func recipe(s *scenarios.Scenario, p gateway.Profile) []string {
	steps := append(setting(s, p), before(s)...)
	steps = append(steps, asking(s)...)
	return append(steps, "proof that the fault fired: "+evidenceText(fault.Evidence(s.Evidence)))
}

// setting is the gateway's configuration and what serves the upstream address.
func setting(s *scenarios.Scenario, p gateway.Profile) []string {
	var l lines
	connect, read := cmp.Or(p.Connect, gateway.ConnectTimeout), cmp.Or(p.Read, gateway.ReadTimeout)
	l.add(p.Doc != "", "profile %s: %s", s.Profile, p.Doc)
	l.add(p.Doc != "" && !p.Chain, "timeouts towards the upstream: %s to connect, %s to read", connect, read)
	l.add(p.Chain, "timeouts of the outer gateway: %s to connect, %s to read", connect, read)
	l.add(p.Chain, "timeouts of the inner gateway: %s to connect, %s to read", gateway.ConnectTimeout, gateway.ReadTimeout)
	if p.Backend != nil {
		pool := cmp.Or(s.Pool, gateway.DefaultPool)
		l.add(true, "%s pool %s: %s", p.Backend.Title, pool, p.Backend.Pools[pool].Doc)
	}
	l.add(s.Endpoint == scenarios.ProcessEndpoint, "the upstream is a process of its own, which can be killed and stopped")
	l.add(s.Endpoint == scenarios.MemoryEndpoint, "the upstream is a process in a container with a memory limit")
	l.add(s.Target == scenarios.Backup, "of the two servers, the second has the fault")
	l.add(s.Target == scenarios.Both, "both servers have the fault")
	l.add(s.Exclusive, "it runs alone, after all others")
	return l
}

// before is what happens ahead of the request that is observed.
func before(s *scenarios.Scenario) []string {
	var l lines
	l.add(s.Prime && s.Meets != scenarios.MeetsPrime, "first, one healthy request fills the gateway's connection pool")
	l.add(s.Meets == scenarios.MeetsPrime, "first, one request fills the gateway's connection pool and meets the fault; the next one is observed")
	l.add(s.Warm, "first, the same request is answered well: the gateway may store that answer")
	l.add(s.Age > 0, "%s later the fault begins", s.Age)
	l.add(s.Checks > 0, "the client asks when %s met the fault", plural(s.Checks, "health check has", "health checks have"))
	l.add(s.Settle > 0, "the client asks when what the gateway had cached has run out: when a healthy request has failed, at most %s", s.Settle)
	l.add(s.Notice > 0, "the client asks when the fault has been in force for %s", s.Notice)
	if o := s.Occupy; o != nil {
		l.add(true, "first, %s for %s, and wait", plural(o.Requests, "other client asks", "other clients ask"), o.Path)
	}
	return l
}

// asking is what the client sends and how long it waits.
func asking(s *scenarios.Scenario) []string {
	var l lines
	l.add(s.Traffic == nil, "request: %s", requestText(s.Request))
	l.add(s.Traffic != nil, "traffic: %s, each %s", s.Traffic, requestText(s.Request))
	l.add(s.Times == 1, "only the first request to the upstream meets the fault, later ones are answered well")
	l.add(s.Times > 1, "only the first %d requests to the upstream meet the fault, later ones are answered well", s.Times)
	l.add(s.Contact == scenarios.NoContact, "the gateway may answer without asking the upstream; a direct request proves that the fault is there")
	l.add(s.Again, "when the fault is gone, the same request is made once more")
	l.add(s.Patience != scenarios.DefaultPatience, "the client waits %s for the end of an answer", s.Patience)
	return l
}

func requestText(r scenarios.Request) string {
	text := r.Method + " " + r.Path
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		text += fmt.Sprintf(", %s: %s", name, r.Headers[name])
	}
	if n := len(r.Content()); n > 0 {
		text += fmt.Sprintf(", body of %d bytes", n)
	}
	return text
}

// lacking says which gateways cannot have a profile, and why.
func lacking(definitions []*gateway.Definition, profile string) []string {
	var out []string
	for _, d := range definitions {
		if why := d.Lacks(profile); why != "" {
			out = append(out, why)
		}
	}
	return out
}

// lines gathers lines under conditions.
type lines []string

func (l *lines) add(present bool, format string, args ...any) {
	if present {
		*l = append(*l, fmt.Sprintf(format, args...))
	}
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
