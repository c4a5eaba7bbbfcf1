package upstream

import (
	"bufio"
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/gatefault/gatefault/upstream/fault"
	"github.com/gatefault/gatefault/upstream/pki"
	"github.com/gatefault/gatefault/upstream/wire"
)

// OverTLS is HTTP/1.1 over TLS.
const OverTLS Protocol = "tls"

// serveTLS does the handshake, unless a fault's script did, and serves requests.
func (c *conn) serveTLS() *wire.Ended {
	if c.isPlain() {
		return c.refusePlain()
	}
	if _, done := c.net.(secured); !done {
		if err := c.handshake(wire.TLS{Certificate: pki.Good}, func() {}); err != nil {
			return c.ended(err)
		}
	}
	return c.serveHTTP1()
}

// isPlain tells whether the peer's first byte is none of TLS.
func (c *conn) isPlain() bool {
	if _, done := c.net.(secured); done {
		return false
	}
	first, err := c.r.Peek(1)
	return err == nil && first[0] != recordHandshake
}

// refusePlain answers plain HTTP on the TLS port in the words of nginx (ngx_http_error_497_page).
func (c *conn) refusePlain() *wire.Ended {
	const said = "The plain HTTP request was sent to HTTPS port"
	var q request
	if err := c.readHead(&q); err != nil {
		return c.badRequest(err)
	}
	q.spoiled = true
	if r := c.ep.plan.Load().decide(fault.Request, c.seq, c.n, &q); r != nil {
		c.journalRequest(&q, &Event{Fault: r.fault.Name, Rule: r.number, Detail: said})
		return c.inject(r, &q)
	}
	err := c.respond(&q, http.StatusBadRequest, said+"\n")
	c.journalRequest(&q, &Event{Status: http.StatusBadRequest, Bytes: int64(len(c.out)), Detail: said})
	return c.answered(&q, err)
}

// secured is a TLS connection whose half-close reaches TCP.
type secured struct {
	*tls.Conn
	tcp socket
}

// NetConn is the TCP connection below.
func (s secured) NetConn() net.Conn { return s.tcp }

// CloseWrite sends close_notify and FIN.
func (s secured) CloseWrite() error { return errors.Join(s.Conn.CloseWrite(), s.tcp.CloseWrite()) }

// underTLS is the connection as crypto/tls sees it: it reads what the reader holds before it reads on.
type underTLS struct {
	socket
	r     *bufio.Reader
	think time.Duration // pause before each flight of the peer is read
	last  []byte        // the end of what was read
}

func (u *underTLS) Read(p []byte) (int, error) {
	if u.think > 0 && u.r.Buffered() == 0 {
		if _, err := u.r.Peek(1); err != nil {
			return 0, err
		}
		time.Sleep(u.think)
	}
	n, err := u.r.Read(p)
	u.last = append(u.last[:0], p[max(0, n-plainAlert):n]...)
	return n, err
}

// plainAlert is the size of the record of an alert in the clear.
const plainAlert = recordHeader + 2

// alert gives the words of an alert in the clear that was read last, or "". OpenSSL sends one so when it refuses a
// certificate of TLS 1.3, which crypto/tls, that awaits it encrypted, takes for a record with a bad MAC.
func (u *underTLS) alert() string {
	if len(u.last) < plainAlert || u.last[0] != recordAlert || u.last[3] != 0 || u.last[4] != 2 {
		return ""
	}
	return tls.AlertError(u.last[recordHeader+1]).Error()
}

// handshake does a TLS handshake and journals how it ended; presenting is called when the certificate is about to be
// sent. An error is a [*wire.Ended]: the connection is over.
func (c *conn) handshake(how wire.TLS, presenting func()) error {
	if _, done := c.net.(secured); done {
		return errors.New("the connection is one of TLS already; a handshake must be the first thing on it")
	}
	if err := c.readHello(); err != nil {
		return err
	}
	if how.Demand == wire.OldVersion && !offersOld(c.hello) {
		return c.answerOld(presenting)
	}
	config, err := c.tlsConfig(how, presenting)
	if err != nil {
		return err
	}
	under := &underTLS{socket: c.tcp, r: c.r}
	if how.Demand == wire.ClientCert {
		under.think = clientCertTime
	}
	over := tls.Server(under, config)
	if err := over.HandshakeContext(c.ctx); err != nil {
		return c.handshakeFailed(how, err, cmp.Or(alertOf(err), under.alert()))
	}
	under.think = 0
	c.net = secured{over, c.tcp}
	c.r = bufio.NewReaderSize(c.net, readBuffer)
	c.journal(Event{Kind: Handshake, How: handshakeComplete, Detail: fmt.Sprintf("certificate %s, %s", how, tls.VersionName(over.ConnectionState().Version))})
	return nil
}

// tlsConfig is made for each handshake anew. There are no session tickets: a resumed session shows no certificate, so a
// gateway with a session of a healthy minute would not notice that the certificate is another (RFC 8446 §2.2).
func (c *conn) tlsConfig(how wire.TLS, presenting func()) (*tls.Config, error) {
	authority, err := c.ep.up.ca()
	if err != nil {
		return nil, err
	}
	leaf, err := authority.Certificate(how.Certificate, c.tcp.LocalAddr().(*net.TCPAddr).AddrPort().Addr().WithZone(""), c.ep.names...)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{SessionTicketsDisabled: true, NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			presenting()
			return leaf, nil
		}}
	switch how.Demand {
	case wire.ClientCert:
		config.ClientAuth = tls.RequireAnyClientCert
	case wire.OldVersion:
		config.MinVersion, config.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	}
	return config, nil
}

// handshakeComplete and handshakeAlert are how a handshake ends besides the ways of a connection.
const (
	handshakeComplete = "complete"
	handshakeAlert    = "alert"
)

// clientCertTime is what a server takes to look for the client's certificate. In TLS 1.3 a client is done with the
// handshake before the server has seen that there is none, so its request is under way when the alert comes.
const clientCertTime = 50 * time.Millisecond

// handshakeFailed journals why and by whom a handshake ended, and closes. alert is the peer's, if it sent one.
func (c *conn) handshakeFailed(how wire.TLS, err error, alert string) error {
	e := Event{Kind: Handshake, By: "us", How: handshakeAlert, Detail: fmt.Sprintf("certificate %s: %v", how, err)}
	end := c.ended(err)
	switch {
	case alert != "":
		end = &wire.Ended{By: "peer", How: wire.FIN}
		e.By, e.Detail = "peer", fmt.Sprintf("certificate %s; alert of the peer: %s", how, alert)
	case end.By == "peer", end.How != wire.Aborted, c.ctx.Err() != nil:
		e.By, e.How = end.By, string(end.How)
	default:
		end = &wire.Ended{By: "us", How: wire.FIN}
	}
	c.journal(e)
	if c.ctx.Err() == nil {
		wire.CloseGently(c.ctx, c.tcp) // else a RST could overtake our alert
	}
	return end
}

// alertOf gives the words of the alert that the peer sent, or "".
func alertOf(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" { // what crypto/tls makes of an alert
		return op.Err.Error()
	}
	return ""
}

// CA gives the certificate of the authority that signs the upstream's good certificates, in PEM. It lives as long as the
// upstream.
func (u *Upstream) CA() ([]byte, error) {
	authority, err := u.ca()
	if err != nil {
		return nil, err
	}
	return authority.PEM(), nil
}
