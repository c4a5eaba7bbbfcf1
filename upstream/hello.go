package upstream

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
)

// TLS record types (RFC 8446 §5.1).
const (
	recordAlert     = 21
	recordHandshake = 22
	recordHeader    = 5 // bytes
)

// errNoTLS says that the peer speaks something else than TLS.
var errNoTLS = errors.New("no ClientHello came: what the peer sent is no TLS")

// readHello reads the record with the peer's ClientHello, unless that is done, and leaves it in the reader.
func (c *conn) readHello() error {
	if c.hello != nil {
		return nil
	}
	head, err := c.peekRecord()
	if err != nil {
		return err
	}
	if c.hello = parseHello(head); c.hello == nil {
		return errNoTLS
	}
	c.helloSize = len(head)
	c.journal(Event{Kind: Hello, Detail: describeHello(c.hello)})
	return nil
}

// peekRecord gives a whole handshake record without consuming it.
func (c *conn) peekRecord() ([]byte, error) {
	first, err := c.r.Peek(1)
	if err != nil {
		return nil, err
	}
	if first[0] != recordHandshake {
		return nil, errNoTLS
	}
	head, err := c.r.Peek(recordHeader)
	if err != nil {
		return nil, err
	}
	size := recordHeader + int(binary.BigEndian.Uint16(head[3:]))
	if size > c.r.Size() {
		c.grow()
	}
	return c.r.Peek(size)
}

// errSeen stops a handshake when the ClientHello is read.
var errSeen = errors.New("seen")

// parseHello has crypto/tls read the ClientHello; nil when it is none.
func parseHello(record []byte) *tls.ClientHelloInfo {
	var hello *tls.ClientHelloInfo
	_ = tls.Server(&recorded{r: bytes.NewReader(record)}, &tls.Config{
		GetConfigForClient: func(info *tls.ClientHelloInfo) (*tls.Config, error) {
			hello = info
			return nil, errSeen
		},
	}).Handshake()
	return hello
}

// recorded is a connection that brings what is recorded and takes everything.
type recorded struct {
	net.Conn
	r io.Reader
}

func (c *recorded) Read(b []byte) (int, error)  { return c.r.Read(b) }
func (c *recorded) Write(b []byte) (int, error) { return len(b), nil }

// describeHello says what the peer asks for.
func describeHello(h *tls.ClientHelloInfo) string {
	name := "no server name"
	if h.ServerName != "" {
		name = "server name " + h.ServerName
	}
	var versions []string
	for _, v := range slices.Backward(slices.Sorted(slices.Values(h.SupportedVersions))) {
		if v <= tls.VersionTLS13 { // greater ones are GREASE (RFC 8701)
			versions = append(versions, tls.VersionName(v))
		}
	}
	return fmt.Sprintf("%s, %s", name, strings.Join(versions, ", "))
}
