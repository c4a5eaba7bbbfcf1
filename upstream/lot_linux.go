package upstream

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// lot watches parked connections, all in one goroutine, by an epoll instance of its own (epoll(7)).
type lot struct {
	mu     sync.Mutex // guards what follows
	epoll  *os.File   // nil until a connection is parked
	parked map[int32]*parked
	done   chan struct{} // closed when the goroutine is over
	closed bool
}

// lotEvents wake a parked connection: something to read, the peer's FIN, an error. They come once.
const lotEvents = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLONESHOT

func (l *lot) add(p *parked) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.open(); err != nil {
		return err
	}
	return l.control(p, func(epoll, fd int) error {
		p.fd = int32(fd)
		l.parked[p.fd] = p
		return unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: lotEvents, Fd: p.fd})
	})
}

func (l *lot) remove(p *parked) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.parked[p.fd] == p {
		delete(l.parked, p.fd)
	}
	_ = l.control(p, func(epoll, fd int) error { return unix.EpollCtl(epoll, unix.EPOLL_CTL_DEL, fd, nil) })
}

// open begins to watch; the caller holds mu.
func (l *lot) open() error {
	if l.closed {
		return errClosed
	}
	if l.epoll != nil {
		return nil
	}
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("watch parked connections: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // so that Go's poller watches it, in turn
		return errors.Join(fmt.Errorf("watch parked connections: %w", err), unix.Close(fd))
	}
	l.epoll, l.parked, l.done = os.NewFile(uintptr(fd), "epoll"), map[int32]*parked{}, make(chan struct{})
	go l.watch(l.epoll)
	return nil
}

// control lets f use both descriptors; the caller holds mu.
func (l *lot) control(p *parked, f func(epoll, fd int) error) error {
	if l.closed {
		return errClosed
	}
	c, ok := p.c.tcp.(syscall.Conn)
	if !ok {
		return errors.ErrUnsupported
	}
	return control(l.epoll, func(epoll int) error {
		return control(c, func(fd int) error { return f(epoll, fd) })
	})
}

// watch wakes connections until close is called.
func (l *lot) watch(epoll *os.File) {
	defer close(l.done)
	raw, err := epoll.SyscallConn()
	if err != nil {
		return
	}
	events := make([]unix.EpollEvent, 128)
	for {
		n, failed := 0, error(nil)
		err := raw.Read(func(fd uintptr) bool {
			n, failed = unix.EpollWait(int(fd), events, 0)
			return n > 0 || failed != nil && !errors.Is(failed, unix.EINTR)
		})
		if err != nil || failed != nil {
			return
		}
		l.mu.Lock()
		for _, e := range events[:n] {
			if p := l.parked[e.Fd]; p != nil {
				go p.wake()
			}
		}
		l.mu.Unlock()
	}
}

// close ends the watch. No connection is parked any more.
func (l *lot) close() {
	l.mu.Lock()
	l.closed = true
	epoll, done := l.epoll, l.done
	l.mu.Unlock()
	if epoll != nil {
		_ = epoll.Close()
		<-done
	}
}
