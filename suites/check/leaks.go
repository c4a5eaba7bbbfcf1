package check

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/upstream"
)

// leaksDetails looks in the gateway's own error answers for what only somebody behind it needs to know.
func leaksDetails(c *judged) (string, float64) {
	if c.Observed.Kind != scenarios.Made || c.Observed.Status < 400 || c.answer == nil {
		return "", 0
	}
	for _, name := range slices.Sorted(maps.Keys(c.answer.header)) {
		if slices.Contains([]string{upstream.EndpointField, upstream.NonceField}, name) {
			continue // of an error page that the upstream has
		}
		if found := c.leak(strings.Join(c.answer.header[name], ", ")); found != "" {
			return fmt.Sprintf("The gateway's %d tells of %s in its field %s.", c.Observed.Status, found, name), 2
		}
	}
	if found := c.leak(c.answer.body); found != "" {
		return fmt.Sprintf("The gateway's %d tells of %s in its body.", c.Observed.Status, found), 1
	}
	return "", 0
}

// leak gives the first thing in a text that is of the upstream: an address with its port, a host, a socket, or a path that
// the client did not ask for.
func (c *judged) leak(text string) string {
	for _, s := range c.route.Servers {
		if s.Socket != "" {
			if strings.Contains(text, s.Socket) {
				return s.Socket
			}
			continue
		}
		if key := s.Key(); word(text, key) {
			return key
		}
		if distinct(s.Host) && !strings.EqualFold(s.Host, c.asked()) && word(text, s.Host) {
			return s.Host
		}
		if at := withPort(text, s.Port); at != "" {
			return at
		}
	}
	if path := c.innerPath(); path != "" && word(text, path) {
		return path
	}
	return ""
}

// asked is the host that the client asked for: a gateway may repeat it.
func (c *judged) asked() string {
	host, _, _ := strings.Cut(c.route.Entry.Host, ":")
	return host
}

// distinct tells whether a host is an address or a name of several labels: a single word may stand in any text.
func distinct(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return !addr.IsLoopback()
	}
	return strings.Contains(host, ".")
}

// word tells whether a text holds a name that does not go on to the left or the right.
func word(text, name string) bool {
	return regexp.MustCompile(`(?i)(?:^|[^\w.-])` + regexp.QuoteMeta(name) + `(?:$|[^\w-])`).MatchString(text)
}

var addressWithPort = regexp.MustCompile(`(?:\b\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-fA-F:]+\]):(\d{1,5})\b`)

// withPort finds an IP address with the port of a server: the server's own in our network.
func withPort(text string, port uint16) string {
	for _, m := range addressWithPort.FindAllStringSubmatch(text, -1) {
		if m[1] == strconv.Itoa(int(port)) {
			return m[0]
		}
	}
	return ""
}

// innerPath is the path that the gateway asks the upstream for, where it is another than the client's.
func (c *judged) innerPath() string {
	for _, e := range c.Journal {
		if e.Kind != upstream.Requested || !strings.Contains(e.Target, c.Cell) {
			continue
		}
		inner, _, _ := strings.Cut(e.Target, "?")
		if own := pathOf(c.Scenario, c.route); len(inner) > 1 && !strings.Contains(own, strings.TrimSuffix(inner, "/")) {
			return inner
		}
	}
	return ""
}
