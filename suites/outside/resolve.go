package outside

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Resolution is what the name server says.
type Resolution struct {
	Name    string        `json:"name"`
	Servers []string      `json:"servers,omitempty"` // that were asked; none for a name of the hosts file, or an address
	A       []string      `json:"a,omitempty"`
	AAAA    []string      `json:"aaaa,omitempty"`
	Alias   string        `json:"alias,omitempty"` // canonical name, where it is another one
	Error   string        `json:"error,omitempty"`
	Took    time.Duration `json:"took"`
}

// asked notes the name servers that the resolver dials.
type asked struct {
	mu      sync.Mutex // guards servers
	servers []string
}

func (a *asked) add(server string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !slices.Contains(a.servers, server) {
		a.servers = append(a.servers, server)
	}
}

// Resolver asks the name server at an address or, where that is not valid, the system's, and tells note, if it is not nil, which one
// is asked. It is good until ctx ends; then its questions end, too, which Go's own would wait for in the background.
func Resolver(ctx context.Context, at netip.AddrPort, note func(server string)) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(dialing context.Context, network, address string) (net.Conn, error) {
		if at.IsValid() {
			address = at.String()
		}
		if note != nil {
			note(address)
		}
		conn, err := new(net.Dialer).DialContext(dialing, network, address)
		if err == nil {
			context.AfterFunc(ctx, func() { _ = conn.Close() })
		}
		return conn, err
	}}
}

// resolve looks the name up and gives its addresses, IPv6 ones first as clients do (RFC 6724).
func (l *look) resolve(ctx context.Context, v *Visit, name string) []netip.Addr {
	if addr, err := netip.ParseAddr(name); err == nil {
		return []netip.Addr{addr}
	}
	ctx, cancel := context.WithTimeout(ctx, l.Timeout)
	defer cancel()
	began := time.Now()
	var note asked
	r := Resolver(ctx, l.Server, note.add)
	four, errFour := r.LookupNetIP(ctx, "ip4", name)
	six, errSix := r.LookupNetIP(ctx, "ip6", name)
	v.Resolve = &Resolution{Name: name, A: texts(four), AAAA: texts(six)}
	if len(four)+len(six) > 0 {
		if alias, err := r.LookupCNAME(ctx, name); err == nil && alias != name+"." {
			v.Resolve.Alias = alias
		}
	}
	v.Resolve.Servers, v.Resolve.Took = note.servers, time.Since(began)
	if len(four)+len(six) == 0 {
		l.unresolved(v, errors.Join(errFour, errSix))
	}
	for i := range four {
		four[i] = four[i].Unmap()
	}
	return append(six, four...)
}

// unresolved says why there is no address.
func (l *look) unresolved(v *Visit, err error) {
	v.Resolve.Error = err.Error()
	var d *net.DNSError
	switch {
	case errors.As(err, &d) && d.IsNotFound:
		l.find("resolve-not-found", d.Error())
	case timeout(err):
		l.find("resolve-timeout", err.Error())
	default:
		l.find("resolve-failed", err.Error())
	}
}

func texts(addrs []netip.Addr) (out []string) {
	for _, a := range addrs {
		out = append(out, a.Unmap().String())
	}
	return out
}
