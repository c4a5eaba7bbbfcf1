package dns

import (
	"net/netip"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// Answer is what a question gets. The zero value says that the name exists without such a record (NODATA).
type Answer struct {
	// Addr is the address; the unspecified one stands for that at which the client reaches this machine.
	Addr netip.Addr
	// Code, when not success, is an error.
	Code dnsmessage.RCode
	// Silent questions get no answer at all.
	Silent bool
	// Label is handed to [Options.OnQuery]; its meaning is the caller's.
	Label string
}

// badVersion is the extended code of RFC 6891 §9.
const badVersion dnsmessage.RCode = 16

// question is what a message asks.
type question struct {
	dnsmessage.Question
	id      uint16
	recurse bool
	edns    bool
	version byte
}

// reply gives the answer to a message, or nil when there is to be none.
func (s *Server) reply(msg []byte, transport string, client netip.AddrPort) []byte {
	q, code, ok := parse(msg)
	if !ok {
		return nil
	}
	if code != dnsmessage.RCodeSuccess {
		return s.encode(q, Answer{Code: code})
	}
	a := s.decide(q)
	if a.Addr.IsValid() && a.Addr.IsUnspecified() {
		a.Addr = reachedAt(client)
	}
	if s.opts.OnQuery != nil {
		s.opts.OnQuery(Query{Name: canonical(q.Name.String()), Type: typeName(q.Type), Transport: transport,
			Client: netip.AddrPortFrom(client.Addr().Unmap(), client.Port()), Answer: a.text(q.Type), Label: a.Label})
	}
	if a.Silent {
		return nil
	}
	return s.encode(q, a)
}

// parse reads a question. What is no question at all gets no answer (ok is false), a wrong one gets an error.
func parse(msg []byte) (q question, code dnsmessage.RCode, ok bool) {
	var p dnsmessage.Parser
	h, err := p.Start(msg)
	if err != nil || h.Response {
		return q, 0, false
	}
	q.id, q.recurse = h.ID, h.RecursionDesired
	if h.OpCode != 0 {
		return q, dnsmessage.RCodeNotImplemented, true
	}
	all, err := p.AllQuestions()
	if err != nil || len(all) != 1 {
		return q, dnsmessage.RCodeFormatError, true
	}
	q.Question = all[0]
	if p.SkipAllAnswers() != nil || p.SkipAllAuthorities() != nil || !q.readEDNS(&p) {
		return q, dnsmessage.RCodeFormatError, true
	}
	if q.version != 0 {
		return q, badVersion, true
	}
	return q, dnsmessage.RCodeSuccess, true
}

// readEDNS looks for the OPT record of RFC 6891; two of them are an error.
func (q *question) readEDNS(p *dnsmessage.Parser) bool {
	for {
		h, err := p.AdditionalHeader()
		if err == dnsmessage.ErrSectionDone {
			return true
		}
		if err != nil || p.SkipAdditional() != nil || h.Type == dnsmessage.TypeOPT && q.edns {
			return false
		}
		if h.Type == dnsmessage.TypeOPT {
			q.edns, q.version = true, byte(h.TTL>>16)
		}
	}
}

// decide finds the answer to a question.
func (s *Server) decide(q question) Answer {
	asked := canonical(q.Name.String())
	if q.Class != dnsmessage.ClassINET || asked != s.zone && s.zone != "" && !strings.HasSuffix(asked, "."+s.zone) {
		return Answer{Code: dnsmessage.RCodeRefused}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.names[asked]
	switch {
	case known == nil && (asked == s.zone || asked == s.full("ns")):
		return Answer{}
	case known == nil:
		return Answer{Code: dnsmessage.RCodeNameError}
	case q.Type != dnsmessage.TypeA:
		return known.answer(0)
	}
	known.asked++
	return known.answer(known.asked)
}

// fits tells whether the answer has a record of that type.
func (a Answer) fits(t dnsmessage.Type) bool {
	return t == dnsmessage.TypeA && a.Addr.Is4() || t == dnsmessage.TypeAAAA && a.Addr.Is6()
}

// text is the answer for people.
func (a Answer) text(t dnsmessage.Type) string {
	switch {
	case a.Silent:
		return "nothing"
	case a.Code != dnsmessage.RCodeSuccess:
		return codeName(a.Code)
	case a.fits(t):
		return a.Addr.String()
	}
	return "NODATA"
}

// codeName is the mnemonic of IANA's registry.
func codeName(c dnsmessage.RCode) string {
	switch c {
	case dnsmessage.RCodeNameError:
		return "NXDOMAIN"
	case dnsmessage.RCodeServerFailure:
		return "SERVFAIL"
	case dnsmessage.RCodeRefused:
		return "REFUSED"
	}
	return strings.TrimPrefix(c.String(), "RCode")
}

func typeName(t dnsmessage.Type) string { return strings.TrimPrefix(t.String(), "Type") }

// encode writes the answer to q. It gives nil for a name that cannot be written, which none that was read is.
func (s *Server) encode(q question, a Answer) []byte {
	h := dnsmessage.Header{ID: q.id, Response: true, RecursionDesired: q.recurse, RCode: a.Code & 0xf,
		Authoritative: a.Code == dnsmessage.RCodeSuccess || a.Code == dnsmessage.RCodeNameError}
	b := dnsmessage.NewBuilder(nil, h)
	b.EnableCompression()
	if s.write(&b, q, a) != nil {
		return nil
	}
	msg, err := b.Finish()
	if err != nil {
		return nil
	}
	return msg
}

func (s *Server) write(b *dnsmessage.Builder, q question, a Answer) error {
	if err := b.StartQuestions(); err != nil {
		return err
	}
	if q.Name.Length > 0 {
		if err := b.Question(q.Question); err != nil {
			return err
		}
	}
	if err := s.writeRecords(b, q, a); err != nil || !q.edns {
		return err
	}
	if err := b.StartAdditionals(); err != nil {
		return err
	}
	var h dnsmessage.ResourceHeader
	if err := h.SetEDNS0(MaxMessage, a.Code, false); err != nil {
		return err
	}
	return b.OPTResource(h, dnsmessage.OPTResource{})
}

// writeRecords writes the record that was asked for or, where there is none, the zone's SOA, which says that this absence,
// too, may not be kept (RFC 2308 §3, §5).
func (s *Server) writeRecords(b *dnsmessage.Builder, q question, a Answer) error {
	if a.Code != dnsmessage.RCodeSuccess && a.Code != dnsmessage.RCodeNameError {
		return nil
	}
	if err := b.StartAnswers(); err != nil {
		return err
	}
	h := dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET}
	switch zone := canonical(q.Name.String()) == s.zone; {
	case a.fits(q.Type) && a.Addr.Is4():
		return b.AResource(h, dnsmessage.AResource{A: a.Addr.As4()})
	case a.fits(q.Type):
		return b.AAAAResource(h, dnsmessage.AAAAResource{AAAA: a.Addr.As16()})
	case zone && q.Type == dnsmessage.TypeSOA:
		return s.writeSOA(b, h)
	case zone && q.Type == dnsmessage.TypeNS:
		ns, err := dnsmessage.NewName(s.full("ns") + ".")
		if err != nil {
			return err
		}
		return b.NSResource(h, dnsmessage.NSResource{NS: ns})
	}
	if err := b.StartAuthorities(); err != nil {
		return err
	}
	apex, err := dnsmessage.NewName(s.zone + ".")
	if err != nil {
		return err
	}
	h.Name = apex
	return s.writeSOA(b, h)
}

func (s *Server) writeSOA(b *dnsmessage.Builder, h dnsmessage.ResourceHeader) error {
	ns, err := dnsmessage.NewName(s.full("ns") + ".")
	if err != nil {
		return err
	}
	mbox, err := dnsmessage.NewName(s.full("hostmaster") + ".")
	if err != nil {
		return err
	}
	return b.SOAResource(h, dnsmessage.SOAResource{NS: ns, MBox: mbox, Serial: 1, Refresh: 3600, Retry: 600, Expire: 86400})
}
