package pki_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/gatefault/gatefault/upstream/pki"
)

var addr = netip.MustParseAddr("192.0.2.7")

// verify is what a gateway does that knows the authority.
func verify(t *testing.T, a *pki.Authority, kind pki.Kind, name string) error {
	t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(a.PEM()) {
		t.Fatal("the authority's certificate cannot be read")
	}
	leaf, err := a.Certificate(kind, addr)
	if err != nil {
		t.Fatal(err)
	}
	_, err = leaf.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots})
	return err
}

func authority(t *testing.T) *pki.Authority {
	t.Helper()
	a, err := pki.New(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestGoodCertificateFitsNameAndAddress(t *testing.T) {
	a := authority(t)
	for _, name := range []string{pki.ServerName, "app.gatefault.test", addr.String()} {
		if err := verify(t, a, pki.Good, name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEachOtherCertificateIsWrongInItsOwnWay(t *testing.T) {
	a := authority(t)
	for kind, is := range map[pki.Kind]func(error) bool{
		pki.Expired:     invalid(x509.Expired),
		pki.NotYetValid: invalid(x509.Expired), // crypto/x509 has one reason for both
		pki.WrongName:   isA[x509.HostnameError],
		pki.SelfSigned:  isA[x509.UnknownAuthorityError],
		pki.UnknownCA:   isA[x509.UnknownAuthorityError],
	} {
		for _, name := range []string{pki.ServerName, addr.String()} {
			if err := verify(t, a, kind, name); !is(err) {
				t.Errorf("%s for %s: %v", kind, name, err)
			}
		}
	}
	if err := verify(t, a, pki.WrongName, pki.OtherName); err != nil {
		t.Errorf("the wrong name is all that is wrong: %v", err)
	}
}

func TestTimesOfCertificates(t *testing.T) {
	a, now := authority(t), time.Now()
	expired, _ := a.Certificate(pki.Expired, addr)
	early, _ := a.Certificate(pki.NotYetValid, addr)
	if !expired.Leaf.NotAfter.Before(now) || !expired.Leaf.NotBefore.Before(expired.Leaf.NotAfter) {
		t.Errorf("expired is valid from %s to %s", expired.Leaf.NotBefore, expired.Leaf.NotAfter)
	}
	if !early.Leaf.NotBefore.After(now) {
		t.Errorf("not-yet-valid is valid from %s", early.Leaf.NotBefore)
	}
}

func TestFurtherNames(t *testing.T) {
	a := authority(t)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(a.PEM())
	names := []string{"backend.example.org", "my_app", "198.51.100.9"}
	for _, name := range append(names, pki.ServerName, addr.String()) {
		for kind, fits := range map[pki.Kind]bool{pki.Good: true, pki.WrongName: false} {
			leaf, err := a.Certificate(kind, addr, names...)
			if err != nil {
				t.Fatal(err)
			}
			if _, err = leaf.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots}); fits && err != nil || !fits && !isA[x509.HostnameError](err) {
				t.Errorf("%s for %s: %v", kind, name, err)
			}
		}
	}
	if err := verify(t, a, pki.Good, names[0]); !isA[x509.HostnameError](err) {
		t.Errorf("a server without the name has it: %v", err)
	}
}

func TestCertificatesAreBounded(t *testing.T) {
	a := authority(t)
	for i := range 1100 {
		if _, err := a.Certificate(pki.Good, addr, fmt.Sprintf("n%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if n := pki.Kept(a); n > 1024 {
		t.Errorf("%d certificates are kept", n)
	}
}

func TestCertificatesAreKept(t *testing.T) {
	a := authority(t)
	one, _ := a.Certificate(pki.Good, addr)
	two, _ := a.Certificate(pki.Good, netip.MustParseAddr("::ffff:192.0.2.7"))
	if one != two {
		t.Error("the same address got two certificates")
	}
}

func TestAnotherAuthorityIsNotTrusted(t *testing.T) {
	a, b := authority(t), authority(t)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(b.PEM())
	leaf, _ := a.Certificate(pki.Good, addr)
	if _, err := leaf.Leaf.Verify(x509.VerifyOptions{Roots: roots}); !isA[x509.UnknownAuthorityError](err) {
		t.Error(err)
	}
}

func isA[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}

func invalid(why x509.InvalidReason) func(error) bool {
	return func(err error) bool {
		e, ok := errors.AsType[x509.CertificateInvalidError](err)
		return ok && e.Reason == why
	}
}

// Upstreams that stand behind one gateway are verified with one authority.
func TestAuthorityIsMadeAgainOfItsSecret(t *testing.T) {
	a := authority(t)
	secret, err := a.Secret()
	if err != nil {
		t.Fatal(err)
	}
	again, err := pki.Load(secret, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := again.Certificate(pki.Good, addr)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(mustParse(t, a.PEM()))
	if _, err := leaf.Leaf.Verify(x509.VerifyOptions{DNSName: pki.ServerName, Roots: roots}); err != nil {
		t.Error(err)
	}
	if err := verify(t, again, pki.UnknownCA, pki.ServerName); !isA[x509.UnknownAuthorityError](err) {
		t.Errorf("the unknown authority is known: %v", err)
	}
	for _, bad := range [][]byte{nil, a.PEM(), []byte("no PEM"), leafPEM(t, leaf)} {
		if _, err := pki.Load(bad, time.Now()); err == nil {
			t.Errorf("%q is taken for an authority", bad)
		}
	}
}

func mustParse(t *testing.T, text []byte) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(text)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func leafPEM(t *testing.T, leaf *tls.Certificate) []byte {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(leaf.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Certificate[0]}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...)
}
