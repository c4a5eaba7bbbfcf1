package process

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Capabilities that let a process connect to sockets in spite of the files' permissions (capabilities(7)).
const overrides = 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_DAC_READ_SEARCH

// Bound runs f on a thread whom file permissions bind although the process runs as root, as they bind a well-run gateway.
func Bound(f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var before [2]unix.CapUserData // of this thread: the system calls know no processes
	if err := unix.Capget(&header, &before[0]); err != nil {
		return fmt.Errorf("read capabilities: %w", err)
	}
	bound := before
	bound[0].Effective &^= overrides
	if err := unix.Capset(&header, &bound[0]); err != nil {
		return fmt.Errorf("give up capabilities: %w", err)
	}
	err := f()
	if back := unix.Capset(&header, &before[0]); back != nil {
		panic(fmt.Sprintf("a thread cannot take its capabilities back: %v", back)) // it could before
	}
	return err
}

// BindChildren has file permissions bind the programs that the calling thread starts, also those that run as root. There
// is no way back: the thread must stay locked to its goroutine and end with it.
func BindChildren() error {
	if os.Geteuid() != 0 {
		return nil
	}
	for _, c := range []uintptr{unix.CAP_DAC_OVERRIDE, unix.CAP_DAC_READ_SEARCH} {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil {
			return fmt.Errorf("give up a capability: %w", err)
		}
	}
	return nil
}
