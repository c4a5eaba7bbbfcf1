package wire

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/gatefault/gatefault/upstream/pki"
)

// Demand is what a server wants of a TLS handshake beyond the usual.
type Demand string

// Demands.
const (
	NoDemand   Demand = ""
	ClientCert Demand = "client-cert" // a certificate of the client
	OldVersion Demand = "old-version" // TLS 1.0 or 1.1
)

// TLS says how a handshake is to go.
type TLS struct {
	Certificate pki.Kind
	Demand      Demand
}

func (t TLS) String() string {
	return strings.TrimSpace(string(t.Certificate) + " " + string(t.Demand))
}

// ReadHello reads the peer's TLS ClientHello and leaves it for a handshake.
func ReadHello() Step {
	return step{"read-hello", 0, func(_ context.Context, s *Session) error { return s.ended(s.Hello()) }}
}

// Handshake does a TLS handshake as a server with a certificate of that kind; what follows goes through TLS. The fault
// fires when the certificate is about to be sent, for before that nothing is wrong yet.
func Handshake(t TLS) Step {
	return step{"handshake " + t.String(), 0, func(_ context.Context, s *Session) error { return s.Secure(s, t) }}
}

// alertRecord is a fatal alert in the clear but for its description (RFC 8446 §6).
const alertRecord = "\x15\x03\x03\x00\x02\x02"

// Alert sends a fatal TLS alert in the clear, by its number (RFC 8446 §6), such as 40 for handshake_failure.
func Alert(description uint8) Step {
	return step{"alert " + strconv.Itoa(int(description)), len(alertRecord) + 1, func(_ context.Context, s *Session) error {
		return s.Write(append([]byte(alertRecord), description))
	}}
}

func makeHandshake(a []string) (Step, error) {
	t := TLS{Certificate: pki.Kind(a[0])}
	if len(a) > 1 {
		t.Demand = Demand(a[1])
	}
	if err := oneOf("certificate", t.Certificate, pki.Kinds()...); err != nil {
		return nil, err
	}
	return Handshake(t), oneOf("demand", t.Demand, NoDemand, ClientCert, OldVersion)
}

func makeAlert(a []string) (Step, error) {
	n, err := strconv.ParseUint(a[0], 10, 8)
	if err != nil {
		return nil, fmt.Errorf("%q is not the number of a TLS alert, 0 to 255", a[0])
	}
	return Alert(uint8(n)), nil
}

func oneOf[T ~string](what string, given T, known ...T) error {
	names := make([]string, 0, len(known))
	for _, k := range known {
		if k == given {
			return nil
		}
		if k != "" {
			names = append(names, string(k))
		}
	}
	return fmt.Errorf("%q is no %s; there are %s", string(given), what, strings.Join(names, ", "))
}
