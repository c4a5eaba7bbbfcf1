//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// limit is what Ctrl-C may take.
const limit = 5 * time.Second

// program is a gatefault in a session of its own, as in a terminal, so that all that it starts can be found.
type program struct {
	*exec.Cmd
	stderr bytes.Buffer
	lines  chan string
}

// self is this test's program as gatefault.
func self(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	file, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(file, args...)
	cmd.Args[0] = "gatefault"
	cmd.Env = append(os.Environ(), "DOCKER_HOST=unix:///nonexistent", programVariable+"="+named(t, file))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

// named gives this test's program by the name that it is gatefault under, for the upstreams that it starts.
func named(t *testing.T, file string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "gatefault")
	if err := os.Symlink(file, name); err != nil {
		t.Fatal(err)
	}
	return name
}

func start(t *testing.T, args ...string) *program {
	t.Helper()
	p := &program{Cmd: self(t, args...), lines: make(chan string, 1000)}
	p.Stderr = &p.stderr
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.StdinPipe(); err != nil { // open until the program ends
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { // ends with the program's output
		defer close(p.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	t.Cleanup(func() { _ = syscall.Kill(-p.Process.Pid, syscall.SIGKILL) })
	return p
}

// await reads lines up to one that has the text.
func (p *program) await(t *testing.T, text string) {
	t.Helper()
	for line := range p.lines {
		if strings.Contains(line, text) {
			return
		}
	}
	t.Fatalf("it ended without %q: %s", text, p.stderr.String())
}

// end waits for the program and gives its exit code and how long it took.
func (p *program) end() (code int, took time.Duration) {
	began := time.Now()
	for range p.lines {
	}
	var exit *exec.ExitError
	if errors.As(p.Wait(), &exit) {
		code = exit.ExitCode()
	}
	return code, time.Since(began)
}

// left lists the living processes of the program's session.
func (p *program) left() (names []string) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range stats {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		pid, rest, _ := strings.Cut(string(text), " ")
		name, after, _ := strings.Cut(rest, ") ")
		if f := strings.Fields(after); len(f) > 3 && f[3] == fmt.Sprint(p.Process.Pid) && f[0] != "Z" && f[0] != "X" {
			names = append(names, pid+" "+strings.TrimPrefix(name, "("))
		}
	}
	return names
}

// gone waits until nothing of the session lives; the kernel needs a moment to end the children of a killed process.
func (p *program) gone(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	for len(p.left()) > 0 {
		if ctx.Err() != nil {
			t.Fatalf("left behind: %v", p.left())
		}
		time.Sleep(10 * time.Millisecond) // processes of others: there is no event to wait for
	}
	folders, _ := filepath.Glob(filepath.Join(os.TempDir(), "gatefault-*-"+fmt.Sprint(p.Process.Pid)+"-*"))
	if len(folders) > 0 {
		t.Errorf("left behind: %v", folders)
	}
}

// slowRun is a run that goes on for seconds, with every installed gateway and a process endpoint.
func slowRun(t *testing.T) *program {
	p := start(t, "run", "--local", "-s", "app.503,process.pause,tcp.accept-hang,body.stall")
	p.await(t, "app.503")
	return p
}

func TestCtrlCLeavesNothing(t *testing.T) {
	t.Parallel()
	p := slowRun(t)
	if err := syscall.Kill(-p.Process.Pid, syscall.SIGINT); err != nil { // a terminal sends it to the whole group
		t.Fatal(err)
	}
	code, took := p.end()
	if code != exitInterrupted || took > limit || p.stderr.String() != "gatefault: interrupted\n" {
		t.Errorf("exit code %d after %s: %s", code, took, p.stderr.String())
	}
	p.gone(t)
}

func TestTerminateLeavesNothing(t *testing.T) {
	t.Parallel()
	p := slowRun(t)
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code, took := p.end(); code != exitInterrupted || took > limit {
		t.Errorf("exit code %d after %s", code, took)
	}
	p.gone(t)
}

func TestKillLeavesNoProcess(t *testing.T) {
	t.Parallel()
	p := slowRun(t)
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	p.end()
	p.gone(t)
}

// A drill waits for commands, with a fault in force.
func TestDrillLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGKILL} {
		p := start(t, "drill", "--local", "--seed", "1")
		p.await(t, "You are on call")
		if err := p.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		code, took := p.end()
		if signal == syscall.SIGINT && (code != exitInterrupted || took > limit || p.stderr.String() != "gatefault: interrupted\n") {
			t.Errorf("exit code %d after %s: %s", code, took, p.stderr.String())
		}
		p.gone(t)
	}
}

// A check's gateways live in sandboxes, whose processes end with it however it ends.
func TestCheckLeavesNothing(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("nginx"); err != nil || !sandboxes() {
		t.Skip("nginx is not installed, or this system lets us make no sandboxes")
	}
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGKILL} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "nginx.conf")
			if err := os.WriteFile(file, []byte(goodConfig), 0o644); err != nil {
				t.Fatal(err)
			}
			p := start(t, "check", "nginx", "--config", file, "--local", "-s", "app.503,head.slow,process.pause,tcp.drop-syn")
			p.await(t, "app.503")
			if err := p.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			code, took := p.end()
			if signal == syscall.SIGINT && (code != exitInterrupted || took > limit || p.stderr.String() != "gatefault: interrupted\n") {
				t.Errorf("exit code %d after %s: %s", code, took, p.stderr.String())
			}
			if signal == syscall.SIGKILL { // folders wait for the next start, or for gatefault sweep
				if out, err := self(t, "sweep").CombinedOutput(); err != nil {
					t.Errorf("%v: %s", err, out)
				}
			}
			p.gone(t)
		})
	}
}

// The lab answers where browsers are, though all else may run in a network namespace of its own.
func TestLabEndsAndLeavesNothing(t *testing.T) {
	t.Parallel()
	p := start(t, "lab", "--local", "--listen", "127.0.0.1:0")
	url := ""
	for line := range p.lines {
		if _, after, found := strings.Cut(line, "The lab is at "); found {
			url, _, _ = strings.Cut(after, " ")
			break
		}
	}
	resp, err := http.Get(url + "api/v1/catalogue")
	if err != nil {
		t.Fatalf("%v: %s", err, p.stderr.String())
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("%s", resp.Status)
	}
	if err := p.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code, took := p.end(); code != exitOK || took > limit {
		t.Errorf("exit code %d after %s: %s", code, took, p.stderr.String())
	}
	p.gone(t)
}

// A second Ctrl-C does not wait for anything.
func TestSecondCtrlCForces(t *testing.T) {
	t.Parallel()
	p := slowRun(t)
	var once sync.Once
	for range 2 {
		if err := p.Process.Signal(os.Interrupt); err != nil {
			once.Do(func() { t.Log("it ended by the first one already") })
		}
	}
	if code, took := p.end(); code != exitInterrupted || took > limit {
		t.Errorf("exit code %d after %s", code, took)
	}
	p.gone(t)
}
