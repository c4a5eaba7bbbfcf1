package diagnose

import (
	"fmt"
	"slices"
	"strings"
)

// guess tells whose logs these are by how they begin.
func guess(sources []*source) (gateway string, err error) {
	points := map[string]int{}
	lines := 0
	for _, s := range sources {
		for _, line := range s.beginning() {
			if len(line) == 0 {
				continue
			}
			lines++
			for _, name := range Gateways() {
				points[name] += resembles(formats[name](), line)
			}
		}
	}
	best, most := []string(nil), 0
	for _, name := range Gateways() {
		switch n := points[name]; {
		case n == 0 || n < most:
		case n == most:
			best = append(best, name)
		default:
			best, most = []string{name}, n
		}
	}
	best = slices.DeleteFunc(best, func(name string) bool { return name == "go" && len(best) > 1 })
	switch {
	case lines == 0:
		return "", fmt.Errorf("there is nothing in the logs; say with --gateway whose they are: %s", strings.Join(Gateways(), ", "))
	case len(best) == 0:
		return "", fmt.Errorf("the logs are in no form that is known; say with --gateway whose they are: %s", strings.Join(Gateways(), ", "))
	case len(best) > 1:
		return "", fmt.Errorf("these lines may be of %s; say which with --gateway, or give the error log, too", strings.Join(best, " or "))
	}
	return best[0], nil
}

// resembles weighs a line: those of an error log tell more than access lines, which look alike.
func resembles(p parser, line []byte) int {
	var e entry
	reads(p, line, &e)
	switch {
	case e.kind == foreign:
		return 0
	case e.kind == access && !e.alone:
		return 1
	}
	return 1000
}
