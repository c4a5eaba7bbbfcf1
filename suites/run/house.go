package run

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/gatefault/gatefault/suites/config"
)

// house is an upstream that is at the places of the servers of some strands.
type house struct {
	mode    mode
	strands []*strand
	shared  *upstreamHost // with byName: of all instances
}

// maxHouses bounds the upstreams that share out names.
const maxHouses = 6

// houses gives each strand a house: one to those of a mode but, with byName, as many as it takes for every name to have the
// upstream's own address. Only that is what the engine's name server gives, which some gateways ask while they run.
func houses(all []*strand) (out []*house) {
	for _, together := range neighbours(all) {
		i := slices.IndexFunc(out, func(h *house) bool { return h.mode == together[0].mode && (h.mode != byName || !h.collides(together)) })
		if i < 0 && len(out) >= maxHouses {
			i = slices.IndexFunc(out, func(h *house) bool { return h.mode == together[0].mode })
		}
		if i < 0 {
			i, out = len(out), append(out, &house{mode: together[0].mode})
		}
		out[i].strands = append(out[i].strands, together...)
	}
	for _, h := range out {
		for _, s := range h.strands {
			s.house = h
		}
	}
	return out
}

// neighbours groups strands that have hosts in common.
func neighbours(all []*strand) (groups [][]*strand) {
	for _, s := range all {
		joined := []*strand{s}
		groups = slices.DeleteFunc(groups, func(g []*strand) bool {
			if !slices.ContainsFunc(g, s.meets) {
				return false
			}
			joined = append(slices.Clone(g), joined...)
			return true
		})
		groups = append(groups, joined)
	}
	return groups
}

// collides tells whether a port of the strands is taken in the house.
func (h *house) collides(strands []*strand) bool {
	return slices.ContainsFunc(h.strands, func(s *strand) bool { return slices.ContainsFunc(strands, s.collides) })
}

// collides tells whether two strands have a port in common.
func (s *strand) collides(other *strand) bool {
	return slices.ContainsFunc(s.servers, func(a config.Server) bool {
		return slices.ContainsFunc(other.servers, func(b config.Server) bool { return a.Port == b.Port })
	})
}

// spot is the place of an upstream's names and addresses on one network.
type spot struct {
	aliases []string              // names of its own address there
	taken   []netip.Addr          // further addresses that it takes
	addrs   map[string]netip.Addr // by host; invalid: its own address, which is known once it is there
}

// arrange gives every host of the strands a place: names share the upstream's own address unless their ports collide,
// then spare gives a further one; addresses are what they are.
func arrange(all []*strand, spare func() netip.Addr) spot {
	s := spot{addrs: map[string]netip.Addr{}}
	ports := map[string][]uint16{}
	var hosts []string
	for _, strand := range all {
		for _, server := range strand.servers {
			if server.Socket == "" {
				host := hostOf(server)
				hosts, ports[host] = append(hosts, host), append(ports[host], server.Port)
			}
		}
	}
	slices.SortStableFunc(hosts, cmp.Compare[string])
	used := map[uint16]bool{} // at its own address
	for _, host := range slices.Compact(hosts) {
		addr, err := netip.ParseAddr(host)
		switch {
		case err == nil:
			s.addrs[host], s.taken = addr, append(s.taken, addr)
			continue
		case slices.ContainsFunc(ports[host], func(p uint16) bool { return used[p] }):
			s.addrs[host] = spare()
			s.taken = append(s.taken, s.addrs[host])
			continue
		}
		s.addrs[host], s.aliases = netip.Addr{}, append(s.aliases, host)
		for _, p := range ports[host] {
			used[p] = true
		}
	}
	return s
}

// at fills in the upstream's own address.
func (s spot) at(own netip.Addr) spot {
	for host, addr := range s.addrs {
		if !addr.IsValid() {
			s.addrs[host] = own
		}
	}
	return s
}
