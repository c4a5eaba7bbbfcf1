// Package pki makes the certificates that a chaos upstream presents: good ones of a certificate authority of its own, and
// others that a gateway must refuse.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// domain is where all names lie, also those that the upstream's name server gives to endpoints. Nobody else can own it:
// .test is reserved (RFC 6761 §6.2).
const domain = "gatefault.test"

// ServerName is a host name on every certificate but those with the wrong name; they hold all names of its domain.
const ServerName = "upstream." + domain

// OtherName is the host name of certificates with the wrong name.
const OtherName = "somebody-else." + domain

// Kind says what is right or wrong with a certificate.
type Kind string

// Kinds of certificates; all but SelfSigned and UnknownCA are signed by the authority.
const (
	Good        Kind = "good"
	Expired     Kind = "expired"       // its time ended a day ago
	NotYetValid Kind = "not-yet-valid" // its time begins tomorrow
	WrongName   Kind = "wrong-name"    // for another host
	SelfSigned  Kind = "self-signed"
	UnknownCA   Kind = "unknown-ca" // signed by an authority that nobody knows
)

// Kinds lists the kinds of certificates.
func Kinds() []Kind { return []Kind{Good, Expired, NotYetValid, WrongName, SelfSigned, UnknownCA} }

// Authority signs certificates. It lives in memory only; each one has its own key.
type Authority struct {
	root    *issuer
	unknown *issuer // signs what nobody can verify
	now     time.Time

	mu     sync.Mutex // guards leaves
	leaves map[leafID]*tls.Certificate
}

// maxLeaves bounds how many certificates an authority keeps; it makes more by forgetting them all.
const maxLeaves = 1024

type leafID struct {
	kind  Kind
	addr  netip.Addr
	names string // with spaces between
}

// issuer is a name with a key that signs.
type issuer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// day and year are what validity is counted in.
const (
	day  = 24 * time.Hour
	year = 365 * day
)

// New makes an authority, valid for ten years around now.
func New(now time.Time) (*Authority, error) {
	root, err := newIssuer("gatefault CA", now)
	if err != nil {
		return nil, fmt.Errorf("make an authority: %w", err)
	}
	return of(root, now)
}

// of makes an authority of its issuer, and another one that nobody knows.
func of(root *issuer, now time.Time) (*Authority, error) {
	unknown, err := newIssuer("an unknown CA", now)
	if err != nil {
		return nil, fmt.Errorf("make an unknown authority: %w", err)
	}
	return &Authority{root: root, unknown: unknown, now: now, leaves: map[leafID]*tls.Certificate{}}, nil
}

// Load makes the authority again whose [Authority.Secret] was given.
func Load(secret []byte, now time.Time) (*Authority, error) {
	pair, err := tls.X509KeyPair(secret, secret)
	if err != nil {
		return nil, fmt.Errorf("read an authority: %w", err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || !pair.Leaf.IsCA {
		return nil, errors.New("read an authority: the certificate is none of an authority with an ECDSA key")
	}
	return of(&issuer{pair.Leaf, key}, now)
}

// Secret is the authority's certificate and its key, in PEM: who has it can sign what trusts the authority.
func (a *Authority) Secret() ([]byte, error) {
	key, err := x509.MarshalPKCS8PrivateKey(a.root.key)
	if err != nil {
		return nil, fmt.Errorf("write an authority: %w", err)
	}
	return append(a.PEM(), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...), nil
}

func newIssuer(name string, now time.Time) (*issuer, error) {
	template := &x509.Certificate{
		Subject:   pkix.Name{CommonName: name, Organization: []string{"gatefault"}},
		NotBefore: now.Add(-5 * year), NotAfter: now.Add(5 * year),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, IsCA: true, BasicConstraintsValid: true,
	}
	cert, key, err := sign(template, nil)
	return &issuer{cert, key}, err
}

// sign makes a key and a certificate for it, signed by the issuer or, without one, by itself.
func sign(template *x509.Certificate, by *issuer) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return nil, nil, err
	}
	if by == nil {
		by = &issuer{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.cert, &key.PublicKey, by.key)
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return cert, key, err
}

// PEM is the authority's certificate: what a client has to trust.
func (a *Authority) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.root.cert.Raw})
}

// Certificate gives the certificate of that kind for a server at addr that is also known by names, host names or IP
// addresses; it is made when first asked for. Its common name is the address, for clients that compare it with nothing else
// (mod_ssl's SSLProxyCheckPeerName). The wrong name is wrong whatever the names are.
func (a *Authority) Certificate(kind Kind, addr netip.Addr, names ...string) (*tls.Certificate, error) {
	id := leafID{kind, addr.Unmap(), strings.Join(names, " ")}
	a.mu.Lock()
	defer a.mu.Unlock()
	if leaf := a.leaves[id]; leaf != nil {
		return leaf, nil
	}
	cert, key, err := sign(a.template(id), a.issuerOf(kind))
	if err != nil {
		return nil, fmt.Errorf("make a certificate (%s): %w", kind, err)
	}
	leaf := &tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}
	if len(a.leaves) >= maxLeaves {
		clear(a.leaves)
	}
	a.leaves[id] = leaf
	return leaf, nil
}

func (a *Authority) issuerOf(kind Kind) *issuer {
	switch kind {
	case SelfSigned:
		return nil
	case UnknownCA:
		return a.unknown
	}
	return a.root
}

func (a *Authority) template(id leafID) *x509.Certificate {
	from, to := a.validity(id.kind)
	t := &x509.Certificate{
		Subject:   pkix.Name{CommonName: id.addr.String(), Organization: []string{"gatefault"}, OrganizationalUnit: []string{string(id.kind)}},
		NotBefore: from, NotAfter: to,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
		DNSNames: []string{ServerName, "*." + domain}, IPAddresses: []net.IP{id.addr.AsSlice()},
	}
	if id.kind == WrongName {
		t.Subject.CommonName, t.DNSNames, t.IPAddresses = OtherName, []string{OtherName}, nil
		return t
	}
	for name := range strings.FieldsSeq(id.names) {
		t.DNSNames = append(t.DNSNames, name) // also an address: nginx compares it with these (X509_check_host)
		if ip, err := netip.ParseAddr(name); err == nil {
			t.IPAddresses = append(t.IPAddresses, ip.AsSlice())
		}
	}
	return t
}

func (a *Authority) validity(kind Kind) (from, to time.Time) {
	switch kind {
	case Expired:
		return a.now.Add(-year), a.now.Add(-day)
	case NotYetValid:
		return a.now.Add(day), a.now.Add(year)
	}
	return a.now.Add(-day), a.now.Add(year)
}
