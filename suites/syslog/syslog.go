// Package syslog stands in for the system's log server beside a program that logs there: what it says there appears on its standard
// error.
package syslog

import (
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
)

// Port is where log servers listen over UDP (RFC 5426, section 3.3).
const Port = 514

// Run runs a program beside a log server on [Port] of every address and on sockets, which are made. Where one cannot be made, the
// program does without, as on a machine without a log server. It passes signals on and gives the program's exit code, 128 and
// more when a signal ended it.
func Run(sockets, program []string) (int, error) {
	defer receive(os.Stderr, sockets)()
	cmd := exec.Command(program[0], program[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	signals := make(chan os.Signal, 8)
	signal.Notify(signals)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			if s != syscall.SIGCHLD && s != syscall.SIGURG { // Go's own
				_ = cmd.Process.Signal(s) // it may have ended already
			}
		case err := <-ended:
			return exitCode(cmd.ProcessState, err)
		}
	}
}

func exitCode(state *os.ProcessState, err error) (int, error) {
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 0, err
	}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return state.ExitCode(), nil
}

// receive listens and writes a line for each message until stop.
func receive(out io.Writer, sockets []string) (stop func()) {
	var open []net.PacketConn
	if conn, err := net.ListenPacket("udp", net.JoinHostPort("", "514")); err == nil {
		open = append(open, conn)
	}
	for _, socket := range sockets {
		if conn, err := net.ListenPacket("unixgram", socket); err == nil {
			open = append(open, conn)
			_ = os.Chmod(socket, 0o666) // who cannot write there does without
		}
	}
	for _, conn := range open {
		go forward(out, conn)
	}
	return func() {
		for _, conn := range open {
			conn.Close()
		}
	}
}

// forward ends when the connection is closed.
func forward(out io.Writer, conn net.PacketConn) {
	buffer := make([]byte, 64<<10)
	for {
		n, _, err := conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		_, _ = io.WriteString(out, line(string(buffer[:n]))) // nobody reads: then nobody misses it
	}
}

// priority begins a message: facility and severity (RFC 3164, section 4.1.1).
var priority = regexp.MustCompile(`^<\d{1,3}>`)

// line is a message as a log file would have it.
func line(message string) string {
	text := strings.TrimRight(priority.ReplaceAllString(message, ""), "\r\n\x00")
	return strings.ReplaceAll(text, "\n", " ") + "\n"
}
