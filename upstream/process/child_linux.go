package process

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

func exitOf(st *os.ProcessState) Exit {
	ws, ok := st.Sys().(syscall.WaitStatus)
	if ok && ws.Signaled() {
		return Exit{Signal: unix.SignalName(ws.Signal())}
	}
	return Exit{Code: st.ExitCode()}
}

// awaitStopped waits until the kernel reports the process as stopped (waitid(2), WSTOPPED) and leaves the status there.
func awaitStopped(pid int) error {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WSTOPPED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// OfferToOOMKiller makes this process the first that the out-of-memory killer takes (proc(5), oom_score_adj).
func OfferToOOMKiller() error { return os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0) }

// MemoryLimit is the memory limit of our control group in bytes; 0 when there is none that would bite.
func MemoryLimit() int64 {
	for _, file := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		b, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		n, err := strconv.ParseInt(string(bytes.TrimSpace(b)), 10, 64)
		if err == nil && n < 1<<40 {
			return n
		}
	}
	return 0
}

// LimitFiles sets this process's soft limit of open files and gives the one before. What is open stays open; with a limit
// at or below it, accept(2) and open(2) fail with EMFILE (getrlimit(2), RLIMIT_NOFILE).
func LimitFiles(n uint64) (before uint64, err error) {
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		return 0, err
	}
	before, lim.Cur = lim.Cur, min(n, lim.Max)
	return before, unix.Setrlimit(unix.RLIMIT_NOFILE, &lim)
}

// oomKills counts what the out-of-memory killer has taken in our control group: memory.events of cgroup v2,
// memory.oom_control of v1.
func oomKills() int64 {
	for _, file := range []string{"/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"} {
		b, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for line := range bytes.Lines(b) {
			if n, ok := bytes.CutPrefix(line, []byte("oom_kill ")); ok {
				v, _ := strconv.ParseInt(string(bytes.TrimSpace(n)), 10, 64)
				return v
			}
		}
	}
	return 0
}
