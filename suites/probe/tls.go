package probe

import (
	"cmp"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"
)

// TLSOptions are how the probe speaks TLS: version 1.2 or later, and of the
// protocols over it HTTP/1.1 alone. It verifies nothing, because which
// certificate a gateway shows its clients is not what is tested.
type TLSOptions struct {
	// ServerName is what is asked for (RFC 6066 section 3); empty, or an IP
	// address, asks for none.
	ServerName string
}

// errCut is the end of a TLS connection without close_notify, which leaves an
// answer incomplete whose end is the connection's (RFC 9112 section 9.8).
var errCut = errors.New("the connection was closed without close_notify")

// secured is a TLS connection. It tells a FIN after close_notify, io.EOF, from
// one without it, errCut; crypto/tls does so only in the middle of a record.
type secured struct {
	*tls.Conn
	wire *noted
}

// noted is a connection that notes the peer's FIN.
type noted struct {
	net.Conn
	fin bool
}

func (n *noted) Read(p []byte) (int, error) {
	size, err := n.Conn.Read(p)
	n.fin = n.fin || errors.Is(err, io.EOF)
	return size, err
}

// over makes a connection speak TLS; the handshake is still to be done.
func (o *TLSOptions) over(conn net.Conn) *secured {
	wire := &noted{Conn: conn}
	return &secured{wire: wire, Conn: tls.Client(wire, &tls.Config{
		ServerName: o.ServerName, InsecureSkipVerify: true, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP256}, // without the costly ML-KEM
	})}
}

func (s *secured) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	return n, s.cut(err)
}

// cut tells an end without close_notify from others.
func (s *secured) cut(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) && s.wire.fin {
		return errCut
	}
	return err
}

// secure does the handshake, unless that is done, and tells whether it may go
// on. The deadline is set.
func (c *Conn) secure(ex *Exchange) bool {
	if c.tls == nil || c.tls.ConnectionState().HandshakeComplete {
		return true
	}
	if err := c.tls.Handshake(); err != nil {
		c.src.err = c.tls.cut(err)
		return false
	}
	ex.Secured = time.Since(ex.Start)
	return true
}

// concludeTLS gives the ends that only TLS has their names.
func (c *Conn) concludeTLS(ex *Exchange) {
	ex.Err = c.src.err
	var said *net.OpError // how crypto/tls tells of an alert
	isAlert := errors.As(ex.Err, &said) && (said.Op == "remote error" || said.Op == "local error")
	_, isNoTLS := errors.AsType[tls.RecordHeaderError](ex.Err)
	switch {
	case !c.tls.ConnectionState().HandshakeComplete:
		ex.End = EndHandshake
	case isAlert && said.Op == "remote error":
		ex.End = EndAlert
	case isAlert, isNoTLS:
		ex.End, ex.Err, ex.Malformed = EndMalformed, nil, cmp.Or(ex.Malformed, "the bytes are no TLS: "+ex.Err.Error())
	}
}
