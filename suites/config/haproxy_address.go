package config

import (
	"slices"
	"strconv"
	"strings"
)

// haproxyAddress is what a bind or server line goes to.
type haproxyAddress struct {
	host   string // empty: every address
	ports  []uint16
	socket string
}

// haproxyFamilies are prefixes of addresses that TCP reaches (configuration manual, section 11 "Address formats"). Others
// (QUIC, UDP, abstract sockets, inherited file descriptors) are none that a client or an upstream of ours could use.
var haproxyFamilies = []string{"", "ipv4", "ipv6", "tcp", "tcp4", "tcp6", "mptcp", "mptcp4", "mptcp6", "stream+ipv4", "stream+ipv6"}

// parseHAProxyAddress reads an address with an optional port or range of ports. ok is false for a family that is of no use.
func parseHAProxyAddress(text string) (a haproxyAddress, ok bool) {
	family, rest, prefixed := strings.Cut(text, "@")
	if !prefixed {
		family, rest = "", text
	}
	switch {
	case strings.HasPrefix(rest, "/") && slices.Contains([]string{"", "unix", "uxst", "stream+unix"}, family):
		return haproxyAddress{socket: rest}, true
	case !slices.Contains(haproxyFamilies, family):
		return haproxyAddress{}, false
	}
	host, port := rest, ""
	if i := strings.LastIndexByte(rest, ':'); i >= 0 && !strings.HasSuffix(rest, "]") {
		host, port = rest[:i], rest[i+1:]
	}
	a.host = strings.Trim(host, "[]")
	if a.host == "*" || a.host == "0.0.0.0" || a.host == "::" {
		a.host = ""
	}
	a.ports = portRange(port)
	return a, true
}

// portRange reads 80 and 8000-8010.
func portRange(text string) []uint16 {
	first, last, ranged := strings.Cut(text, "-")
	low, err := strconv.ParseUint(first, 10, 16)
	if err != nil {
		return nil
	}
	ports := []uint16{uint16(low)}
	high, err := strconv.ParseUint(last, 10, 16)
	for p := low + 1; ranged && err == nil && p <= high && len(ports) < maxPorts; p++ {
		ports = append(ports, uint16(p))
	}
	return ports
}

// haproxyOptions are the words after an address: a keyword and its value, or one of flags that have none.
type haproxyOptions []haproxyOption

type haproxyOption struct{ name, value string }

// haproxyFlags are keywords of bind and server lines without a value. Those that begin with no- and force- are, too.
var haproxyFlags = []string{
	"accept-proxy", "allow-0rtt", "backup", "check", "check-send-proxy", "check-ssl", "check-via-socks4", "defer-accept", "disabled",
	"enabled", "generate-certificates", "non-stick", "prefer-client-ciphers", "send-proxy", "send-proxy-v2", "send-proxy-v2-ssl",
	"send-proxy-v2-ssl-cn", "ssl", "ssl-reuse", "stick", "strict-sni", "tfo", "transparent", "v4v6", "v6only",
}

func parseHAProxyOptions(words []string) haproxyOptions {
	var all haproxyOptions
	for i := 0; i < len(words); i++ {
		o := haproxyOption{name: words[i]}
		flag := slices.Contains(haproxyFlags, o.name) || strings.HasPrefix(o.name, "no-") || strings.HasPrefix(o.name, "force-")
		if !flag && i+1 < len(words) {
			i++
			o.value = words[i]
		}
		all = append(all, o)
	}
	return all
}

// get is a keyword's last value, as long as no no-keyword follows it.
func (all haproxyOptions) get(name string) (value string, set bool) {
	for _, o := range slices.Backward(all) {
		switch o.name {
		case name:
			return o.value, true
		case "no-" + name:
			return "", false
		}
	}
	return "", false
}

func (all haproxyOptions) has(name string) bool {
	_, set := all.get(name)
	return set
}
