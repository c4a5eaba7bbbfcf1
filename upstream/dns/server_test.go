package dns_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/gatefault/gatefault/upstream/dns"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var right = netip.MustParseAddr("192.0.2.7")

// log collects what the server was asked.
type log struct {
	mu  sync.Mutex
	all []dns.Query
}

func (l *log) add(q dns.Query) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, q)
}

func (l *log) take() []dns.Query {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.all)
}

func start(t *testing.T) (*dns.Server, *log) {
	t.Helper()
	var l log
	s, err := dns.Listen(dns.Options{Zone: "Gatefault.Test.", Address: "127.0.0.1:0", OnQuery: l.add})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	s.Set("app", func(int) dns.Answer { return dns.Answer{Addr: right} })
	return s, &l
}

// resolver asks the server as Go programs do.
func resolver(s *dns.Server, network string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, s.Addr().String())
		if err == nil {
			context.AfterFunc(ctx, func() { _ = c.Close() }) // Go's resolver awaits its own timeout otherwise
		}
		return c, err
	}}
}

func TestAnswersWithTheAddressOverBothTransports(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		s, l := start(t)
		got, err := resolver(s, network).LookupNetIP(t.Context(), "ip", "APP.gatefault.test.")
		if err != nil || len(got) != 1 || got[0].Unmap() != right {
			t.Fatalf("%s: got %v, %v", network, got, err)
		}
		asked := l.take()
		slices.SortFunc(asked, func(a, b dns.Query) int { return len(a.Type) - len(b.Type) })
		if len(asked) != 2 || asked[0].Type != "A" || asked[0].Answer != "192.0.2.7" || asked[0].Transport != network ||
			asked[0].Name != "app.gatefault.test" || asked[1].Type != "AAAA" || asked[1].Answer != "NODATA" {
			t.Errorf("%s: journal %+v", network, asked)
		}
	}
}

