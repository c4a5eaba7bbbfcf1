package config

import (
	"maps"
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
