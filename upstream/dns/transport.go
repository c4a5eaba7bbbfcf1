package dns

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"time"
)

// serveUDP answers one datagram after the other until the socket is closed.
func (s *Server) serveUDP() {
	buf := make([]byte, MaxMessage)
	for {
		n, client, err := s.udp.ReadFromUDPAddrPort(buf)
		if err != nil {
			if s.shut.Load() || errors.Is(err, net.ErrClosed) {
				return
			}
			continue // an ICMP error of an earlier answer
		}
		if reply := s.reply(buf[:n], "udp", client); reply != nil {
			if _, err := s.udp.WriteToUDPAddrPort(reply, client); err != nil {
				s.opts.Log.Debug("answer", "client", client, "err", err)
			}
		}
	}
}

// serveTCP accepts until the listener is closed.
func (s *Server) serveTCP() {
	for {
		c, err := s.tcp.Accept()
		switch {
		case err == nil:
			s.take(c)
		case s.shut.Load() || errors.Is(err, net.ErrClosed):
			return
		default:
			s.opts.Log.Warn("accept", "err", err)
			time.Sleep(10 * time.Millisecond) // out of descriptors: the kernel gives no event when some are free
		}
	}
}

// take serves a connection unless there are too many.
func (s *Server) take(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shut.Load() || len(s.conns) >= MaxConns {
		_ = c.Close()
		return
	}
	s.conns[c] = struct{}{}
	s.wg.Go(func() {
		s.converse(c)
		_ = c.Close()
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	})
}

// converse answers the questions of a connection, each with its length in front (RFC 1035 §4.2.2), until it ends, idles or
// asks what cannot be answered.
func (s *Server) converse(c net.Conn) {
	client := c.RemoteAddr().(*net.TCPAddr).AddrPort()
	buf := make([]byte, MaxMessage)
	for {
		_ = c.SetDeadline(time.Now().Add(IdleTimeout))
		question, err := readMessage(c, buf)
		if err != nil {
			return
		}
		reply := s.reply(question, "tcp", client)
		if reply == nil {
			continue // never answered: the client waits, or leaves
		}
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...)); err != nil {
			return
		}
	}
}

var errLong = errors.New("the message is too long")

func readMessage(r io.Reader, buf []byte) ([]byte, error) {
	var size [2]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(size[:]))
	if n > len(buf) {
		return nil, errLong
	}
	_, err := io.ReadFull(r, buf[:n])
	return buf[:n], err
}

// reachedAt is the address of this machine from which the client gets its packets, and to which it may send its own.
func reachedAt(client netip.AddrPort) netip.Addr {
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(client)) // sends nothing, only looks for the route
	if err != nil {
		return netip.Addr{}
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
}
