package gateway

import (
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// verifying are configurations that verify the upstream's certificate, with an authority that the user named and did not bring, or
// with those that the system trusts.
func verifying() map[string]ownCase {
	apache := proxyTo("app:9001")["apache"].files["apache2.conf"]
	apache = apache[:strings.Index(apache, "ProxyPass")] + "LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so\nSSLProxyEngine on\nSSLProxyVerify require\n"
	haproxy := proxyTo("app:9443")["haproxy"].files["haproxy.cfg"]
	return map[string]ownCase{
		"nginx": {main: "nginx.conf", files: map[string]string{"nginx.conf": `events {}
http { server { listen 80; location / {
	proxy_pass https://app:9443; proxy_ssl_verify on; proxy_ssl_name app; proxy_ssl_server_name on;
	proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;
} } }
`}},
		"haproxy": {main: "haproxy.cfg", files: map[string]string{"haproxy.cfg": strings.TrimSpace(haproxy) + " ssl verify required ca-file @system-ca verifyhost app sni str(app)\n"}},
		"haproxy with a file": {main: "haproxy.cfg", files: map[string]string{
			"haproxy.cfg":     strings.TrimSpace(haproxy) + " ssl verify required ca-file /etc/haproxy/tls/ca.pem verifyhost app sni str(app)\n",
			"tls/ca.pem":      "this is not the throwaway authority's certificate\n",
			"tls/ca.pem.info": "stays"}},
		"caddy": {main: "Caddyfile", files: map[string]string{"Caddyfile": ":80 {\n\treverse_proxy https://app:9443\n}\n"}},
		"apache": {main: "apache2.conf",
			files: map[string]string{"apache2.conf": apache + "SSLProxyCACertificateFile /etc/apache2/ssl/ca.pem\nProxyPass / https://app:9443/\n"}},
		"apache with a folder": {main: "apache2.conf",
			files: map[string]string{"apache2.conf": apache + "SSLProxyCACertificatePath /etc/ssl/upstreams\nProxyPass / https://app:9443/\n"}},
	}
}

func TestUpstreamsCertificateIsVerified(t *testing.T) {
	e := testEngine(t)
	n := testNetwork(t, e)
	authority, err := newThrowaways(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	chain, key, err := authority.pair("key", []string{"app"})
	if err != nil {
		t.Fatal(err)
	}
	u := startUpstream(t, e, UpstreamSpec{Binary: upstreamProgram(t), Network: n, Token: "t",
		Env: map[string]string{"CERTIFICATE": string(chain), "KEY": string(key)}})
	for name, c := range verifying() {
		t.Run(name, func(t *testing.T) {
			product, _, _ := strings.Cut(name, " ")
			own := c.own(t, e, definitions(t)[product])
			own.Network, own.Hosts = n, map[string]netip.Addr{"app": u.Addr()}
			own.Authority = authority.authority()
			r := startOwn(t, own)
			if status, body := get(t, netip.AddrPortFrom(r.Addr(), 80), "/"); status != http.StatusOK || body != "port 9443 t" {
				t.Errorf("got %d %q; log: %v", status, body, r.Logs().Tail(5))
			}
			t.Log(r.Stands())
			if own.Authority, err = otherAuthority(); err != nil {
				t.Fatal(err)
			}
			r = startOwn(t, own)
			if status, _ := get(t, netip.AddrPortFrom(r.Addr(), 80), "/"); status < 500 {
				t.Errorf("with another authority: got %d", status)
			}
		})
	}
}

func otherAuthority() ([]byte, error) {
	other, err := newThrowaways(time.Now())
	if err != nil {
		return nil, err
	}
	return other.authority(), nil
}

// OpenSSL itself tells the name under which it looks for an authority.
func TestSubjectHash(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip(err)
	}
	authority, err := otherAuthority()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, authority, 0o600); err != nil {
		t.Fatal(err)
	}
	want, err := exec.CommandContext(t.Context(), openssl, "x509", "-in", file, "-noout", "-hash").Output()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := subjectHash(authority); got != strings.TrimSpace(string(want)) || err != nil {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}
