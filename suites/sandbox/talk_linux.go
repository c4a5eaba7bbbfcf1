package sandbox

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// talk is one end of the talk between a sandbox and its parent: packets of JSON, each with a descriptor or without.
type talk struct {
	conn *net.UnixConn
	mu   sync.Mutex // guards sending
}

// newTalk takes over a socket.
func newTalk(f *os.File) (*talk, error) {
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	return &talk{conn: c.(*net.UnixConn)}, nil
}

// pair gives the parent's end and the descriptor of the child's.
func pair() (*talk, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	theirs := os.NewFile(uintptr(fds[1]), "sandbox")
	ours, err := newTalk(os.NewFile(uintptr(fds[0]), "sandbox"))
	if err != nil {
		theirs.Close()
	}
	return ours, theirs, err
}

// send sends a message; fd is -1 where there is no descriptor.
func (t *talk) send(message any, fd int) error {
	b, err := json.Marshal(message)
	if err != nil {
		return err
	}
	if len(b) > maxMessage {
		return fmt.Errorf("a message to the sandbox has %d bytes, the limit is %d", len(b), maxMessage)
	}
	var rights []byte
	if fd >= 0 {
		rights = unix.UnixRights(fd)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _, err = t.conn.WriteMsgUnix(b, rights, nil)
	return err
}

// receive awaits a message. The file is nil where none came along.
func (t *talk) receive(message any) (*os.File, error) {
	b, rights := make([]byte, maxMessage), make([]byte, unix.CmsgSpace(4))
	n, m, _, _, err := t.conn.ReadMsgUnix(b, rights)
	if err != nil {
		return nil, err
	}
	f, err := fileIn(rights[:m])
	if err == nil {
		err = json.Unmarshal(b[:n], message)
	}
	if err != nil && f != nil {
		f.Close()
		f = nil
	}
	return f, err
}

// fileIn gives the descriptor that came along.
func fileIn(rights []byte) (*os.File, error) {
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil || len(messages) == 0 {
		return nil, err
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) == 0 {
		return nil, err
	}
	unix.CloseOnExec(fds[0])
	return os.NewFile(uintptr(fds[0]), "passed"), nil
}
