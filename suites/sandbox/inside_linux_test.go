package sandbox_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/gatefault/gatefault/suites/sandbox"
)

// inside is what the test binary does in a sandbox; it gives its exit code.
func inside(what string, args []string) int {
	switch what {
	case "read":
		b, err := os.ReadFile(args[0])
		return say(string(b), err)
	case "list":
		entries, err := os.ReadDir(args[0])
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return say(strings.Join(names, " "), err)
	case "write":
		f, err := os.OpenFile(args[0], os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return say(err.Error(), nil)
		}
		_, err = f.WriteString("written")
		return say("written", err)
	case "parent":
		return parent(args[0])
	case "daemon":
		return daemon()
	case "sleep":
		time.Sleep(time.Hour)
		return 0
	}
	return listen(what, args[0])
}

func say(text string, err error) int {
	fmt.Println(text)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// parent makes a sandbox with a program that holds our output, and does not end it.
func parent(root string) int {
	exe, _ := os.Executable()
	s, err := sandbox.Open(context.Background(), sandbox.Spec{Root: root, Show: []string{exe}})
	if err == nil {
		_, err = s.Start(context.Background(), sandbox.Command{Path: exe, Env: []string{insideVariable + "=sleep"}}, os.Stdout)
	}
	if err != nil {
		return say(err.Error(), nil)
	}
	say("started", nil)
	time.Sleep(time.Hour)
	return 0
}

// daemon starts a process that leaves our process group and holds our output.
func daemon() int {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{insideVariable + "=sleep"}
	cmd.Stdout, cmd.SysProcAttr = os.Stdout, &syscall.SysProcAttr{Setsid: true}
	err := cmd.Start()
	say("started", err)
	time.Sleep(time.Hour)
	return 0
}

// listen serves connections in a way that what names, and tells when it does.
func listen(what, addr string) int {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return say("", err)
	}
	fmt.Println("listening")
	for {
		c, err := l.Accept()
		if err != nil {
			return say("", err)
		}
		switch what {
		case "echo":
			_, _ = io.Copy(c, c)
		case "peer":
			_, _ = io.WriteString(c, c.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().Unmap().String())
		default:
			_, _ = c.Read(make([]byte, 1))
			if what == "reset" {
				_ = c.(*net.TCPConn).SetLinger(0)
			}
		}
		_ = c.Close()
	}
}
