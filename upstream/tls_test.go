package upstream_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/fault"
	"github.com/gatefault/gatefault/upstream/pki"
)

// overTLS says what a client that verifies sees of each fault, and what the journal says of the end of the handshake.
var overTLS = map[string]struct {
	sees func(error) bool
	by   string
	how  string
	has  string // part of the journal's detail
}{
	"tls.expired":              {sees: refuses[x509.CertificateInvalidError], by: "peer", how: "alert", has: "certificate expired; alert of the peer: tls: bad certificate"},
	"tls.not-yet-valid":        {sees: refuses[x509.CertificateInvalidError], by: "peer", how: "alert", has: "certificate not-yet-valid; alert"},
	"tls.wrong-name":           {sees: refuses[x509.HostnameError], by: "peer", how: "alert", has: "certificate wrong-name; alert"},
	"tls.self-signed":          {sees: refuses[x509.UnknownAuthorityError], by: "peer", how: "alert", has: "certificate self-signed; alert"},
	"tls.unknown-ca":           {sees: refuses[x509.UnknownAuthorityError], by: "peer", how: "alert", has: "certificate unknown-ca; alert"},
	"tls.client-cert-required": {sees: says("remote error: tls: certificate required"), by: "us", how: "alert", has: "certificate good client-cert: tls: client didn't provide a certificate"},
	"tls.old-version":          {sees: says("tls: server selected unsupported protocol version 301"), by: "peer", how: "alert", has: "answered in TLS 1.0; alert of the peer: tls: protocol version not supported"},
	"tls.plaintext":            {sees: refuses[tls.RecordHeaderError]},
	"tls.hang":                 {sees: isTimeout},
	"tls.alert":                {sees: says("remote error: tls: handshake failure")},
	"tls.close":                {sees: func(err error) bool { return errors.Is(err, io.EOF) }},
	"tls.reset":                {sees: isReset},
}

func TestEveryTLSFault(t *testing.T) {
	for _, f := range fault.All() {
		if f.Layer() != "tls" {
			continue
		}
		want, ok := overTLS[f.Name]
		if !ok {
			t.Errorf("%s has no test", f.Name)
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			up, ep := start(t, upstream.EndpointConfig{Protocol: upstream.OverTLS})
			setPlan(t, ep, upstream.Rule{Fault: f.Name})
			if err := exchange(t, ep, verifying(t, up), 300*time.Millisecond); !want.sees(err) {
				t.Errorf("the client sees %v", err)
			}
			await(t, up, "hello", func(e upstream.Event) bool {
				return e.Kind == upstream.Hello && e.Detail == "server name "+pki.ServerName+", TLS 1.3, TLS 1.2"
			})
			await(t, up, "evidence", func(e upstream.Event) bool { return e.Kind == upstream.Fired && e.Fault == f.Name })
			if want.how != "" {
				e := await(t, up, "handshake", kind(upstream.Handshake))
				if e.By != want.by || e.How != want.how || !strings.Contains(e.Detail, want.has) {
					t.Errorf("by %s, %s: %s", e.By, e.How, e.Detail)
				}
			}
			await(t, up, "close", kind(upstream.Closed))
		})
	}
}

// A client that verifies nothing gets its answer, and from then on the endpoint is a healthy one.
func TestBadCertificateServesWhoDoesNotVerify(t *testing.T) {
	for _, name := range []string{"tls.expired", "tls.not-yet-valid", "tls.wrong-name", "tls.self-signed", "tls.unknown-ca"} {
		up, ep := start(t, upstream.EndpointConfig{Protocol: upstream.OverTLS})
		setPlan(t, ep, upstream.Rule{Fault: name})
		if err := exchange(t, ep, &tls.Config{InsecureSkipVerify: true}, 5*time.Second); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		await(t, up, "handshake", func(e upstream.Event) bool { return e.Kind == upstream.Handshake && e.How == "complete" })
	}
}

