package upstream

import (
	"crypto/rand"
	"crypto/tls"
	"io"
	"slices"

	"github.com/gatefault/gatefault/upstream/wire"
)

// offersOld tells whether the peer would speak TLS 1.1 or older.
func offersOld(h *tls.ClientHelloInfo) bool {
	return slices.ContainsFunc(h.SupportedVersions, func(v uint16) bool { return v == tls.VersionTLS10 || v == tls.VersionTLS11 })
}

// answerOld does what an old server does with an offer that is all newer: it answers in its own version, TLS 1.0
// (RFC 5246 §E.1), and leaves it to the peer to refuse. crypto/tls would refuse first.
func (c *conn) answerOld(answering func()) error {
	if _, err := c.r.Discard(c.helloSize); err != nil {
		return err
	}
	answering()
	if _, err := c.tcp.Write(oldServerHello(c.hello.CipherSuites)); err != nil {
		return err
	}
	e := Event{Kind: Handshake, Detail: "answered in TLS 1.0"}
	said, end := c.awaitAlert()
	e.By, e.How = end.By, string(end.How)
	if said != "" {
		e.How, e.Detail = handshakeAlert, e.Detail+"; alert of the peer: "+said
	}
	c.journal(e)
	wire.CloseGently(c.ctx, c.tcp)
	return end
}

// awaitAlert reads the peer's next record and gives the alert in it, or "", and how the connection ends.
func (c *conn) awaitAlert() (string, *wire.Ended) {
	record := make([]byte, recordHeader+2)
	if _, err := io.ReadFull(c.r, record); err != nil {
		return "", c.ended(err)
	}
	end := &wire.Ended{By: "peer", How: wire.FIN}
	if record[0] != recordAlert {
		return "", &wire.Ended{By: "us", How: wire.FIN}
	}
	return tls.AlertError(record[recordHeader+1]).Error(), end
}

// oldSuites are what TLS 1.0 has in common with clients of today, the most usual first.
var oldSuites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_128_CBC_SHA,
}

// oldServerHello is a record with a ServerHello of TLS 1.0 (RFC 2246 §7.4.1.3), without extensions.
func oldServerHello(offered []uint16) []byte {
	suite := oldSuites[len(oldSuites)-1]
	for _, s := range slices.Backward(oldSuites) {
		if slices.Contains(offered, s) {
			suite = s
		}
	}
	const body = 2 + 32 + 1 + 2 + 1 // version, random, empty session id, suite, compression
	b := []byte{recordHandshake, 3, 1, 0, 4 + body, 2, 0, 0, body, 3, 1}
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails, says crypto/rand
	b = append(append(b, random...), 0)
	return append(b, byte(suite>>8), byte(suite), 0)
}
