package probe

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gatefault/gatefault/upstream/pki"
)

// over is what a TLS server does with one connection; raw is what lies below. When it returns, raw is closed.
type over func(c *tls.Conn, raw *net.TCPConn)

// tlsServer runs s for every connection.
func tlsServer(t *testing.T, config *tls.Config, s over) string {
	t.Helper()
	authority, err := pki.New(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := authority.Certificate(pki.Expired, netip.MustParseAddr("127.0.0.1")) // nothing is verified
	if err != nil {
		t.Fatal(err)
	}
	config.Certificates = []tls.Certificate{*leaf}
	return server(t, func(_ *testing.T, c *net.TCPConn) { s(tls.Server(c, config), c) })
}

// say answers a request with text and goes on as then does.
func say(text string, then over) over {
	return func(c *tls.Conn, raw *net.TCPConn) {
		readHead(c)
		_, _ = io.WriteString(c, text)
		then(c, raw)
	}
}

// early does without a handshake: it sends text in the clear after the ClientHello.
func early(text string, then over) over {
	return func(c *tls.Conn, raw *net.TCPConn) {
		head := make([]byte, 5)
		_, _ = io.ReadFull(raw, head)
		_, _ = io.CopyN(io.Discard, raw, int64(head[3])<<8|int64(head[4]))
		_, _ = io.WriteString(raw, text)
		then(c, raw)
	}
}

// Ways to end a connection.
func fin(*tls.Conn, *net.TCPConn)        {}                           // without close_notify
func notify(c *tls.Conn, _ *net.TCPConn) { _ = c.CloseWrite() }       // close_notify, then FIN
func rst(_ *tls.Conn, raw *net.TCPConn)  { _ = raw.SetLinger(0) }     //
func hang(_ *tls.Conn, raw *net.TCPConn) { io.Copy(io.Discard, raw) } // until the client closes

// below sends text past TLS.
func below(text string) over {
	return func(_ *tls.Conn, raw *net.TCPConn) { _, _ = io.WriteString(raw, text) }
}

const (
	halfRecord = "\x17\x03\x03\x00\xffabc" // RFC 8446 section 5.1
	halfFlight = "\x16\x03\x03\x00\xffabc"
	alert      = "\x15\x03\x03\x00\x02\x02\x28" // handshake_failure
)

func TestOutcomesOverTLS(t *testing.T) {
	for name, c := range map[string]struct {
		server over
		want   Outcome
		end    End
	}{
		"whole":                      {say(good, hang), Outcome{Complete, 200}, EndComplete},
		"whole, then RST":            {say(good, rst), Outcome{Complete, 200}, EndComplete},
		"up to close_notify":         {say(endless, notify), Outcome{Complete, 200}, EndFIN},
		"up to FIN":                  {say(endless, fin), Outcome{Truncated, 200}, EndFIN},
		"up to RST":                  {say(endless, rst), Outcome{Truncated, 200}, EndReset},
		"up to FIN in a record":      {say(endless, below(halfRecord)), Outcome{Truncated, 200}, EndFIN},
		"chunked, whole":             {say(chunked+"0\r\n\r\n", fin), Outcome{Complete, 200}, EndComplete},
		"chunked, close_notify":      {say(chunked, notify), Outcome{Truncated, 200}, EndFIN},
		"chunked, FIN":               {say(chunked, fin), Outcome{Truncated, 200}, EndFIN},
		"length, close_notify":       {say(short, notify), Outcome{Truncated, 200}, EndFIN},
		"length, FIN":                {say(short, fin), Outcome{Truncated, 200}, EndFIN},
		"length, RST":                {say(short, rst), Outcome{Truncated, 200}, EndReset},
		"length, hang":               {say(short, hang), Outcome{Hang, 200}, EndTimeout},
		"head, FIN":                  {say(halfHead, fin), Outcome{Truncated, 200}, EndFIN},
		"head, RST":                  {say(halfHead, rst), Outcome{Truncated, 200}, EndReset},
		"status line, FIN":           {say("HTTP/1.1 2", fin), Outcome{Kind: Raw}, EndFIN},
		"nothing, close_notify":      {say("", notify), Outcome{Kind: Closed}, EndFIN},
		"nothing, FIN":               {say("", fin), Outcome{Kind: Closed}, EndFIN},
		"nothing, RST":               {say("", rst), Outcome{Kind: Reset}, EndReset},
		"nothing, hang":              {say("", hang), Outcome{Kind: Hang}, EndTimeout},
		"no HTTP":                    {say("what", fin), Outcome{Kind: Raw}, EndFIN},
		"no TLS in place of it":      {say("", below(good)), Outcome{Kind: Raw}, EndMalformed},
		"no TLS in a body":           {say(short, below(good)), Outcome{Truncated, 200}, EndMalformed},
		"handshake: FIN":             {early("", fin), Outcome{Kind: Closed}, EndFIN},
		"handshake: RST":             {early("", rst), Outcome{Kind: Reset}, EndReset},
		"handshake: hang":            {early("", hang), Outcome{Kind: Hang}, EndTimeout},
		"handshake: FIN in a flight": {early(halfFlight, fin), Outcome{Kind: Closed}, EndFIN},
		"handshake: RST in a flight": {early(halfFlight, rst), Outcome{Kind: Reset}, EndReset},
		"handshake: no TLS":          {early("HTTP/1.1 400 Bad Request\r\n\r\n", fin), Outcome{Kind: Failed}, EndHandshake},
		"handshake: alert":           {early(alert, fin), Outcome{Kind: Failed}, EndHandshake},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr := tlsServer(t, &tls.Config{}, c.server)
			ex := Do(t.Context(), addr, Request{}, Options{Patience: 2 * time.Second, TLS: &TLSOptions{}})
			if got := ex.Outcome(); got != c.want || ex.End != c.end {
				t.Errorf("outcome %+v, end %s, want %+v, %s; malformed %q, err %v", got, ex.End, c.want, c.end, ex.Malformed, ex.Err)
			}
			if failed := strings.HasPrefix(name, "handshake: "); failed != (ex.Secured == 0) || (ex.End == EndHandshake) != (ex.Err != nil) {
				t.Errorf("secured after %v, err %v", ex.Secured, ex.Err)
			}
		})
	}
}

