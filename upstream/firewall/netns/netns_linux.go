package netns

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// grace is the time a re-executed program has, after its context ended, to clean up.
const grace = 10 * time.Second

// Command prepares a program to run in a new network namespace, which holds
// nothing but a loopback interface that is down (see [LoopbackUp]).
//
// An unprivileged caller gets a new user namespace around it. There the program
// keeps its user and group, and may administer the network and listen below
// port 1024, as may the programs that it starts. Where the system forbids this,
// starting the command fails with an error that [os.IsPermission] knows.
func Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.SysProcAttr = attributes(os.Geteuid(), os.Getegid())
	return cmd
}

func attributes(uid, gid int) *syscall.SysProcAttr {
	if uid == 0 {
		return &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
	}
	return &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWNET | unix.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}},
		AmbientCaps: []uintptr{unix.CAP_NET_ADMIN, unix.CAP_NET_BIND_SERVICE},
	}
}

// Reexec prepares the running program to run again with the same arguments,
// standard streams and environment, in a namespace as [Command] makes, and
// with mounts of its own, see [OwnFile]. The
// variables in env ("KEY=value") are added; one of them has to tell the new
// process that it is there already. When ctx ends, the new process gets SIGTERM
// and 10 seconds to clean up.
func Reexec(ctx context.Context, env ...string) *exec.Cmd {
	cmd := Command(ctx, "/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), env...)
	// Unsharing, unlike cloning, keeps what is mounted from the parent's namespace (package syscall).
	cmd.SysProcAttr.Unshareflags |= unix.CLONE_NEWNS
	if cmd.SysProcAttr.AmbientCaps != nil {
		cmd.SysProcAttr.AmbientCaps = append(cmd.SysProcAttr.AmbientCaps, unix.CAP_SYS_ADMIN)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(unix.SIGTERM) }
	cmd.WaitDelay = grace
	return cmd
}

// LoopbackUp brings up the loopback interface of this process's network
// namespace, which gives it 127.0.0.0/8 and ::1.
func LoopbackUp() error {
	if err := setUp("lo"); err != nil {
		return fmt.Errorf("bring up the loopback interface: %w", err)
	}
	return nil
}

// OwnFile gives a file another content, for this process, which [Reexec] has
// made, and for its children alone. The file must exist.
func OwnFile(name, content string) error {
	f, err := os.CreateTemp("", "gatefault-own-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // the mount holds what it needs
	_, err = f.WriteString(content)
	if err := errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	if err := unix.Mount(f.Name(), name, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount over %s: %w", name, err)
	}
	return nil
}

func setUp(name string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, request); err != nil {
		return err
	}
	request.SetUint16(request.Uint16() | unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request)
}

// ID names the network namespace of this process, so that two processes can
// tell whether they share one.
func ID() (string, error) { return os.Readlink("/proc/self/ns/net") }

// initialPIDs is the PID namespace of the machine itself (Linux, PROC_PID_INIT_INO).
const initialPIDs = "pid:[4026531836]"

// IsHost tells whether this process evidently shares the network namespace of the machine: that of its process 1. Inside a
// container, whose process 1 is its own, and where the question may not be asked, the answer is no.
func IsHost() bool {
	pids, err := os.Readlink("/proc/self/ns/pid")
	if err != nil || pids != initialPIDs {
		return false
	}
	first, err := os.Readlink("/proc/1/ns/net")
	if err != nil {
		return false
	}
	own, err := ID()
	return err == nil && own == first
}
