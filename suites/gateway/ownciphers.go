package gateway

import (
	"regexp"
	"strings"
)

// cipherLists finds, in its group, the ciphers that a configuration allows: ssl_ciphers of nginx, ciphers and its defaults of HAProxy,
// SSLCipherSuite of Apache httpd.
var cipherLists = Regexp{regexp.MustCompile(`(?mi)^[^#\n]*\b(?:ssl_ciphers|ciphers|ssl-default-bind-ciphers|SSLCipherSuite)\s+["']?([^\s"';]+)`)}

// rsaCipher is a cipher whose certificate has an RSA key; see openssl-ciphers(1).
var rsaCipher = regexp.MustCompile(`(?i)RSA|^(?:AES|CAMELLIA)\d|^DES-|^RC4-`)

// needsRSA tells whether the ciphers that the configuration allows are all for certificates with RSA keys. TLS 1.3 has none such, but
// it may be off.
func (o Own) needsRSA() (bool, error) {
	_, found, err := o.find(cipherLists)
	if err != nil || found == nil {
		return false, err
	}
	for _, cipher := range strings.FieldsFunc(found[1], func(r rune) bool { return r == ':' || r == ',' }) {
		if !strings.ContainsAny(cipher[:1], "!-+@") && (!rsaCipher.MatchString(cipher) || strings.Contains(strings.ToUpper(cipher), "ECDSA")) {
			return false, nil
		}
	}
	return true, nil
}
