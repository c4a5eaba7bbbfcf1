package run

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/gatefault/gatefault/suites/config"
)

// mode is how the servers of routes become ours, the one that takes more last.
type mode int

// Modes.
const (
	byName    mode = iota // host names: an upstream for all instances has the names on each of their networks
	byAddress             // addresses and unix sockets: an upstream of the instance takes them
	beside                // loopback: an upstream of the instance shares the gateway's network namespace
)

// strand is routes that share servers. On one instance their cells run one after the other: a fault at a server meets all
// of them.
type strand struct {
	mode    mode
	house   *house
	ways    []*way
	servers []config.Server // each once
}

// way is a route and what is found out about it before its first cell.
type way struct {
	Route
	id     string // of the cell that finds it out
	strand *strand
	found  found
	memory memory
	watch  watch
}

// strands groups ways by their servers. Strands that share a host without sharing a server have the same mode, for a host
// is at one place.
func strands(ways []*way) []*strand {
	var all []*strand
	for _, w := range ways {
		joined := &strand{ways: []*way{w}}
		joined.add(w.Servers)
		all = slices.DeleteFunc(all, func(s *strand) bool {
			if !s.shares(w.Servers) {
				return false
			}
			joined.ways = append(s.ways, joined.ways...)
			joined.add(s.servers)
			return true
		})
		all = append(all, joined)
	}
	for _, s := range all {
		for _, w := range s.ways {
			w.strand = s
		}
		s.mode = modeOf(s.servers)
	}
	for changed := true; changed; {
		changed = false
		for _, s := range all {
			for _, other := range all {
				if s.mode < other.mode && s.meets(other) {
					s.mode, changed = other.mode, true
				}
			}
		}
	}
	return all
}

func (s *strand) add(servers []config.Server) {
	for _, server := range servers {
		if !slices.ContainsFunc(s.servers, func(have config.Server) bool { return placeOf(have) == placeOf(server) }) {
			s.servers = append(s.servers, server)
		}
	}
}

func (s *strand) shares(servers []config.Server) bool {
	return slices.ContainsFunc(s.servers, func(have config.Server) bool {
		return slices.ContainsFunc(servers, func(other config.Server) bool { return placeOf(have) == placeOf(other) })
	})
}

// meets tells whether two strands have a host in common.
func (s *strand) meets(other *strand) bool {
	return slices.ContainsFunc(s.servers, func(a config.Server) bool {
		return slices.ContainsFunc(other.servers, func(b config.Server) bool { return hostOf(a) == hostOf(b) })
	})
}

// placeOf tells where a server is, however it is written.
func placeOf(s config.Server) string {
	if s.Socket != "" {
		return s.Key()
	}
	return fmt.Sprintf("%s|%d", hostOf(s), s.Port)
}

// hostOf is a server's host in one spelling; all of a machine's unspecified addresses are its loopback's.
func hostOf(s config.Server) string {
	if s.Kind() == config.Loopback {
		if addr, err := netip.ParseAddr(s.Host); err == nil && !addr.IsUnspecified() {
			return addr.Unmap().String()
		}
		return "127.0.0.1"
	}
	if addr, err := netip.ParseAddr(s.Host); err == nil {
		return addr.Unmap().String()
	}
	return strings.ToLower(strings.TrimSuffix(s.Host, "."))
}

func modeOf(servers []config.Server) mode {
	m := byName
	for _, s := range servers {
		switch s.Kind() {
		case config.Address, config.Socket:
			m = max(m, byAddress)
		case config.Loopback:
			m = beside
		}
	}
	return m
}

// goesTo tells whether a server is one of the route's.
func (w *way) goesTo(s config.Server) bool {
	return slices.ContainsFunc(w.Servers, func(own config.Server) bool { return placeOf(own) == placeOf(s) })
}
