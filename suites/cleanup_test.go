package suites_test

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatefault/gatefault/suites/gateway"
)

// leftovers lists the containers and networks of a process, with the engine's own client.
func leftovers(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, args := range [][]string{
		{"ps", "-a", "--filter", "label=gatefault.owner", "--format", "container {{.Names}}"},
		{"network", "ls", "--filter", "label=gatefault.owner", "--format", "network {{.Name}}"},
	} {
		out, err := exec.CommandContext(t.Context(), "docker", args...).Output()
		if err != nil {
			t.Fatalf("docker %s: %v", strings.Join(args, " "), err)
		}
		all = append(all, strings.Fields(strings.ReplaceAll(string(out), " ", ":"))...)
	}
	return slices.DeleteFunc(all, func(left string) bool {
		name, isNetwork := strings.CutPrefix(left, "network:")
		return isNetwork && held(t.Context(), name)
	})
}

// held tells whether the engine refuses to remove a network that no container is on: it has lost count.
func held(ctx context.Context, network string) bool {
	on, err := exec.CommandContext(ctx, "docker", "network", "inspect", "--format", "{{len .Containers}}", network).Output()
	if err != nil || strings.TrimSpace(string(on)) != "0" {
		return false
	}
	said, err := exec.CommandContext(ctx, "docker", "network", "rm", network).CombinedOutput()
	return err != nil && strings.Contains(string(said), "has active endpoints")
}

// running starts a run that takes seconds and returns when its first cell is done.
func running(t *testing.T, tmp string) *exec.Cmd {
	t.Helper()
	return runningUntil(t, tmp, "nginx healthy", "run", "-g", "nginx,go", "-s", "healthy,tcp.drop-syn,process.pause,body.stall")
}

// runningUntil starts gatefault and returns when a line of its progress has the text.
func runningUntil(t *testing.T, tmp, text string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	progress, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(progress)
	for lines.Scan() {
		if strings.Contains(lines.Text(), text) {
			go io.Copy(io.Discard, progress)
			return cmd
		}
	}
	t.Fatalf("the run ended before a cell was done: %v", cmd.Wait())
	return nil
}

func needEngine(t *testing.T) {
	t.Helper()
	e, err := gateway.Connect(t.Context(), nil)
	switch {
	case err == nil:
		defer e.Close()
		if _, err := e.Sweep(t.Context()); err != nil { // what tests before this one killed
			t.Fatal(err)
		}
	case required():
		t.Fatal(err)
	default:
		t.Skip(err)
	}
	switch left := leftovers(t); {
	case len(left) == 0:
	case required():
		t.Fatalf("something is left before this test: another run, or what an earlier test did not remove: %v", left)
	default:
		t.Skipf("another run is under way on this machine: %v", left)
	}
}

func TestInterruptLeavesNothing(t *testing.T) {
	needEngine(t)
	tmp := t.TempDir()
	cmd := running(t, tmp)
	began := time.Now()
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s to end", took)
	}
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("exit code %d, want 130", code)
	}
	checkNothingLeft(t, cmd, tmp)
}

func TestInterruptOfACheckLeavesNothing(t *testing.T) {
	needEngine(t)
	tmp := t.TempDir()
	file := filepath.Join(tmp, "nginx.conf")
	config := "events {}\nhttp { server { listen 80; location / { proxy_pass http://app:8080; proxy_read_timeout 5s; } } }\n"
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := runningUntil(t, tmp, "app:8080 healthy", "check", "nginx", "--config", file, "-s", "healthy,head.slow,process.pause,tcp.drop-syn")
	began := time.Now()
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %s to end", took)
	}
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("exit code %d, want 130", code)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	checkNothingLeft(t, cmd, tmp)
}

func TestNextStartSweepsWhatAKilledRunLeft(t *testing.T) {
	needEngine(t)
	tmp := t.TempDir()
	cmd := running(t, tmp)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if len(leftovers(t)) == 0 {
		t.Fatal("a killed run left nothing, so this test shows nothing")
	}
	next := exec.Command(cmd.Path, "run", "-g", "go", "-s", "healthy")
	next.Env = append(os.Environ(), "TMPDIR="+tmp)
	if out, err := next.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	checkNothingLeft(t, cmd, tmp)
}

// checkNothingLeft looks for containers, networks, processes and temporary files. Firewall rules live in the upstream
// container's network namespace, so they are gone with it.
func checkNothingLeft(t *testing.T, cmd *exec.Cmd, tmp string) {
	t.Helper()
	for _, left := range leftovers(t) {
		t.Errorf("left behind: %s", left)
	}
	if err := syscall.Kill(-cmd.Process.Pid, 0); err == nil {
		t.Error("a process of the run is still there")
	}
	if files, err := filepath.Glob(filepath.Join(tmp, "*")); err != nil || len(files) > 0 {
		t.Errorf("left behind: %v %v", files, err)
	}
}
