package outside

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/upstream/dns"
	"github.com/gatefault/gatefault/upstream/pki"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func visited(t *testing.T, target string, o Options) *Report {
	t.Helper()
	u, err := Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Look(t.Context(), u, catalogue(t), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func ids(r *Report) (out []string) {
	for _, f := range r.Findings {
		out = append(out, f.ID)
	}
	return out
}

// expect asserts the findings and that a scenario remains possible.
func expect(t *testing.T, r *Report, possible string, want ...string) {
	t.Helper()
	if !slices.Equal(ids(r), want) {
		t.Errorf("findings %v, want %v: %+v", ids(r), want, r.Findings)
	}
	if possible != "" && !slices.Contains(r.Scenarios, possible) {
		t.Errorf("%s is not possible any more: %v", possible, r.Scenarios)
	}
	if len(want) > 0 && len(r.Next) == 0 {
		t.Error("there is nothing to look at next")
	}
}

func site(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestAGoodSite(t *testing.T) {
	r := visited(t, site(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }), Options{})
	expect(t, r, "")
	a := r.Visits[0].Answer
	if a.Status != 200 || a.Bytes != 5 || a.End != "complete" || r.Bad() || r.Visits[0].Resolve != nil {
		t.Errorf("%+v", a)
	}
}

// Every known page, served on loopback, is recognised, and what Proxy-Status says narrows it.
func TestServedPages(t *testing.T) {
	all, err := Signatures()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		t.Run(s.ID, func(t *testing.T) {
			r := visited(t, site(t, func(w http.ResponseWriter, _ *http.Request) {
				for name, value := range s.Example.Head {
					w.Header().Set(name, value)
				}
				w.WriteHeader(s.Example.Status)
				_, _ = io.WriteString(w, s.Example.Body)
			}), Options{})
			expect(t, r, "", "page-of-"+s.ID)
			if a := r.Visits[0].Answer; a.MadeBy == nil || a.MadeBy.Product != s.Product || len(r.Causes) == 0 {
				t.Errorf("%+v, causes %v", a, r.Causes)
			}
		})
	}
}

func TestProxyStatusIsHeard(t *testing.T) {
	r := visited(t, site(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Server", "edge")
		w.Header().Set("Proxy-Status", `edge; error=dns_error; details="app.example"`)
		w.WriteHeader(502)
	}), Options{})
	expect(t, r, "dns.nxdomain", "proxy-status")
	if !slices.Equal(r.Causes, []scenarios.Cause{"dns"}) {
		t.Errorf("causes %v", r.Causes)
	}
}

func TestPagesOfNobody(t *testing.T) {
	for status, want := range map[int]string{502: "unknown-502", 503: "unknown-503", 504: "unknown-504", 500: "unknown-5xx", 429: "blocked"} {
		r := visited(t, site(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "our own page", status) }), Options{})
		expect(t, r, "", want)
	}
}

// raw serves what a function does with a connection.
func raw(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { // ends with the listener
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serve(c)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String()
}

// taken reads a request.
func taken(c net.Conn) { _, _ = http.ReadRequest(bufio.NewReader(c)) }

// waits reads until the client goes.
func waits(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

func TestAnswersThatAreNone(t *testing.T) {
	const short = 100 * time.Millisecond
	for name, c := range map[string]struct {
		serve    func(net.Conn)
		want     string
		possible string
	}{
		"closed":  {taken, "closed", "conn.race"},
		"waiting": {waits, "no-answer", "head.slow"},
		"garbage": {func(c net.Conn) { taken(c); _, _ = io.WriteString(c, "SSH-2.0-OpenSSH_9.2\r\n") }, "garbage", "head.garbage"},
		"cut": {func(c net.Conn) {
			taken(c)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
		}, "cut", "body.truncate"},
		"stalled": {func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
			waits(c)
		}, "stalled", "body.stall"},
	} {
		t.Run(name, func(t *testing.T) {
			o := Options{Timeout: short}
			if name == "closed" || name == "garbage" || name == "cut" {
				o.Timeout = 5 * time.Second // on a busy machine
			}
			expect(t, visited(t, "http://"+raw(t, c.serve), o), c.possible, c.want)
		})
	}
}

func TestNothingListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	expect(t, visited(t, "http://"+addr, Options{}), "tcp.refuse", "connect-refused")
}

