package gateway

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// throwaways makes what stands in for certificates that a user did not bring. Its authority lives for one start.
type throwaways struct {
	cert *x509.Certificate
	key  crypto.Signer
	now  time.Time
	keys map[string]crypto.Signer // by their paths: certificates may share one
	rsa  bool                     // the keys of certificates are RSA
}

// rsaKey is the one that all throwaways have that need one: it takes long to make.
var rsaKey = sync.OnceValues(func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// throwawayTime is how long before and after now a throwaway is valid. Public authorities give 90 days; products that renew
// by themselves leave alone what has so much left.
const throwawayTime = 90 * 24 * time.Hour

func newThrowaways(now time.Time) (*throwaways, error) {
	t := &throwaways{now: now, keys: map[string]crypto.Signer{}}
	template := &x509.Certificate{
		Subject:  pkix.Name{CommonName: "throwaway CA", Organization: []string{"gatefault"}},
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, IsCA: true, BasicConstraintsValid: true,
	}
	var err error
	if t.key, err = t.keyAt(""); err != nil {
		return nil, err
	}
	t.cert, err = t.sign(template, t.key)
	return t, err
}

// keyAt makes the key of a path, once.
func (t *throwaways) keyAt(path string) (key crypto.Signer, err error) {
	if key := t.keys[path]; key != nil {
		return key, nil
	}
	if t.rsa {
		key, err = rsaKey()
	} else {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	t.keys[path] = key
	return key, err
}

// sign makes a certificate for a key: of the authority or, before there is one, of itself.
func (t *throwaways) sign(template *x509.Certificate, key crypto.Signer) (_ *x509.Certificate, err error) {
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return nil, err
	}
	template.NotBefore, template.NotAfter = t.now.Add(-24*time.Hour), t.now.Add(throwawayTime)
	by := t.cert
	if by == nil {
		by = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by, key.Public(), t.key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// authority is the authority's certificate in PEM.
func (t *throwaways) authority() []byte { return pemOf("CERTIFICATE", t.cert.Raw) }

// pair makes a certificate for some host names, with the authority's behind it, and the key of a path.
func (t *throwaways) pair(path string, names []string) (chain, key []byte, err error) {
	names = append(slices.Clone(names), "localhost")
	template := &x509.Certificate{
		Subject:  pkix.Name{CommonName: names[0], Organization: []string{"gatefault"}},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
			continue
		}
		template.DNSNames = append(template.DNSNames, name)
	}
	secret, err := t.keyAt(path)
	if err != nil {
		return nil, nil, fmt.Errorf("make a throwaway key: %w", err)
	}
	cert, err := t.sign(template, secret)
	if err != nil {
		return nil, nil, fmt.Errorf("make a throwaway certificate for %s: %w", names[0], err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		return nil, nil, fmt.Errorf("make a throwaway key: %w", err)
	}
	return append(pemOf("CERTIFICATE", cert.Raw), t.authority()...), pemOf("PRIVATE KEY", der), nil
}

// revocations is a list of revoked certificates that is empty.
func (t *throwaways) revocations() ([]byte, error) {
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(1), ThisUpdate: t.now.Add(-24 * time.Hour), NextUpdate: t.now.Add(throwawayTime),
	}, t.cert, t.key)
	if err != nil {
		return nil, fmt.Errorf("make an empty revocation list: %w", err)
	}
	return pemOf("X509 CRL", der), nil
}

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// subjectHash is the name under which OpenSSL looks for an authority's certificate in a folder, without the number behind
// it (openssl-rehash(1)): the beginning of the SHA-1 of the subject in lower case (crypto/x509/x_name.c, x509_name_canon).
func subjectHash(certificate []byte) (string, error) {
	block, _ := pem.Decode(certificate)
	if block == nil {
		return "", errors.New("the authority's certificate is not PEM")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", fmt.Errorf("read the authority's certificate: %w", err)
	}
	canonical, err := canonicalName(cert.RawSubject)
	if err != nil {
		return "", fmt.Errorf("read the authority's name: %w", err)
	}
	sum := sha1.Sum(canonical)
	return fmt.Sprintf("%08x", binary.LittleEndian.Uint32(sum[:])), nil
}

// canonicalName writes the parts of a name one behind the other, each text in lower case with single spaces.
func canonicalName(raw []byte) ([]byte, error) {
	var parts pkix.RDNSequence
	if _, err := asn1.Unmarshal(raw, &parts); err != nil {
		return nil, err
	}
	var out []byte
	for _, part := range parts {
		var members [][]byte
		for _, attribute := range part {
			text := strings.ToLower(strings.Join(strings.Fields(fmt.Sprint(attribute.Value)), " "))
			member, err := asn1.Marshal(struct {
				Type  asn1.ObjectIdentifier
				Value string `asn1:"utf8"`
			}{attribute.Type, text})
			if err != nil {
				return nil, err
			}
			members = append(members, member)
		}
		slices.SortFunc(members, bytes.Compare)
		set, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSet, IsCompound: true, Bytes: bytes.Join(members, nil)})
		if err != nil {
			return nil, err
		}
		out = append(out, set...)
	}
	return out, nil
}
