package dns

import (
	"net/netip"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// Whatever comes, the server does not fall over, answers within 512 bytes with the id of the question, and never answers an
// answer.
func FuzzReply(f *testing.F) {
	s := &Server{zone: "gatefault.test", names: map[string]*name{"app.gatefault.test": {answer: func(int) Answer {
		return Answer{Addr: netip.AddrFrom4([4]byte{192, 0, 2, 7})}
	}}}}
	for _, q := range []string{"app.gatefault.test.", "gatefault.test.", "nobody.gatefault.test.", "example.org.", "."} {
		m := dnsmessage.Message{Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(q), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}}}
		b, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)-3])
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, msg []byte) {
		reply := s.reply(msg, "udp", netip.MustParseAddrPort("127.0.0.1:53535"))
		if reply == nil {
			return
		}
		var m dnsmessage.Message
		if err := m.Unpack(reply); err != nil {
			t.Fatal(err)
		}
		if len(reply) > 512 || !m.Response || reply[0] != msg[0] || reply[1] != msg[1] || msg[2]&0x80 != 0 {
			t.Fatalf("%d bytes, %+v", len(reply), m.Header)
		}
	})
}
