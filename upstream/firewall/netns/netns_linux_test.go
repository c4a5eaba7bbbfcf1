package netns

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestMain turns the re-executed test binary into the program under test: it
// reports where it runs.
func TestMain(m *testing.M) {
	if os.Getenv("NETNS_TEST_CHILD") == "" {
		os.Exit(m.Run())
	}
	id, err := ID()
	if err != nil {
		fatal(err)
	}
	if err := LoopbackUp(); err != nil {
		fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:80") // a low port, on an interface that is up
	if err != nil {
		fatal(err)
	}
	l.Close()
	names, _ := net.Interfaces()
	fmt.Println(id, os.Getuid(), len(names), os.Getenv("EXTRA"))
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func TestReexecRunsInNamespaceOfItsOwn(t *testing.T) {
	cmd := Reexec(t.Context(), "NETNS_TEST_CHILD=1", "EXTRA=yes")
	checkChild(t, cmd, os.Getuid())
}

// Root can take the unprivileged path too: only the namespaces differ.
func TestUserNamespace(t *testing.T) {
	cmd := Reexec(t.Context(), "NETNS_TEST_CHILD=1", "EXTRA=yes")
	cmd.SysProcAttr = attributes(1000, 1000)
	cmd.SysProcAttr.UidMappings[0].HostID = os.Getuid()
	cmd.SysProcAttr.GidMappings[0].HostID = os.Getgid()
	checkChild(t, cmd, 1000)
}

func checkChild(t *testing.T, cmd *exec.Cmd, uid int) {
	t.Helper()
	cmd.Stdout, cmd.Stderr = nil, nil
	out, err := cmd.CombinedOutput()
	if os.IsPermission(err) {
		t.Skipf("this system forbids new network namespaces: %v", err)
	}
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	here, err := ID()
	if err != nil {
		t.Fatal(err)
	}
	id, rest, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	if id == here {
		t.Errorf("the child runs in our network namespace %s", here)
	}
	if want := fmt.Sprintf("%d 1 yes", uid); rest != want {
		t.Errorf("uid, number of interfaces, variable = %q, want %q", rest, want)
	}
}
