//go:build linux

package main

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gatefault/gatefault/suites/report"
	"github.com/gatefault/gatefault/suites/run"
)

// When the reader of the output goes, as head does, a run cleans up and ends as other programs do.
func TestRunEndsQuietlyWithoutAReader(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := &program{Cmd: self(t, "run", "--local", "-s", "app.503,process.pause,tcp.accept-hang,body.stall"), lines: make(chan string)}
	close(p.lines)
	p.Stdout, p.Stderr = w, &p.stderr
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(-p.Process.Pid, syscall.SIGKILL) })
	_ = w.Close()
	if _, err := r.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	if code, took := p.end(); code != exitPipe || took > 2*limit || p.stderr.Len() > 0 {
		t.Errorf("exit code %d after %s: %s", code, took, p.stderr.String())
	}
	p.gone(t)
}

// What is finished when a run is interrupted is in its report; the other cells say why they are not.
func TestInterruptedRunWritesItsReports(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "out.json")
	p := start(t, "run", "--local", "-g", "go", "-s", "app.503,tcp.accept-hang", "--json", file, "--junit", file+".xml")
	p.await(t, "app.503")
	if err := p.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if code, _ := p.end(); code != exitInterrupted {
		t.Errorf("exit code %d: %s", code, p.stderr.String())
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d, err := report.ReadJSON(f)
	if err != nil {
		t.Fatal(err)
	}
	if d.Counts[run.Standard] != 1 || d.Counts[run.Error] != 1 {
		t.Errorf("got %v", d.Counts)
	}
	text, err := os.ReadFile(file + ".xml")
	if err != nil || !strings.Contains(string(text), `message="not finished: interrupted"`) {
		t.Errorf("%v: %s", err, text)
	}
}

// Whoever follows a journal is told once that the upstream has gone.
func TestFollowTellsThatTheUpstreamIsGone(t *testing.T) {
	t.Parallel()
	up := start(t, "upstream", "--control", "127.0.0.1:0", "--listen", "app=127.0.0.1:0", "--fault", "app.503")
	_, address, _ := strings.Cut(<-up.lines, "http://")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	follow := self(t, "journal", "-f", "--control", address)
	follow.Stdout, follow.Stderr = w, w
	if err := follow.Start(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	lines := bufio.NewScanner(r)
	if !lines.Scan() || !strings.Contains(lines.Text(), "app.503") {
		t.Fatalf("got %q", lines.Text())
	}
	if err := up.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if want := "gatefault: the upstream at " + address + " is gone; waiting for it to come back, Ctrl-C ends this"; !lines.Scan() || lines.Text() != want {
		t.Errorf("got %q, want %q", lines.Text(), want)
	}
	if err := follow.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if lines.Scan() {
		t.Errorf("told more: %q", lines.Text())
	}
	if err := follow.Wait(); err != nil {
		t.Error(err)
	}
}
