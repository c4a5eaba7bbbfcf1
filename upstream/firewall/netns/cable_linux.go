package netns

import (
	"fmt"
	"os"
	"runtime"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Far is a further network namespace beside this process's own, at the other end of a cable. Close it when nothing is to be
// done there any more; the namespace lives as long as a process in it.
type Far struct{ file *os.File }

// OpenFar makes a network namespace and a cable there (veth(4)): near is the interface at this end, far the one at the other
// end. Both are up, as is the loopback interface there.
func OpenFar(near, far string) (*Far, error) {
	f := &Far{}
	err := apart(func() (err error) {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("make a network namespace: %w", err)
		}
		f.file, err = os.Open("/proc/thread-self/ns/net")
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := addCable(near, far, f.file); err != nil {
		return nil, fmt.Errorf("lay a cable to another network namespace: %w", err)
	}
	if err := setUp(near); err != nil {
		return nil, fmt.Errorf("bring up %s: %w", near, err)
	}
	return f, f.Do(func() error {
		if err := LoopbackUp(); err != nil {
			return err
		}
		return setUp(far)
	})
}

// Do calls f with a thread of the far namespace. Processes that it starts run there.
func (f *Far) Do(do func() error) error {
	return apart(func() error {
		if err := unix.Setns(int(f.file.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter the far network namespace: %w", err)
		}
		return do()
	})
}

// Close lets go of the namespace.
func (f *Far) Close() error { return f.file.Close() }

// apart calls f on a thread that ends with it.
func apart(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for ever: the thread ends with the goroutine
		done <- f()
	}()
	return <-done
}

// addCable makes a pair of interfaces, the second in another namespace (rtnetlink(7), linux/veth.h).
func addCable(near, far string, there *os.File) error {
	const vethInfoPeer = 1
	attributes := netlink.NewAttributeEncoder()
	attributes.String(unix.IFLA_IFNAME, near)
	attributes.Nested(unix.IFLA_LINKINFO, func(info *netlink.AttributeEncoder) error {
		info.String(unix.IFLA_INFO_KIND, "veth")
		info.Nested(unix.IFLA_INFO_DATA, func(data *netlink.AttributeEncoder) error {
			peer := netlink.NewAttributeEncoder()
			peer.String(unix.IFLA_IFNAME, far)
			peer.Uint32(unix.IFLA_NET_NS_FD, uint32(there.Fd()))
			list, err := peer.Encode()
			data.Bytes(vethInfoPeer, append(make([]byte, unix.SizeofIfInfomsg), list...))
			return err
		})
		return nil
	})
	return request(unix.RTM_NEWLINK, netlink.Create|netlink.Excl, make([]byte, unix.SizeofIfInfomsg), attributes)
}