// A server that wants a certificate of TLS 1.3 says so after the client's side of the handshake.
func TestAlertAfterTheHandshake(t *testing.T) {
	addr := tlsServer(t, &tls.Config{ClientAuth: tls.RequireAnyClientCert}, say(good, fin))
	ex := Do(t.Context(), addr, Request{}, Options{TLS: &TLSOptions{}})
	if ex.End != EndAlert || ex.Outcome().Kind != Closed || ex.Err == nil || !strings.Contains(ex.Err.Error(), "certificate required") {
		t.Errorf("%s, %+v, %v", ex.End, ex.Outcome(), ex.Err)
	}
}

func TestWhatTheHandshakeAsksFor(t *testing.T) {
	for _, c := range []struct {
		server     *tls.Config
		name, want string
		end        End
	}{
		{&tls.Config{}, "shop.example.org", "shop.example.org", EndComplete},
		{&tls.Config{}, "", "", EndComplete},
		{&tls.Config{}, "127.0.0.1", "", EndComplete},
		{&tls.Config{MaxVersion: tls.VersionTLS12}, "a", "a", EndComplete},
		{&tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}, "a", "a", EndHandshake},
		{&tls.Config{NextProtos: []string{"h2", "http/1.1"}}, "a", "a", EndComplete},
		{&tls.Config{NextProtos: []string{"acme-tls/1"}}, "a", "a", EndHandshake},
	} {
		asked := make(chan string, 1)
		c.server.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			asked <- hello.ServerName + "|" + strings.Join(hello.SupportedProtos, ",")
			return nil, nil
		}
		ex := Do(t.Context(), tlsServer(t, c.server, say(good, fin)), Request{}, Options{TLS: &TLSOptions{ServerName: c.name}})
		if got := <-asked; ex.End != c.end || got != c.want+"|http/1.1" {
			t.Errorf("%s: %s, asked for %s; %v", c.name, ex.End, got, ex.Err)
		}
	}
}

