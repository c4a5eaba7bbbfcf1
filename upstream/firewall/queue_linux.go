package firewall

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Of linux/netfilter/nfnetlink_queue.h: kinds of messages, attributes and their values.
const (
	queueVerdict      = unix.NFNL_SUBSYS_QUEUE<<8 | 1
	queueConfig       = unix.NFNL_SUBSYS_QUEUE<<8 | 2
	queueVerdictBatch = unix.NFNL_SUBSYS_QUEUE<<8 | 3

	attrPacket, attrVerdict, attrPayload    = 1, 2, 10
	configCommand, configParams, configSize = 1, 2, 3

	commandBind, copyPacket, accept = 1, 2, 1
)

// maxHeld bounds the packets of one queue; the kernel drops more, as a router with a full buffer does.
const maxHeld = 4096

// shaper lets the packets of one kernel queue go on later than they came: each after delay, and not before the one
// before it has gone out at rate.
type shaper struct {
	delay time.Duration
	rate  int // bytes per second; 0: no limit

	number   uint16 // of the queue
	sock     *netlink.Conn
	stopping atomic.Bool
	done     chan struct{} // closed when run has ended

	held []held    // belongs to run, as the rest: in the order of leaving
	free time.Time // when the link has sent all that is held
	last uint32    // the newest packet's id
}

// held is a packet that waits in the kernel.
type held struct {
	id    uint32
	leave time.Time
}

// open binds a queue that nobody has and starts to serve it.
func (s *shaper) open() (err error) {
	if s.sock, err = netlink.Dial(unix.NETLINK_NETFILTER, nil); err != nil {
		return err
	}
	_ = s.sock.SetOption(netlink.NoENOBUFS, true) // a packet that does not fit is lost, as on a full link
	_ = s.sock.SetReadBuffer(1 << 20)
	if err := s.bind(); err != nil {
		return fmt.Errorf("take a packet queue: %w", err)
	}
	s.done = make(chan struct{})
	go s.run()
	return nil
}

// bind tries the queues of this network namespace, which all its processes share, from the last one down.
func (s *shaper) bind() error {
	for n := uint16(65535); n > 65535-1024; n-- {
		err := s.configure(n)
		if err == nil {
			s.number = n
			return nil
		}
		if !errors.Is(err, unix.EBUSY) && !errors.Is(err, unix.EPERM) { // EPERM: somebody else's
			return err
		}
	}
	return errors.New("1024 queues are in use")
}

func (s *shaper) configure(number uint16) error {
	e := netlink.NewAttributeEncoder()
	e.ByteOrder = binary.BigEndian
	e.Bytes(configCommand, []byte{commandBind, 0, 0, unix.AF_INET})
	e.Bytes(configParams, []byte{0, 0, 0, 20, copyPacket}) // the IPv4 header, for the packet's length
	e.Uint32(configSize, maxHeld)
	attributes, err := e.Encode()
	if err != nil {
		return err
	}
	if err := s.sock.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_, err = s.sock.Execute(message(queueConfig, netlink.Acknowledge, unix.AF_UNSPEC, number, attributes))
	return errors.Join(err, s.sock.SetDeadline(time.Time{}))
}

// run serves the queue until stop.
func (s *shaper) run() {
	defer close(s.done)
	for {
		_ = s.sock.SetReadDeadline(s.next())
		if s.stopping.Load() {
			return
		}
		messages, err := s.sock.Receive()
		for _, m := range messages {
			s.take(m, time.Now())
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		s.letGo(time.Now())
	}
}

// next is when the first packet leaves; zero: none is held.
func (s *shaper) next() time.Time {
	if len(s.held) == 0 {
		return time.Time{}
	}
	return s.held[0].leave
}

// take notes when a packet may leave.
func (s *shaper) take(m netlink.Message, now time.Time) {
	id, size, ok := packetOf(m)
	if !ok {
		return
	}
	leave := now.Add(s.delay)
	if s.rate > 0 {
		if leave.Before(s.free) {
			leave = s.free
		}
		leave = leave.Add(time.Duration(size) * time.Second / time.Duration(s.rate))
		s.free = leave
	}
	s.held, s.last = append(s.held, held{id, leave}), id
}

// packetOf reads the packet's id and its length of the IPv4 header (RFC 791 section 3.1).
func packetOf(m netlink.Message) (id uint32, size uint16, ok bool) {
	if len(m.Data) < 4 {
		return 0, 0, false
	}
	attributes, err := netlink.UnmarshalAttributes(m.Data[4:])
	if err != nil {
		return 0, 0, false
	}
	for _, a := range attributes {
		switch {
		case a.Type == attrPacket && len(a.Data) >= 4:
			id, ok = binary.BigEndian.Uint32(a.Data), true
		case a.Type == attrPayload && len(a.Data) >= 4:
			size = binary.BigEndian.Uint16(a.Data[2:])
		}
	}
	return id, size, ok
}

// letGo accepts the packets whose time has come.
func (s *shaper) letGo(now time.Time) {
	for len(s.held) > 0 && !s.held[0].leave.After(now) {
		s.accept(queueVerdict, s.held[0].id)
		s.held = s.held[1:]
	}
}

func (s *shaper) accept(kind uint16, id uint32) {
	e := netlink.NewAttributeEncoder()
	e.Bytes(attrVerdict, binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, accept), id))
	attributes, err := e.Encode()
	if err == nil {
		_, err = s.sock.Send(message(kind, 0, unix.AF_UNSPEC, s.number, attributes))
	}
	_ = err // a packet that is not let go is dropped when the socket closes
}

// stop lets all held packets go at once, also those that run has not seen yet, and ends the service. Nothing may lead
// into the queue any more.
func (s *shaper) stop() error {
	if s.sock == nil {
		return nil
	}
	if s.done != nil {
		s.stopping.Store(true)
		_ = s.sock.SetReadDeadline(time.Unix(1, 0))
		<-s.done
		s.accept(queueVerdictBatch, s.last+1<<30) // ids are compared in a circle (Linux, nfq_id_after)
	}
	return s.sock.Close()
}
