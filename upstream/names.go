package upstream

import (
	"errors"
	"fmt"
	"hash/fnv"
	"net/netip"
	"strings"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/gatefault/gatefault/upstream/dns"
	"github.com/gatefault/gatefault/upstream/fault"
)

// Zone is the domain in which every endpoint has a name. Nobody else can own it: .test is reserved (RFC 6761 §6.2).
const Zone = "gatefault.test"

func (u *Upstream) openNameServer() {
	if u.opts.NameServer == "" {
		u.nsErr = errors.New("this upstream has no name server; start it with one: gatefault upstream --dns 127.0.0.1:9553")
		return
	}
	u.names, u.nsErr = dns.Listen(dns.Options{Zone: Zone, Address: u.opts.NameServer, OnQuery: u.journalQuery, Log: u.log})
}

// NameServer is where the name server listens, or the zero value when there is none.
func (u *Upstream) NameServer() netip.AddrPort {
	if u.names == nil {
		return netip.AddrPort{}
	}
	return u.names.Addr()
}

func (u *Upstream) journalQuery(q dns.Query) {
	label, _, _ := strings.Cut(q.Name, ".")
	id := ""
	u.mu.Lock()
	if ep := u.labels[label]; ep != nil && q.Name == ep.Domain() {
		id = ep.id
	}
	u.mu.Unlock()
	u.journal.Add(Event{Kind: Queried, Endpoint: id, Remote: q.Client.String(), Name: clip(q.Name, maxDetail), Type: q.Type, Answer: q.Answer,
		How: q.Transport, Fault: q.Label})
}

// christen gives an endpoint its name; the caller holds mu.
func (u *Upstream) christen(ep *Endpoint) {
	if u.names == nil {
		return
	}
	ep.label = labelOf(ep.id)
	if u.labels[ep.label] != nil {
		h := fnv.New32a()
		h.Write([]byte(ep.id))
		ep.label = fmt.Sprintf("%s-%08x", ep.label[:min(len(ep.label), maxLabel-9)], h.Sum32())
	}
	u.labels[ep.label] = ep
	u.names.Set(ep.label, ep.truth())
}

// unname takes the endpoint's name out of the zone; the caller holds mu.
func (u *Upstream) unname(ep *Endpoint) {
	if u.labels[ep.label] == ep {
		delete(u.labels, ep.label)
		u.names.Remove(ep.label)
	}
}

// maxLabel is how long one label of a name can be, in bytes (RFC 1035 §2.3.4).
const maxLabel = 63

// labelOf makes a label of a host name (RFC 1123 §2.1) of an endpoint's name: small letters, digits and hyphens.
func labelOf(id string) string {
	label := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, id)
	label = strings.Trim(label[:min(len(label), maxLabel)], "-")
	if label == "" {
		return "endpoint"
	}
	return label
}

// Domain is the endpoint's name, or empty when the upstream has no name server.
func (ep *Endpoint) Domain() string {
	if ep.label == "" {
		return ""
	}
	return ep.label + "." + Zone
}

// right is the true answer.
func (ep *Endpoint) right() dns.Answer { return dns.Answer{Addr: ep.addr.Addr().Unmap()} }

func (ep *Endpoint) truth() func(int) dns.Answer {
	right := ep.right()
	return func(int) dns.Answer { return right }
}

// lie makes what the name server says instead of the right answer to the n-th question, from 1.
type lie func(v fault.Values, right, old dns.Answer) func(n int) dns.Answer

var lies = map[fault.Arming]lie{
	fault.SayNXDomain: always(dns.Answer{Code: dnsmessage.RCodeNameError}),
	fault.SayServFail: always(dns.Answer{Code: dnsmessage.RCodeServerFailure}),
	fault.SayRefused:  always(dns.Answer{Code: dnsmessage.RCodeRefused}),
	fault.SayNoData:   always(dns.Answer{}),
	fault.SayNothing:  always(dns.Answer{Silent: true}),
	fault.SayOld:      sayOld,
	fault.SayTaken:    sayOld,
	fault.SaySplit: func(v fault.Values, right, old dns.Answer) func(int) dns.Answer {
		servers := v.Int("servers")
		return func(n int) dns.Answer {
			if n%servers == 1 {
				return old
			}
			return right
		}
	},
	fault.SayFlap: func(v fault.Values, right, _ dns.Answer) func(int) dns.Answer {
		wrong, period := v.Int("wrong"), v.Int("wrong")+v.Int("right")
		return func(n int) dns.Answer {
			if n > 0 && (n-1)%period < wrong {
				return dns.Answer{Code: dnsmessage.RCodeNameError}
			}
			return right
		}
	},
}

func always(a dns.Answer) lie {
	return func(fault.Values, dns.Answer, dns.Answer) func(int) dns.Answer {
		return func(int) dns.Answer { return a }
	}
}

func sayOld(_ fault.Values, _, old dns.Answer) func(int) dns.Answer {
	return func(int) dns.Answer { return old }
}

// armName makes the name server lie about the endpoint.
func (ep *Endpoint) armName(r *rule, l lie) (func() error, error) {
	vals, err := r.fault.Values(r.Params)
	if err != nil {
		return nil, err
	}
	var old dns.Answer
	undoOld := func() error { return nil }
	if r.fault.Needing(fault.OldAddress) {
		if old.Addr, undoOld, err = ep.takeOld(r.fault.Arm == fault.SayTaken); err != nil {
			return nil, err
		}
	}
	ep.up.names.Set(ep.label, labelled(r.fault.Name, ep.right(), l(vals, ep.right(), old)))
	return func() error {
		ep.up.names.Set(ep.label, ep.truth())
		return undoOld()
	}, nil
}

// labelled names the fault in each wrong answer. To a question for another record than an IPv4 address NODATA is right.
func labelled(name string, right dns.Answer, answer func(int) dns.Answer) func(int) dns.Answer {
	return func(n int) dns.Answer {
		a := answer(n)
		if n == 0 && !a.Silent && a.Code == dnsmessage.RCodeSuccess {
			return right
		}
		if a != right {
			a.Label = name
		}
		return a
	}
}
