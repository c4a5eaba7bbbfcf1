package upstream

import "golang.org/x/sys/unix"

// full tells whether the accept queue is full: of a listening socket TCP_INFO gives the queue's length and limit in the
// fields for unacknowledged and selectively acknowledged segments (Linux, tcp_get_info). It is full above its limit.
func (s *listener) full() (full bool, err error) {
	err = s.control(func(fd int) error {
		info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err == nil {
			full = info.Unacked > info.Sacked
		}
		return err
	})
	return full, err
}
