package outside

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// TLS is what the handshake shows.
type TLS struct {
	Version string        `json:"version,omitempty"`
	Cipher  string        `json:"cipher,omitempty"`
	Chain   []Certificate `json:"chain,omitempty"` // as sent, the server's own first
	Trusted bool          `json:"trusted"`
	Error   string        `json:"error,omitempty"`
	Took    time.Duration `json:"took"`
}

// Certificate is one of the chain.
type Certificate struct {
	Subject string    `json:"subject"`
	Issuer  string    `json:"issuer"`
	Names   []string  `json:"names,omitempty"`
	From    time.Time `json:"from"`
	Until   time.Time `json:"until"`
}

// secure speaks TLS over the connection. What is wrong with the certificate is a finding, and the look goes on.
func (l *look) secure(ctx context.Context, v *Visit, conn net.Conn, name string) net.Conn {
	ctx, cancel := context.WithTimeout(ctx, l.Timeout)
	defer cancel()
	began := time.Now()
	c := tls.Client(conn, &tls.Config{ServerName: name, InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, NextProtos: []string{"http/1.1"}})
	err := c.HandshakeContext(ctx)
	v.TLS = &TLS{Took: time.Since(began)}
	if err != nil {
		v.TLS.Error = err.Error()
		if timeout(err) {
			l.find("tls-timeout", fmt.Sprintf("after %s", l.Timeout))
		} else {
			l.find("tls-failed", err.Error())
		}
		return nil
	}
	state := c.ConnectionState()
	v.TLS.Version, v.TLS.Cipher = tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite)
	for _, cert := range state.PeerCertificates {
		v.TLS.Chain = append(v.TLS.Chain, Certificate{Subject: cert.Subject.String(), Issuer: cert.Issuer.String(), Names: names(cert), From: cert.NotBefore, Until: cert.NotAfter})
	}
	if state.Version < tls.VersionTLS12 {
		l.find("tls-old", v.TLS.Version)
	}
	l.verify(v.TLS, state.PeerCertificates, name)
	return c
}

func names(cert *x509.Certificate) []string {
	out := cert.DNSNames
	for _, ip := range cert.IPAddresses {
		out = append(out, ip.String())
	}
	return out
}

// verify checks the chain as clients do.
func (l *look) verify(t *TLS, chain []*x509.Certificate, name string) {
	if len(chain) == 0 {
		return
	}
	o := x509.VerifyOptions{CurrentTime: l.Now(), Intermediates: x509.NewCertPool()}
	if l.Roots != nil {
		o.Roots = x509.NewCertPool()
		o.Roots.AppendCertsFromPEM(l.Roots)
	}
	for _, cert := range chain[1:] {
		o.Intermediates.AddCert(cert)
	}
	if err := chain[0].VerifyHostname(name); err != nil {
		l.find("tls-name", fmt.Sprintf("asked for %s, it is for %s", name, strings.Join(names(chain[0]), ", ")))
	}
	_, err := chain[0].Verify(o)
	var invalid x509.CertificateInvalidError
	switch {
	case err == nil:
		t.Trusted = true
		if left := chain[0].NotAfter.Sub(l.Now()); left < expiresSoon {
			l.find("tls-expires", "on "+chain[0].NotAfter.Format(time.DateOnly))
		}
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		l.outdated(chain)
	default:
		l.find("tls-untrusted", err.Error())
	}
}

// outdated tells an expired certificate from one of the future.
func (l *look) outdated(chain []*x509.Certificate) {
	for _, cert := range chain {
		switch now := l.Now(); {
		case now.After(cert.NotAfter):
			l.find("tls-expired", fmt.Sprintf("%s, on %s", cert.Subject, cert.NotAfter.Format(time.DateOnly)))
			return
		case now.Before(cert.NotBefore):
			l.find("tls-not-yet", fmt.Sprintf("%s, before %s", cert.Subject, cert.NotBefore.Format(time.DateOnly)))
			return
		}
	}
}