func TestRecordsWhatTLSCarried(t *testing.T) {
	const pause = 60 * time.Millisecond
	addr := tlsServer(t, &tls.Config{}, func(c *tls.Conn, _ *net.TCPConn) {
		for readHead(c) != "" {
			_, _ = io.WriteString(c, good[:20])
			time.Sleep(pause) // the pace is what is tested
			_, _ = io.WriteString(c, good[20:])
		}
	})
	conn, err := Dial(t.Context(), addr, Options{TLS: &TLSOptions{}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		ex := conn.Do(t.Context(), Request{})
		if string(ex.Bytes()) != good || len(ex.Chunks) != 2 || ex.Chunks[1].At-ex.Chunks[0].At < pause/2 {
			t.Errorf("chunks %+v, %s", ex.Chunks, ex.End)
		}
		if first := i == 0; first != (ex.Secured > ex.Dialed) || ex.Sent < ex.Secured || ex.FirstByte < ex.Secured || ex.Done < ex.FirstByte {
			t.Errorf("dialed %v, secured %v, sent %v, first byte %v, done %v", ex.Dialed, ex.Secured, ex.Sent, ex.FirstByte, ex.Done)
		}
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}

func TestTheProbeSaysGoodbye(t *testing.T) {
	ended := make(chan error, 1)
	addr := tlsServer(t, &tls.Config{}, func(c *tls.Conn, raw *net.TCPConn) {
		readHead(c)
		_, _ = io.WriteString(c, good)
		_, err := c.Read(make([]byte, 1))
		if _, rest := raw.Read(make([]byte, 1)); err == io.EOF && rest != io.EOF {
			err = rest
		}
		ended <- err
	})
	Do(t.Context(), addr, Request{}, Options{TLS: &TLSOptions{}})
	if err := <-ended; err != io.EOF {
		t.Error(err)
	}
}

// A peer that reads no more must not hold the probe up.
func TestGoodbyeToWhoDoesNotListen(t *testing.T) {
	addr := tlsServer(t, &tls.Config{}, func(c *tls.Conn, _ *net.TCPConn) {
		readHead(c)
		<-t.Context().Done() // reads no more: the request cannot be sent whole
	})
	start := time.Now()
	ex := Do(t.Context(), addr, Request{Method: http.MethodPost, Body: make([]byte, 32<<20)}, Options{Patience: 2 * time.Second, TLS: &TLSOptions{}})
	if ex.End != EndTimeout || ex.Sent != 0 || time.Since(start) > 6*time.Second {
		t.Errorf("%s, sent after %v; closing took until %v", ex.End, ex.Sent, time.Since(start))
	}
}

func TestRedirect(t *testing.T) {
	for head, want := range map[string]string{
		"301 Moved Permanently\r\nLocation: https://shop.example.org/x?y": "https://shop.example.org/x?y",
		"308 Permanent Redirect\r\nLocation: /login":                      "/login",
		"302 Found":                                    "",
		"304 Not Modified\r\nLocation: /x":             "",
		"201 Created\r\nLocation: /x":                  "",
		"307 Temporary Redirect\r\nLocation: http://[": "",
	} {
		ex := Do(t.Context(), server(t, answer("HTTP/1.1 "+head+"\r\nContent-Length: 0\r\n\r\n")), Request{}, Options{})
		if to := ex.Redirect(); (to == nil) != (want == "") || to != nil && to.String() != want {
			t.Errorf("%q leads to %v, want %q", head, to, want)
		}
	}
}