func TestUnspecifiedAddressIsThatOfThisMachine(t *testing.T) {
	s, _ := start(t)
	s.Set("any", func(int) dns.Answer { return dns.Answer{Addr: netip.IPv4Unspecified()} })
	got, err := resolver(s, "udp").LookupNetIP(t.Context(), "ip4", "any.gatefault.test.")
	if err != nil || len(got) != 1 || got[0] != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestErrorsAsTheClientSeesThem(t *testing.T) {
	s, _ := start(t)
	for _, c := range []struct {
		name   string
		answer dns.Answer
		absent bool
		text   string
	}{
		{"nxdomain", dns.Answer{Code: dnsmessage.RCodeNameError}, true, "no such host"},
		{"nodata", dns.Answer{}, true, "no such host"},
		{"servfail", dns.Answer{Code: dnsmessage.RCodeServerFailure}, false, "server misbehaving"},
		{"refused", dns.Answer{Code: dnsmessage.RCodeRefused}, false, "server misbehaving"},
	} {
		s.Set(c.name, func(int) dns.Answer { return c.answer })
		_, err := resolver(s, "udp").LookupNetIP(t.Context(), "ip4", c.name+".gatefault.test.")
		var failed *net.DNSError
		if !errors.As(err, &failed) || failed.IsNotFound != c.absent || failed.Err != c.text {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
	for _, name := range []string{"nobody.gatefault.test.", "deep.app.gatefault.test."} {
		if _, err := resolver(s, "udp").LookupNetIP(t.Context(), "ip4", name); !isNotFound(err) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func isNotFound(err error) bool {
	var failed *net.DNSError
	return errors.As(err, &failed) && failed.IsNotFound
}

func TestSilenceIsJournaledAndNeverAnswered(t *testing.T) {
	s, l := start(t)
	s.Set("app", func(int) dns.Answer { return dns.Answer{Silent: true, Label: "hush"} })
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := resolver(s, "udp").LookupNetIP(ctx, "ip4", "app.gatefault.test.")
	var failed *net.DNSError
	if !errors.As(err, &failed) || !failed.IsTimeout {
		t.Errorf("got %v", err)
	}
	if asked := l.take(); len(asked) == 0 || asked[0].Answer != "nothing" || asked[0].Label != "hush" {
		t.Errorf("journal %+v", asked)
	}
}

func TestQuestionsForAnAddressAreCountedFromSet(t *testing.T) {
	s, _ := start(t)
	var numbers []int
	s.Set("app", func(n int) dns.Answer { numbers = append(numbers, n); return dns.Answer{} })
	for _, typ := range []dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeAAAA, dnsmessage.TypeA, dnsmessage.TypeTXT} {
		ask(t, s, "app.gatefault.test.", typ)
	}
	s.Remove("app")
	if !slices.Equal(numbers, []int{1, 0, 2, 0}) {
		t.Errorf("numbers %v", numbers)
	}
	if m := ask(t, s, "app.gatefault.test.", dnsmessage.TypeA); m.RCode != dnsmessage.RCodeNameError {
		t.Errorf("after removal: %v", m.RCode)
	}
}

func TestNoAnswerMayBeKept(t *testing.T) {
	s, _ := start(t)
	m := ask(t, s, "app.gatefault.test.", dnsmessage.TypeA)
	if len(m.Answers) != 1 || m.Answers[0].Header.TTL != 0 || !m.Authoritative {
		t.Errorf("answer %+v", m)
	}
	m = ask(t, s, "app.gatefault.test.", dnsmessage.TypeAAAA)
	soa, ok := soaOf(m)
	if m.RCode != dnsmessage.RCodeSuccess || len(m.Answers) != 0 || !ok || soa.MinTTL != 0 {
		t.Errorf("NODATA %+v", m)
	}
	m = ask(t, s, "nobody.gatefault.test.", dnsmessage.TypeA)
	if _, ok := soaOf(m); m.RCode != dnsmessage.RCodeNameError || !ok {
		t.Errorf("NXDOMAIN %+v", m)
	}
}

func soaOf(m dnsmessage.Message) (*dnsmessage.SOAResource, bool) {
	if len(m.Authorities) != 1 {
		return nil, false
	}
	soa, ok := m.Authorities[0].Body.(*dnsmessage.SOAResource)
	return soa, ok
}

func TestZoneAndStrangers(t *testing.T) {
	s, _ := start(t)
	if m := ask(t, s, "gatefault.test.", dnsmessage.TypeSOA); len(m.Answers) != 1 || m.Answers[0].Header.Type != dnsmessage.TypeSOA {
		t.Errorf("SOA: %+v", m)
	}
	if m := ask(t, s, "gatefault.test.", dnsmessage.TypeNS); len(m.Answers) != 1 || m.Answers[0].Header.Type != dnsmessage.TypeNS {
		t.Errorf("NS: %+v", m)
	}
	for _, name := range []string{"example.org.", "notgatefault.test.", "."} {
		if m := ask(t, s, name, dnsmessage.TypeA); m.RCode != dnsmessage.RCodeRefused || m.Authoritative {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

// A server for all names stands in for those that know all.
func TestRootZone(t *testing.T) {
	s, err := dns.Listen(dns.Options{Zone: ".", Address: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, name := range []string{"app", "App.Example.org.", "ns"} {
		s.Set(name, func(int) dns.Answer { return dns.Answer{Addr: right} })
	}
	for name, want := range map[string]dnsmessage.RCode{"app.": 0, "app.example.ORG.": 0, "ns.": 0, "other.": dnsmessage.RCodeNameError, "app.other.": dnsmessage.RCodeNameError} {
		if m := ask(t, s, name, dnsmessage.TypeA); m.RCode != want || len(m.Answers) != map[bool]int{true: 1, false: 0}[want == 0] {
			t.Errorf("%s: %+v", name, m)
		}
	}
	if m := ask(t, s, ".", dnsmessage.TypeSOA); len(m.Answers) != 1 {
		t.Errorf("SOA: %+v", m)
	}
	s.Remove("app")
	if m := ask(t, s, "app.", dnsmessage.TypeA); m.RCode != dnsmessage.RCodeNameError {
		t.Errorf("removed: %+v", m)
	}
}

// question packs a message with one question.
func question(t *testing.T, name string, typ dnsmessage.Type, change func(*dnsmessage.Message)) []byte {
	t.Helper()
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: 4711, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: typ, Class: dnsmessage.ClassINET}}}
	if change != nil {
		change(&m)
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func ask(t *testing.T, s *dns.Server, name string, typ dnsmessage.Type) dnsmessage.Message {
	t.Helper()
	return exchange(t, s, question(t, name, typ, nil))
}

// exchange sends a datagram and reads its answer.
func exchange(t *testing.T, s *dns.Server, b []byte) (m dnsmessage.Message) {
	t.Helper()
	c, err := net.Dial("udp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	buf := make([]byte, 4096)
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err = c.Write(b); err != nil {
		t.Fatal(err)
	}
	n, err := c.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Unpack(buf[:n]); err != nil || !m.Response || n > 512 {
		t.Fatalf("answer of %d bytes: %v", n, err)
	}
	return m
}

func TestWrongMessagesGetErrors(t *testing.T) {
	s, _ := start(t)
	opt := func(version uint32) func(*dnsmessage.Message) {
		return func(m *dnsmessage.Message) {
			r := dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName("."), Type: dnsmessage.TypeOPT, Class: 1232, TTL: version << 16},
				Body: &dnsmessage.OPTResource{}}
			m.Additionals = append(m.Additionals, r)
		}
	}
	for _, c := range []struct {
		what   string
		change func(*dnsmessage.Message)
		code   dnsmessage.RCode
		opt    bool
	}{
		{"two questions", func(m *dnsmessage.Message) { m.Questions = append(m.Questions, m.Questions[0]) }, dnsmessage.RCodeFormatError, false},
		{"no question", func(m *dnsmessage.Message) { m.Questions = nil }, dnsmessage.RCodeFormatError, false},
		{"another operation", func(m *dnsmessage.Message) { m.OpCode = 5 }, dnsmessage.RCodeNotImplemented, false},
		{"another class", func(m *dnsmessage.Message) { m.Questions[0].Class = dnsmessage.ClassCHAOS }, dnsmessage.RCodeRefused, false},
		{"EDNS", opt(0), dnsmessage.RCodeSuccess, true},
		{"a later EDNS", opt(1), 0, true}, // 16, of which the header holds the low four bits
		{"EDNS twice", func(m *dnsmessage.Message) { opt(0)(m); opt(0)(m) }, dnsmessage.RCodeFormatError, true},
	} {
		m := exchange(t, s, question(t, "app.gatefault.test.", dnsmessage.TypeA, c.change))
		if m.RCode != c.code || m.ID != 4711 || (len(m.Additionals) == 1) != c.opt {
			t.Errorf("%s: %+v", c.what, m)
		}
		if c.what == "a later EDNS" && m.Additionals[0].Header.ExtendedRCode(m.RCode) != 16 {
			t.Errorf("%s: code %d", c.what, m.Additionals[0].Header.ExtendedRCode(m.RCode))
		}
	}
}

func TestNoiseIsNotAnswered(t *testing.T) {
	s, l := start(t)
	c, err := net.Dial("udp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	answer := question(t, "app.gatefault.test.", dnsmessage.TypeA, func(m *dnsmessage.Message) { m.Response = true })
	for _, noise := range [][]byte{{}, {1}, make([]byte, 11), answer} {
		if _, err := c.Write(noise); err != nil {
			t.Fatal(err)
		}
	}
	// A good question behind them gets the first answer.
	if _, err := c.Write(question(t, "app.gatefault.test.", dnsmessage.TypeA, nil)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	n, err := c.Read(buf)
	var m dnsmessage.Message
	if err != nil || m.Unpack(buf[:n]) != nil || len(m.Answers) != 1 {
		t.Errorf("got %+v, %v", m, err)
	}
	if len(l.take()) != 1 {
		t.Errorf("journal %+v", l.take())
	}
}

func TestTCPConnectionTakesManyQuestionsAndIsBounded(t *testing.T) {
	s, _ := start(t)
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	q := question(t, "app.gatefault.test.", dnsmessage.TypeA, nil)
	framed := append(binary.BigEndian.AppendUint16(nil, uint16(len(q))), q...)
	if _, err := c.Write(slices.Repeat(framed, 3)); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		var size [2]byte
		if _, err := io.ReadFull(c, size[:]); err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(io.Discard, c, int64(binary.BigEndian.Uint16(size[:]))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Write([]byte{0xff, 0xff}); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("after a message that is too long: %d bytes, %v", n, err)
	}
}

func TestConnectionsBeyondTheBoundAreClosed(t *testing.T) {
	s, _ := start(t)
	var held []net.Conn
	defer func() {
		for _, c := range held {
			_ = c.Close()
		}
	}()
	for range dns.MaxConns + 1 {
		c, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, c)
	}
	last := held[dns.MaxConns]
	_ = last.SetDeadline(time.Now().Add(dns.IdleTimeout / 2))
	if _, err := last.Read(make([]byte, 1)); err == nil || errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
		t.Errorf("one connection too many: %v", err)
	}
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

func TestPortInUse(t *testing.T) {
	s, _ := start(t)
	if other, err := dns.Listen(dns.Options{Zone: "x.test", Address: s.Addr().String()}); err == nil {
		_ = other.Close()
		t.Error("two servers on one port")
	}
}
