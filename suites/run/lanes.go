package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/upstream"
)

// class is a sort of lane: cells whose profile or upstream differs cannot share lanes.
type class struct{ profile, kind string }

// memoryKind lanes lead to an upstream with a memory limit.
const memoryKind = "memory"

// class tells what sort of lane the cell runs on.
func (c *cell) class() class {
	if c.scenario.Endpoint == scenarios.MemoryEndpoint {
		return class{c.scenario.Profile, memoryKind}
	}
	if c.scenario.Pool != "" {
		return class{c.scenario.Profile, poolPrefix + c.scenario.Pool}
	}
	return class{profile: c.scenario.Profile}
}

// id names one lane of the class.
func (c class) id(gateway string, i int) string {
	if c.kind == "" {
		return fmt.Sprintf("%s-%s-%d", gateway, c.profile, i)
	}
	return fmt.Sprintf("%s-%s-%s-%d", gateway, c.profile, c.kind, i)
}

func (c class) compare(d class) int {
	return cmp.Or(cmp.Compare(c.profile, d.profile), cmp.Compare(c.kind, d.kind))
}

// host gives the upstream of a class of lanes.
func (g *group) host(c class) (*upstreamHost, error) {
	backend := g.def.Profile(c.profile).Backend
	switch {
	case backend != nil && g.stage.engine == nil:
		return nil, fmt.Errorf("%s needs its container, and %w", backend.Title, g.stage.noBox)
	case c.kind == memoryKind && g.stage.memory == nil:
		return nil, g.stage.noMem
	case c.kind == memoryKind:
		return g.stage.memory, nil
	case g.def.Profile(c.profile).Address == gateway.AddressUnix && g.place() != gateway.PlaceContainer:
		return g.stage.local() // this process sees no container's sockets
	}
	return g.stage.plain, nil
}

// all lists the lanes in the order of the gateway's.
func (g *group) all() (out []*lane) {
	for _, c := range slices.SortedFunc(maps.Keys(g.lanes), class.compare) {
		out = append(out, g.lanes[c]...)
	}
	return out
}

// openLanes opens as many lanes of each class as its cells have use for.
func (g *group) openLanes(ctx context.Context) error {
	parallel := map[class]int{}
	for _, c := range g.cells {
		parallel[c.class()] += 0 // a class of exclusive cells needs a lane, too
		if !c.scenario.Exclusive || g.apart(c.class()) {
			parallel[c.class()]++
		}
	}
	g.lanes, g.lacks = map[class][]*lane{}, map[class]error{}
	for _, c := range slices.SortedFunc(maps.Keys(parallel), class.compare) {
		n := max(1, parallel[c])
		if !g.apart(c) {
			n = min(n, g.stage.opts.Lanes)
		}
		if err := g.openClass(ctx, c, n); err != nil {
			return err
		}
	}
	if len(g.lanes) == 0 { // a gateway needs one all the same
		return g.openClass(ctx, class{profile: g.cells[0].scenario.Profile}, 1)
	}
	return nil
}

// apart tells whether each cell of a class needs a lane of its own. A gateway that knows of a second server remembers which
// one failed, some for a minute, and would not take the next cell's request to it.
func (g *group) apart(c class) bool {
	needs := g.def.Profile(c.profile)
	return g.stage.opts.Apart || needs.Servers > 1 && !needs.Broken
}

// openClass opens n lanes of a class, or notes why there can be none.
func (g *group) openClass(ctx context.Context, c class, n int) error {
	h, err := g.host(c)
	if err != nil {
		g.lacks[c] = err
		return nil
	}
	for i := range n {
		l, err := g.openLane(ctx, h, c, c.id(g.def.Name+g.suffix, i))
		if errors.Is(err, upstream.ErrUnsupported) {
			g.lacks[c] = err
			return nil
		}
		if err != nil {
			return err
		}
		g.lanes[c] = append(g.lanes[c], l)
	}
	return nil
}

// openLane opens the endpoints of one lane.
func (g *group) openLane(ctx context.Context, h *upstreamHost, c class, id string) (*lane, error) {
	needs := g.def.Profile(c.profile)
	l := &lane{endpoint: id, profile: c.profile, control: h.control, place: g.place(), needs: needs}
	config := upstream.EndpointConfig{ID: id, Protocol: upstream.Protocol(needs.Protocol)}
	if needs.Address == gateway.AddressUnix {
		l.socket = path.Join(h.folder, id+".sock")
		config.Socket = l.socket
	}
	var err error
	if needs.Address == gateway.AddressName {
		l.domain, l.upstream, err = h.openNamed(ctx, config)
		l.resolver = h.names
	} else {
		l.upstream, err = h.open(ctx, config)
	}
	if err != nil {
		return nil, err
	}
	if needs.Backend != nil {
		l.joinPool(c, h)
	}
	if needs.Servers > 1 {
		config.ID += "-backup"
		addr, err := h.open(ctx, config)
		if err != nil {
			return nil, err
		}
		l.further = []server{{config.ID, addr}}
	}
	return l, nil
}
