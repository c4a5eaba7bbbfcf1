package gateway

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/gatefault/gatefault/upstream/pki"
)

// tlsUpstream serves TLS with a certificate of that kind.
func tlsUpstream(t *testing.T, authority *pki.Authority, kind pki.Kind) netip.AddrPort {
	t.Helper()
	leaf, err := authority.Certificate(kind, netip.MustParseAddr("127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("secret")) }))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{*leaf}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return netip.MustParseAddrPort(server.Listener.Addr().String())
}

// Each gateway trusts the authority in both profiles; with a certificate from elsewhere, the verifying one gives no answer.
func TestTLSProfilesTrustTheAuthority(t *testing.T) {
	authority, err := pki.New(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	lanes := []Lane{{Index: 0, Upstream: tlsUpstream(t, authority, pki.Good)}, {Index: 1, Upstream: tlsUpstream(t, authority, pki.UnknownCA)}}
	all := localDefinitions(t)
	all["go"] = definitions(t)["go"]
	for name, d := range all {
		for _, profile := range []string{"tls", "tls-default"} {
			t.Run(name+"/"+profile, func(t *testing.T) {
				spec := Spec{Definition: d, Profile: profile, Lanes: lanes, Place: PlaceLocal, Files: map[string]string{CAFile: string(authority.PEM())}}
				if d.Embedded {
					spec.Place = PlaceEmbedded
				}
				r, err := Start(testContext(t), spec)
				if err != nil {
					t.Fatal(err)
				}
				defer stopped(t, r.Stop)
				if status, body := get(t, r.LaneAddr(0), "/"); status != http.StatusOK || body != "secret" {
					t.Errorf("with a good certificate: %d %q", status, body)
				}
				if status, _ := get(t, r.LaneAddr(1), "/"); profile == "tls" && status == http.StatusOK {
					t.Error("an unknown authority was trusted")
				}
			})
		}
	}
}

func TestSystemTrustsTheAuthorityOnlyWhereItIsGiven(t *testing.T) {
	d := definitions(t)["nginx"]
	spec := Spec{Definition: d, Profile: "tls-default", Files: map[string]string{CAFile: "a certificate"}}
	env, err := spec.environment(View{Scratch: "/s"})
	if err != nil || env["SSL_CERT_FILE"] != "/s/ca.pem" || env["SSL_CERT_DIR"] != "/s" {
		t.Errorf("%v, %v", env, err)
	}
	spec.Files = nil
	if env, err = spec.environment(View{Scratch: "/s"}); err != nil || env["SSL_CERT_FILE"] != "" {
		t.Errorf("%v, %v", env, err)
	}
}

func TestEmbeddedNamesTheMissingAuthority(t *testing.T) {
	_, err := Start(testContext(t), Spec{Definition: definitions(t)["go"], Profile: "tls", Place: PlaceEmbedded,
		Lanes: []Lane{{Upstream: netip.MustParseAddrPort("127.0.0.1:1")}}})
	if err == nil || err.Error() != `go did not start: rootCAs: the file "ca.pem" has no certificate` {
		t.Error(err)
	}
}
