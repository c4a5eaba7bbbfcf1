package gateway

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// script writes a shell script that passes for a gateway's program.
func script(t *testing.T, body string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return file
}

func localSpec(t *testing.T, binary string) Spec {
	t.Helper()
	return Spec{Definition: definitions(t)["nginx"], Profile: "plain", Place: PlaceLocal, Binary: binary, Lanes: loopbackUpstreams(t, 1)}
}

func TestProgramThatIsNoGatewayIsToldInASentence(t *testing.T) {
	const example = `"nginx version: nginx/1.26.3"`
	for body, want := range map[string]string{
		"exit 1":               ` -v ended with exit status 1 and no output; a working nginx prints something like ` + example,
		"exit 0":               ` -v printed nothing, so it is no nginx (expected something like ` + example,
		"echo hello":           ` -v printed "hello", so it is no nginx (expected something like ` + example,
		"echo no lib; exit 3":  ` -v ended with exit status 3 and printed "no lib"; a working nginx prints something like ` + example,
		"kill -KILL $$":        ` -v ended with signal: killed and no output;`,
		"yes | head -c 900000": ` -v printed "y\ny\ny", so it is no nginx`,
	} {
		t.Run(body, func(t *testing.T) {
			_, err := Start(testContext(t), localSpec(t, script(t, body)))
			assertStartError(t, err, want)
		})
	}
	assertNoScratch(t)
}

// What hangs has 5 s, with all its children.
func TestHangingProgramIsCutOff(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pids")
	program := script(t, "echo $$ >>"+pids+"; sleep 100; echo nginx version: nginx/1.2.3")
	for name, c := range map[string]struct {
		call func() error
		want string
	}{
		"version": {func() error { _, err := Start(testContext(t), localSpec(t, program)); return err }, " did not print its version within 5 s"},
		"check":   {func() error { return CheckConfig(testContext(t), localSpec(t, program)) }, " did not check its configuration within 5 s"},
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			err := c.call()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
			t.Logf("%v, after %s", err, time.Since(began))
			if time.Since(began) > commandTimeout+2*time.Second {
				t.Error("it took too long")
			}
		})
	}
	assertGroupsEnded(t, pids)
	assertNoScratch(t)
}

func assertGroupsEnded(t *testing.T, pids string) {
	t.Helper()
	text, err := os.ReadFile(pids)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range strings.Fields(string(text)) {
		group, err := strconv.Atoi(word)
		if err != nil {
			t.Fatal(err)
		}
		awaitDeath(t, group)
	}
}

func TestHangingVersionEndsWithTheContext(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "begun")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(testContext(t))
	go func() {
		defer cancel()
		_, _ = os.ReadFile(fifo) // ends when the script has written
	}()
	began := time.Now()
	_, err := Start(ctx, localSpec(t, script(t, `[ "$1" = -v ] && echo asked >`+fifo+`; sleep 100`)))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("it took %s", took)
	}
	assertNoScratch(t)
}

// A child that keeps the output open does not keep the answer back.
func TestVersionOfAProgramThatLeavesAChild(t *testing.T) {
	d := definitions(t)["nginx"]
	program := script(t, "sleep 100 &\necho nginx version: nginx/1.2.3")
	version, err := d.askVersion(testContext(t), program, localRunner(program))
	if version != "1.2.3" || err != nil {
		t.Errorf("got %q, %v", version, err)
	}
}

// Wherever the start of a local program is interrupted, it leaves no folder and no process.
func TestInterruptedLocalStartLeavesNothing(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pids")
	program := script(t, "echo $$ >>"+pids+"; sleep 0.2; echo nginx version: nginx/1.2.3; [ \"$1\" = -v ] || sleep 100")
	for patience := time.Duration(0); patience <= 400*time.Millisecond; patience += 40 * time.Millisecond {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		_, err := Start(ctx, localSpec(t, program))
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after %s: %v", patience, err)
		}
	}
	assertGroupsEnded(t, pids)
	assertNoScratch(t)
}
