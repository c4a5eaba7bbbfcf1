package config

import (
	"net/netip"
	"strconv"
	"strings"
)

// nginxListen is one address that a listen directive names.
type nginxListen struct {
	host    string // empty: every address
	port    uint16
	standby bool // default_server
	entry   Entry
}

// maxPorts bounds a range of ports, of which each is an entry.
const maxPorts = 64

// nginxListens are the addresses of a listen directive. Those of unix sockets and of QUIC are no entries.
// See https://nginx.org/en/docs/http/ngx_http_core_module.html#listen.
func nginxListens(d directive) []nginxListen {
	address := d.arg(0)
	if address == "" || strings.HasPrefix(address, "unix:") {
		return nil
	}
	l := nginxListen{entry: Entry{At: d.at}}
	v4 := false
	for _, parameter := range d.args[1:] {
		switch parameter {
		case "ssl":
			l.entry.TLS = true
		case "http2", "spdy":
			l.entry.HTTP2 = true
		case "proxy_protocol":
			l.entry.ProxyProtocol = true
		case "default_server", "default":
			l.standby = true
		case "ipv6only=off":
			v4 = true
		case "quic", "udp":
			return nil
		}
	}
	host, ports := nginxListenAddress(address)
	if l.host = host; host == "*" || host == "0.0.0.0" || host == "::" && v4 {
		l.host = ""
	}
	return l.each(ports)
}

// nginxListenAddress splits port, address, address:port, [address]:port and address:first-last.
func nginxListenAddress(address string) (host, ports string) {
	if strings.Trim(address, "0123456789-") == "" {
		return "", address
	}
	if end := strings.LastIndexByte(address, ':'); end > strings.LastIndexByte(address, ']') {
		return strings.Trim(address[:end], "[]"), address[end+1:]
	}
	return strings.Trim(address, "[]"), "80"
}

func (l nginxListen) each(ports string) []nginxListen {
	from, to, _ := strings.Cut(ports, "-")
	first, err := strconv.ParseUint(from, 10, 16)
	last, failed := strconv.ParseUint(to, 10, 16)
	if failed != nil {
		last = first
	}
	if err != nil || first == 0 {
		return nil
	}
	var all []nginxListen
	for port := first; port <= min(last, first+maxPorts-1); port++ {
		l.port = uint16(port)
		l.entry.Host, l.entry.Port = l.host, l.port
		all = append(all, l)
	}
	return all
}

// everywhere says that an entry takes connections to every IPv4 address.
func (e Entry) everywhere() bool { return e.Host == "" }

// apart says that clients on other machines cannot reach an entry.
func (e Entry) apart() bool {
	addr, err := netip.ParseAddr(e.Host)
	return err == nil && addr.IsLoopback() || e.Host == "localhost"
}
