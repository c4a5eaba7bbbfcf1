package syslog

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// buffer is written by several goroutines.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
	got  chan struct{}
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer func() { b.got <- struct{}{} }()
	return b.text.Write(p)
}

func TestMessagesBecomeLines(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "log")
	out := &buffer{got: make(chan struct{}, 2)}
	defer receive(out, []string{socket, "/no/such/folder/log"})()
	conn, err := net.Dial("unixgram", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, message := range []string{"<134>Nov 21 10:00:00 haproxy[7]: one\n", "two\nlines\x00"} {
		if _, err := conn.Write([]byte(message)); err != nil {
			t.Fatal(err)
		}
		select {
		case <-out.got:
		case <-time.After(10 * time.Second):
			t.Fatal("nothing came")
		}
	}
	out.mu.Lock()
	defer out.mu.Unlock()
	if want := "Nov 21 10:00:00 haproxy[7]: one\ntwo lines\n"; out.text.String() != want {
		t.Errorf("got %q, want %q", out.text.String(), want)
	}
}

func TestRunGivesTheExitCode(t *testing.T) {
	for script, want := range map[string]int{"exit 3": 3, "kill -TERM $$": 143, "exit 0": 0} {
		if code, err := Run(nil, []string{"/bin/sh", "-c", script}); code != want || err != nil {
			t.Errorf("%s: got %d, %v, want %d", script, code, err, want)
		}
	}
	if _, err := Run(nil, []string{"/no/such/program"}); !os.IsNotExist(err) {
		t.Errorf("a program that is not there gives %v", err)
	}
}

func TestRunPassesSignalsOn(t *testing.T) {
	const script = `trap 'exit 7' USR1; kill -USR1 $PPID; while :; do sleep 0.01; done`
	if code, err := Run(nil, []string{"/bin/sh", "-c", script}); code != 7 || err != nil {
		t.Errorf("got %d, %v, want 7", code, err)
	}
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