func TestTLSEndpointIsHealthyByNameAndAddress(t *testing.T) {
	up, ep := start(t, upstream.EndpointConfig{Protocol: upstream.OverTLS})
	for _, name := range []string{pki.ServerName, "127.0.0.1"} {
		config := verifying(t, up)
		config.ServerName, config.ClientSessionCache = name, tls.NewLRUClientSessionCache(1)
		for range 2 {
			if err := exchange(t, ep, config, 5*time.Second); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		setPlan(t, ep, upstream.Rule{Fault: "tls.expired"})
		if err := exchange(t, ep, config, 5*time.Second); !refuses[x509.CertificateInvalidError](err) {
			t.Errorf("a session was resumed, so no certificate was shown: %v", err)
		}
		setPlan(t, ep)
	}
}

// A gateway that verifies the name of its backend finds it on the certificate, unless the wrong name is the fault.
func TestTLSEndpointCarriesFurtherNames(t *testing.T) {
	up, ep := start(t, upstream.EndpointConfig{Protocol: upstream.OverTLS, Names: []string{"backend.example.org", "my_app"}})
	for _, name := range []string{"backend.example.org", "my_app", pki.ServerName, "127.0.0.1"} {
		config := verifying(t, up)
		config.ServerName = name
		if err := exchange(t, ep, config, 5*time.Second); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		setPlan(t, ep, upstream.Rule{Fault: "tls.wrong-name"})
		if err := exchange(t, ep, config, 5*time.Second); !refuses[x509.HostnameError](err) {
			t.Errorf("the wrong name is taken for %s: %v", name, err)
		}
		setPlan(t, ep)
	}
	if got := ep.State().Names; len(got) != 2 {
		t.Errorf("the state has names %v", got)
	}
}

func TestNamesAreChecked(t *testing.T) {
	many := make([]string, 65)
	for i := range many {
		many[i] = fmt.Sprintf("n%d.example.org", i)
	}
	for want, cfg := range map[string]upstream.EndpointConfig{
		"names stand on certificates":          {Names: []string{"a.example.org"}},
		"65 names, and a certificate takes up": {Protocol: upstream.OverTLS, Names: many},
		`"a b" is not a host name`:             {Protocol: upstream.OverTLS, Names: []string{"ok.example.org", "a b"}},
		`"*.example.org" is not a host name`:   {Protocol: upstream.OverTLS, Names: []string{"*.example.org"}},
		`"" is not a host name`:                {Protocol: upstream.OverTLS, Names: []string{""}},
		"is what a certificate with the wrong": {Protocol: upstream.OverTLS, Names: []string{pki.OtherName}},
	} {
		cfg.Address = "127.0.0.1:0"
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", cfg.Names, err, want)
		}
	}
}

func TestOldVersionServesOldClients(t *testing.T) {
	up, ep := start(t, upstream.EndpointConfig{Protocol: upstream.OverTLS})
	setPlan(t, ep, upstream.Rule{Fault: "tls.old-version"})
	config := verifying(t, up)
	config.MinVersion = tls.VersionTLS10
	if err := exchange(t, ep, config, 5*time.Second); err != nil {
		t.Error(err)
	}
}

