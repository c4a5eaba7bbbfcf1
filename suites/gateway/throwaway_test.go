package gateway

import (
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/gatefault/gatefault/suites/config"
)

func TestThrowawaysShareAKeyByItsPath(t *testing.T) {
	made, err := newThrowaways(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	first, key, err := made.pair("/etc/ssl/site.key", []string{"one.example.org", "192.0.2.7"})
	if err != nil {
		t.Fatal(err)
	}
	second, again, err := made.pair("/etc/ssl/site.key", []string{"two.example.org"})
	if err != nil || !slices.Equal(key, again) {
		t.Fatal("another key, or", err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(made.authority())
	for name, chain := range map[string][]byte{"one.example.org": first, "192.0.2.7": first, "two.example.org": second, "localhost": second} {
		pair, err := tls.X509KeyPair(chain, key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots}); err != nil {
			t.Error(err)
		}
	}
}

func TestRSAWhereNothingElseIsAllowed(t *testing.T) {
	for text, want := range map[string]bool{
		"ssl_ciphers ECDHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:!aNULL;":      true,
		"ssl_ciphers \"AES128-GCM-SHA256:AES256-SHA\";":                                  true,
		"ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256;":         false,
		"ssl_ciphers HIGH:!aNULL:!MD5;":                                                  false,
		"ssl_ciphers EECDH+AESGCM:EDH+AESGCM;":                                           false,
		" ssl-default-bind-ciphers ECDHE-RSA-AES256-GCM-SHA384":                          true,
		" bind :443 ssl crt x.pem ciphers ECDHE-RSA-AES256-GCM-SHA384 alpn h2":           true,
		"# ssl_ciphers ECDHE-RSA-AES256-GCM-SHA384;":                                     false,
		"SSLCipherSuite ECDHE-RSA-AES256-GCM-SHA384:-SHA1":                               true,
		"ssl_prefer_server_ciphers off;":                                                 false,
		"SSLCipherSuite TLSv1.3 TLS_AES_128_GCM_SHA256\nSSLCipherSuite ECDHE-RSA-AES128": false,
	} {
		file := filepath.Join(t.TempDir(), "x.conf")
		if err := os.WriteFile(file, []byte("\n"+text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := (Own{Config: &config.Config{Read: []string{file}}}).needsRSA(); got != want || err != nil {
			t.Errorf("%s: got %t, %v, want %t", text, got, err, want)
		}
	}
	made, err := newThrowaways(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	made.rsa = true
	chain, key, err := made.pair("key", nil)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(chain, key)
	if _, ok := pair.PrivateKey.(*rsa.PrivateKey); !ok || err != nil {
		t.Errorf("the key is a %T, %v", pair.PrivateKey, err)
	}
}
