package process

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// handFD is where a child finds its end of the socket over which descriptors are handed.
const handFD = 3

// handTimeout bounds the wait for a descriptor.
const handTimeout = 5 * time.Second

// handover makes the two ends of that socket: ours and the child's.
func handover() (*net.UnixConn, *os.File, error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	ours, err := unixConn(fds[0])
	if err != nil {
		return nil, nil, errors.Join(err, syscall.Close(fds[1]))
	}
	return ours, os.NewFile(uintptr(fds[1]), "handover"), nil
}

func unixConn(fd int) (*net.UnixConn, error) {
	f := os.NewFile(uintptr(fd), "handover")
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	return c.(*net.UnixConn), nil
}

// parentSide is a child's end.
var parentSide = sync.OnceValues(func() (*net.UnixConn, error) { return unixConn(handFD) })

// Hand gives a descriptor, which stays open here too, to the parent. Only a child can.
func Hand(fd int) error {
	c, err := parentSide()
	if err != nil {
		return err
	}
	return give(c, fd)
}

// Take gives the descriptor that the parent has handed to this child.
func Take() (int, error) {
	c, err := parentSide()
	if err != nil {
		return 0, err
	}
	return take(c)
}

// Pass gives a descriptor that from has handed, or is about to, to the child. It is never open longer than that here: a
// listener held by the parent would accept for a dead child.
func (c *Child) Pass(from *Child) error {
	fd, err := take(from.hand)
	if err != nil {
		return err
	}
	return errors.Join(give(c.hand, fd), syscall.Close(fd))
}

func give(c *net.UnixConn, fd int) error {
	_, _, err := c.WriteMsgUnix([]byte{0}, syscall.UnixRights(fd), nil)
	return err
}

func take(c *net.UnixConn) (int, error) {
	_ = c.SetReadDeadline(time.Now().Add(handTimeout))
	oob := make([]byte, syscall.CmsgSpace(4))
	_, n, _, _, err := c.ReadMsgUnix(make([]byte, 1), oob)
	if err != nil {
		return 0, fmt.Errorf("take a descriptor: %w", err)
	}
	msgs, err := syscall.ParseSocketControlMessage(oob[:n])
	if err != nil || len(msgs) == 0 {
		return 0, errors.Join(errors.New("no descriptor came"), err)
	}
	fds, err := syscall.ParseUnixRights(&msgs[0])
	if err != nil {
		return 0, err
	}
	syscall.CloseOnExec(fds[0])
	return fds[0], nil
}