func TestClientCertificateIsTaken(t *testing.T) {
	up, ep := start(t, upstream.EndpointConfig{Protocol: upstream.OverTLS})
	setPlan(t, ep, upstream.Rule{Fault: "tls.client-cert-required"})
	own, err := pki.New(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := own.Certificate(pki.Good, ep.Addr().Addr())
	if err != nil {
		t.Fatal(err)
	}
	config := verifying(t, up)
	config.Certificates = []tls.Certificate{*leaf}
	if err := exchange(t, ep, config, 5*time.Second); err != nil {
		t.Error(err)
	}
}

func TestPlainHTTPOnTheTLSPort(t *testing.T) {
	up, ep := start(t, upstream.EndpointConfig{Protocol: upstream.OverTLS})
	got, end := talk(t, ep, get)
	wantPrefix(t, got, "HTTP/1.1 400 Bad Request\r\n")
	if end != "fin" || !strings.Contains(got, "The plain HTTP request was sent to HTTPS port") {
		t.Errorf("%q, %s", got, end)
	}
	e := await(t, up, "request", kind(upstream.Requested))
	if e.Status != 400 || e.Target != "/" || e.Detail == "" {
		t.Errorf("%+v", e)
	}
}

// OpenSSL refuses a certificate of TLS 1.3 with an alert in the clear, which crypto/tls cannot read.
func TestAlertInTheClearIsRead(t *testing.T) {
	up, ep := start(t, upstream.EndpointConfig{Protocol: upstream.OverTLS})
	setPlan(t, ep, upstream.Rule{Fault: "tls.expired"})
	c := dial(t, ep)
	if _, err := c.Write(clientHello(t, &tls.Config{InsecureSkipVerify: true})); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err != nil { // the server has sent its flight
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "\x15\x03\x03\x00\x02\x02\x2d"); err != nil {
		t.Fatal(err)
	}
	e := await(t, up, "handshake", kind(upstream.Handshake))
	if e.By != "peer" || e.How != "alert" || e.Detail != "certificate expired; alert of the peer: tls: expired certificate" {
		t.Errorf("by %s, %s: %s", e.By, e.How, e.Detail)
	}
}

func TestHelloLargerThanTheReadersBuffer(t *testing.T) {
	up, ep := start(t, upstream.EndpointConfig{Protocol: upstream.OverTLS})
	config := verifying(t, up)
	config.NextProtos = []string{"http/1.1"}
	for i := range 60 {
		config.NextProtos = append(config.NextProtos, fmt.Sprintf("%0200d", i))
	}
	if size := len(clientHello(t, config)); size < 12_000 {
		t.Fatalf("the hello has %d bytes only", size)
	}
	if err := exchange(t, ep, config, 5*time.Second); err != nil {
		t.Error(err)
	}
}

func TestNoTLSAfterAHandshakeByte(t *testing.T) {
	up, ep := start(t, upstream.EndpointConfig{Protocol: upstream.OverTLS})
	if got, _ := talk(t, ep, "\x16\x03\x01\x00\x04GET "); got != "" {
		t.Errorf("got %q", got)
	}
	await(t, up, "close", kind(upstream.Closed))
}

// clientHello gives the first flight of a client.
func clientHello(t *testing.T, config *tls.Config) []byte {
	t.Helper()
	config = config.Clone()
	config.ServerName = pki.ServerName
	ours, theirs := net.Pipe()
	defer ours.Close()
	go func() {
		_ = tls.Client(theirs, config).Handshake() // ends with the pipe
		_ = theirs.Close()
	}()
	b := make([]byte, 1<<15)
	n, err := ours.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return b[:n]
}

// A request fault acts inside of TLS, and a reset reaches the wire.
func TestRequestFaultsOverTLS(t *testing.T) {
	up, ep := start(t, upstream.EndpointConfig{Protocol: upstream.OverTLS})
	for name, sees := range map[string]func(error) bool{
		"head.garbage": func(err error) bool { return err != nil },
		"head.reset":   isReset,
		"head.none":    func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) },
	} {
		setPlan(t, ep, upstream.Rule{Fault: name})
		if err := exchange(t, ep, verifying(t, up), 5*time.Second); !sees(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTLSFaultNeedsAnEndpointOfTLS(t *testing.T) {
	_, ep := start(t, upstream.EndpointConfig{})
	err := ep.SetPlan(t.Context(), upstream.Plan{Rules: []upstream.Rule{{Fault: "tls.expired"}}}, upstream.Keep)
	if !errors.Is(err, upstream.ErrUnsupported) {
		t.Error(err)
	}
}

func TestProcessEndpointSpeaksNoTLS(t *testing.T) {
	up, ep := start(t, upstream.EndpointConfig{Protocol: upstream.OverTLS})
	if err := ep.SetKind(t.Context(), upstream.Process); !errors.Is(err, upstream.ErrUnsupported) {
		t.Error(err)
	}
	if err := exchange(t, ep, verifying(t, up), 5*time.Second); err != nil {
		t.Errorf("the endpoint is as before: %v", err)
	}
}

// verifying is a client that knows the upstream's authority.
func verifying(t *testing.T, up *upstream.Upstream) *tls.Config {
	t.Helper()
	ca, err := up.CA()
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		t.Fatal("no certificate in the CA's PEM")
	}
	return &tls.Config{RootCAs: roots, ServerName: pki.ServerName}
}

// exchange does a handshake and one request, and gives what went wrong; only an answer 200 is right.
func exchange(t *testing.T, ep *upstream.Endpoint, config *tls.Config, patience time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", ep.Addr().String())
	if err != nil {
		return err
	}
	defer raw.Close()
	_ = raw.SetDeadline(time.Now().Add(patience))
	c := tls.Client(raw, config)
	if _, err := io.WriteString(c, get); err != nil {
		return err
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status)
	}
	return nil
}

func refuses[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}

func says(text string) func(error) bool {
	return func(err error) bool { return err != nil && err.Error() == text }
}
