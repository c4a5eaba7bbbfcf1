package upstream

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/gatefault/gatefault/upstream/pki"
)

// EndpointConfig describes an endpoint.
type EndpointConfig struct {
	ID       string   `json:"id,omitempty" jsonschema:"name; default: the address it got"`
	Address  string   `json:"address" jsonschema:"host:port to listen on; port 0 takes a free one"`
	Kind     Kind     `json:"kind,omitempty" jsonschema:"http (default), process: served by a child process that can be killed, tap: passes everything on to target and records it, or egress: an address that programs beside this one connect to"`
	Protocol Protocol `json:"protocol,omitempty" jsonschema:"what it speaks; default: http"`
	Target   string   `json:"target,omitempty" jsonschema:"with kind tap: the IP:port to pass everything on to"`
	Socket   string   `json:"socket,omitempty" jsonschema:"absolute path of a unix socket to listen on besides the address, up to 100 bytes; not with kind process or protocol tls"`
	Names    []string `json:"names,omitempty" jsonschema:"with protocol tls: host names, up to 64, on the certificates it presents, besides upstream.gatefault.test and its address"`
	InBand   bool     `json:"inBand,omitempty" jsonschema:"let a request choose its own fault with the Gatefault field or ?gatefault="`
}

// Validate tells what is wrong with c.
func (c EndpointConfig) Validate() error {
	if err := c.Kind.validate(); c.Kind != "" && err != nil {
		return err
	}
	if err := c.Protocol.validate(); c.Protocol != "" && err != nil {
		return err
	}
	if _, err := netip.ParseAddrPort(c.Address); err != nil {
		return fmt.Errorf("address %q is not IP:port", c.Address)
	}
	if _, err := netip.ParseAddrPort(c.Target); (c.Kind == Tap) != (c.Target != "") || c.Target != "" && err != nil {
		return errors.New("kind tap, and no other, needs a target: IP:port")
	}
	if err := errors.Join(c.validateSocket(), c.validateNames()); err != nil {
		return err
	}
	if c.ID != "" && !endpointName.MatchString(c.ID) {
		return fmt.Errorf("%q is not a name for an endpoint: it has up to 64 letters, digits, dots, colons, hyphens and underscores, the first a letter or digit", c.ID)
	}
	return nil
}

// maxSocket is the longest path of a unix socket in bytes, less what ".away" takes (unix(7), sun_path).
const maxSocket = 100

func (c EndpointConfig) validateSocket() error {
	switch {
	case c.Socket == "":
		return nil
	case c.Kind != "" && c.Kind != HTTP || c.Protocol == OverTLS:
		return errors.New("a unix socket goes with kind http and any protocol but tls")
	case !filepath.IsAbs(c.Socket) || filepath.Clean(c.Socket) != c.Socket || c.Socket == "/" || len(c.Socket) > maxSocket:
		return fmt.Errorf("socket %q is not an absolute path of up to %d bytes", c.Socket, maxSocket)
	}
	return nil
}

// maxNames bounds the names on a certificate.
const maxNames = 64

func (c EndpointConfig) validateNames() error {
	switch {
	case len(c.Names) > 0 && c.Protocol != OverTLS:
		return errors.New("names stand on certificates, so they go with protocol tls")
	case len(c.Names) > maxNames:
		return fmt.Errorf("there are %d names, and a certificate takes up to %d", len(c.Names), maxNames)
	}
	for _, name := range c.Names {
		switch {
		case !hostName.MatchString(name) || len(name) > 253:
			return fmt.Errorf("%q is not a host name, such as backend.example.org", name)
		case strings.EqualFold(name, pki.OtherName):
			return fmt.Errorf("%s is what a certificate with the wrong name is for: give another name", name)
		}
	}
	return nil
}

// hostName is a name as in RFC 1123 §2.1, and underscores, which people use in names of containers; an IP address fits too.
var hostName = regexp.MustCompile(`^([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$`)

// endpointName keeps names fit for a header field's value, a path segment and a log line.
var endpointName = regexp.MustCompile(`^[A-Za-z0-9[][A-Za-z0-9._:\]-]{0,63}$`)

// Kind says who serves an endpoint.
type Kind string

// Kinds of endpoints.
const (
	HTTP    Kind = "http"
	Process Kind = "process"
	Tap     Kind = "tap"
	Egress  Kind = "egress"
)

func (k Kind) validate() error {
	if k != HTTP && k != Process && k != Tap && k != Egress {
		return fmt.Errorf("no kind of endpoint is called %q; there are http, process, tap and egress", string(k))
	}
	return nil
}
