package config

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// sample is a request whose way through a configuration is followed.
type sample struct {
	entry              Entry
	host, path, method string
	// fields are further header fields, by their names in small letters.
	fields map[string]string
}

// start is a plain request to an entry.
func start(entry Entry) sample { return sample{entry: entry, path: "/", method: "GET"} }

// with gives the request a further field.
func (s sample) with(name, value string) sample {
	fields := maps.Clone(s.fields)
	if fields == nil {
		fields = map[string]string{}
	}
	fields[strings.ToLower(name)] = value
	s.fields = fields
	return s
}

// handshake is the request as one for WebSocket (RFC 6455, section 4.1).
func (s sample) handshake() sample {
	return s.with("Connection", "Upgrade").with("Upgrade", "websocket")
}

// truth is what is known of a condition. The smallest of several decides where all must hold, the greatest where any may.
type truth int

const (
	no truth = iota
	unknown
	yes
)

func (t truth) not() truth { return yes - t }

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// rankedRoutes are routes with what makes them worse: doubt, and an entry that only the gateway's own machine can reach.
type rankedRoutes []rankedRoute

type rankedRoute struct {
	Route
	rank int
}

func (all *rankedRoutes) add(r Route, doubt truth, entry Entry) {
	rank := int(doubt)
	if entry.Host != "" && (Server{Host: entry.Host}).Kind() == Loopback {
		rank += int(yes) + 1
	}
	*all = append(*all, rankedRoute{r, rank})
}

// sorted gives the best first and keeps the order of equals.
func (all rankedRoutes) sorted() []Route {
	slices.SortStableFunc(all, func(a, b rankedRoute) int { return cmp.Compare(a.rank, b.rank) })
	var routes []Route
	for _, r := range all {
		routes = append(routes, r.Route)
	}
	return routes
}