// zone serves the zone gatefault.test; it is asked instead of the system's server.
func zone(t *testing.T, answer dns.Answer) netip.AddrPort {
	t.Helper()
	s, err := dns.Listen(dns.Options{Zone: "gatefault.test", Address: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	s.Set("shop", func(int) dns.Answer { return answer })
	return s.Addr()
}

func TestNamesAreLookedUp(t *testing.T) {
	at := zone(t, dns.Answer{Addr: netip.MustParseAddr("127.0.0.1")})
	target := strings.Replace(site(t, func(http.ResponseWriter, *http.Request) {}), "127.0.0.1", "shop.gatefault.test", 1)
	r := visited(t, target, Options{Server: at})
	expect(t, r, "")
	n := r.Visits[0].Resolve
	if !slices.Equal(n.A, []string{"127.0.0.1"}) || len(n.AAAA) > 0 || len(n.Servers) == 0 {
		t.Errorf("%+v", n)
	}
	expect(t, visited(t, "http://other.gatefault.test", Options{Server: at}), "dns.nxdomain", "resolve-not-found")
	expect(t, visited(t, "http://elsewhere.test", Options{Server: at}), "dns.refused", "resolve-failed")
}

func TestANameServerThatIsSilent(t *testing.T) {
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r := visited(t, "http://shop.gatefault.test", Options{Server: c.LocalAddr().(*net.UDPAddr).AddrPort(), Timeout: 200 * time.Millisecond})
	expect(t, r, "dns.timeout", "resolve-timeout")
}

func TestCertificates(t *testing.T) {
	authority, err := pki.New(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	at := zone(t, dns.Answer{Addr: netip.MustParseAddr("127.0.0.1")})
	for kind, c := range map[pki.Kind]struct {
		want     []string
		possible string
	}{
		pki.Good:        {nil, ""},
		pki.Expired:     {[]string{"tls-expired"}, "tls.expired"},
		pki.NotYetValid: {[]string{"tls-not-yet"}, "tls.not-yet-valid"},
		pki.WrongName:   {[]string{"tls-name"}, "tls.wrong-name"},
		pki.SelfSigned:  {[]string{"tls-untrusted"}, "tls.self-signed"},
		pki.UnknownCA:   {[]string{"tls-untrusted"}, "tls.unknown-ca"},
	} {
		t.Run(string(kind), func(t *testing.T) {
			cert, err := authority.Certificate(kind, netip.MustParseAddr("127.0.0.1"), "shop.gatefault.test")
			if err != nil {
				t.Fatal(err)
			}
			s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			s.TLS = &tls.Config{Certificates: []tls.Certificate{*cert}}
			s.StartTLS()
			defer s.Close()
			_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
			r := visited(t, "https://shop.gatefault.test:"+port, Options{Server: at, Roots: authority.PEM()})
			r.Findings = slices.DeleteFunc(r.Findings, func(f Finding) bool { return f.ID == "tls-expires" }) // made for a run
			expect(t, r, c.possible, c.want...)
			if a := r.Visits[0].Answer; a == nil || a.Status != 200 || len(r.Visits[0].TLS.Chain) == 0 {
				t.Errorf("the look ended at the certificate: %+v", r.Visits[0])
			}
		})
	}
}

func TestPlainHTTPWhereTLSIsAsked(t *testing.T) {
	target := strings.Replace(site(t, func(http.ResponseWriter, *http.Request) {}), "http:", "https:", 1)
	expect(t, visited(t, target, Options{}), "tls.plaintext", "tls-failed")
}

func TestRedirects(t *testing.T) {
	asked := 0
	target := site(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		switch r.URL.Path {
		case "/a":
			http.Redirect(w, r, "/b", http.StatusFound)
		case "/b":
			http.Redirect(w, r, "/a", http.StatusFound)
		default:
			http.Redirect(w, r, fmt.Sprintf("/on/%d", asked), http.StatusFound)
		}
	})
	expect(t, visited(t, target+"/a", Options{Follow: 5}), "config.http-to-https", "redirect-loop")
	asked = 0
	if r := visited(t, target+"/a", Options{}); asked != 1 || r.Visits[0].Answer.Location != "/b" {
		t.Errorf("asked %d times: %+v", asked, r.Visits)
	}
	asked = 0
	if r := visited(t, target+"/on", Options{Follow: 3}); asked != 4 || len(r.Visits) != 4 {
		t.Errorf("asked %d times", asked)
	}
}

// A body without end is not read to its end.
func TestReadsInBounds(t *testing.T) {
	r := visited(t, site(t, func(w http.ResponseWriter, _ *http.Request) {
		for line := strings.Repeat("x", 1<<10); ; {
			if _, err := io.WriteString(w, line); err != nil {
				return
			}
		}
	}), Options{})
	if a := r.Visits[0].Answer; a.End != "limit" || a.Bytes > maxBody {
		t.Errorf("%+v", a)
	}
}

func TestEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	u, err := url.Parse("http://" + raw(t, func(c net.Conn) { cancel(); waits(c) }))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Look(ctx, u, catalogue(t), Options{}); err == nil {
		t.Error("it goes on")
	}
}

func TestURLs(t *testing.T) {
	for text, want := range map[string]string{"shop.example": "https://shop.example", "http://x:8080/a?b": "http://x:8080/a?b", "ftp://x": "", "https://": "", "http://%": ""} {
		u, err := Parse(text)
		if (err != nil) != (want == "") || err == nil && u.String() != want {
			t.Errorf("%s: %v, %v", text, u, err)
		}
	}
}
