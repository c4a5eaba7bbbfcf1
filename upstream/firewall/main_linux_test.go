package firewall

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"testing"

	"github.com/gatefault/gatefault/upstream/firewall/netns"
	"go.uber.org/goleak"
)

// outside holds the network namespace that the tests were started in.
const outside = "FIREWALL_TEST_OUTSIDE"

// TestMain runs the tests in a network namespace of their own: they must never
// change the rules of the machine they run on.
func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	here, err := netns.ID()
	if err != nil {
		return 1, err
	}
	switch os.Getenv(outside) {
	case "":
		return inside(here)
	case here:
		return 1, errors.New("the tests still run in the machine's network namespace")
	}
	if err := netns.LoopbackUp(); err != nil {
		return 1, err
	}
	if os.Getenv(orphanRole) != "" {
		return 1, orphan()
	}
	code := m.Run()
	if code == 0 {
		return code, goleak.Find()
	}
	return code, nil
}

// inside runs the tests in a new namespace and returns their exit code.
func inside(here string) (int, error) {
	err := netns.Reexec(context.Background(), outside+"="+here).Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), nil
	}
	if os.IsPermission(err) {
		fmt.Println("skipped: this system forbids new network namespaces:", err)
		return 0, nil
	}
	return 0, err
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// opened is a firewall for one test, with nothing left of it afterwards.
func opened(t testing.TB) *Firewall {
	t.Helper()
	f, err := Open(quiet())
	if errors.Is(err, ErrUnavailable) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}
