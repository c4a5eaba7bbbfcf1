package sandbox_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gatefault/gatefault/suites/sandbox"
)

// insideVariable has the test binary run a shell-less program of its own: see inside.
const insideVariable = "SANDBOX_TEST_INSIDE"

func TestMain(m *testing.M) {
	sandbox.Serve()
	if what := os.Getenv(insideVariable); what != "" {
		os.Exit(inside(what, os.Args[1:]))
	}
	goleak.VerifyTestMain(m)
}

// open makes a sandbox that ends with the test, or skips the test where the system does not let us, unless GATEFAULT_REQUIRE
// names sandboxes.
func open(t *testing.T, spec sandbox.Spec) *sandbox.Sandbox {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	spec.Root, spec.Show = t.TempDir(), append(spec.Show, exe)
	s, err := sandbox.Open(t.Context(), spec)
	if errors.Is(err, sandbox.ErrForbidden) && !strings.Contains(os.Getenv("GATEFAULT_REQUIRE"), "sandboxes") {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// start starts the test binary in the sandbox and gives its output to read.
func start(t *testing.T, s *sandbox.Sandbox, what string, args ...string) (*sandbox.Program, *os.File) {
	t.Helper()
	return startAs(t, s, what, sandbox.Command{Args: args})
}

// run is start for a program that nobody waits for.
func run(t *testing.T, s *sandbox.Sandbox, what string, c sandbox.Command, args ...string) *os.File {
	t.Helper()
	c.Args = args
	_, out := startAs(t, s, what, c)
	return out
}

func startAs(t *testing.T, s *sandbox.Sandbox, what string, c sandbox.Command) (*sandbox.Program, *os.File) {
	t.Helper()
	var err error
	if c.Path, err = os.Executable(); err != nil {
		t.Fatal(err)
	}
	c.Env = []string{insideVariable + "=" + what}
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close() })
	p, err := s.Start(t.Context(), c, in)
	in.Close()
	if err != nil {
		t.Fatal(err)
	}
	return p, out
}

// does gives the whole output of the test binary in the sandbox, which must end well.
func does(t *testing.T, s *sandbox.Sandbox, what string, args ...string) string {
	t.Helper()
	p, out := start(t, s, what, args...)
	said, err := io.ReadAll(out)
	if exit := p.Exit(); err != nil || exit != (sandbox.Exit{}) {
		t.Fatalf("%s ended with %+v, %v: %s", what, exit, err, said)
	}
	return strings.TrimSpace(string(said))
}

// archive packs files; a name that ends in a slash is a folder, one with ">" a link.
func archive(t *testing.T, files map[string]string, modes map[string]int64) io.Reader {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for name, content := range files {
		h := &tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(content))}
		if strings.HasSuffix(name, "/") {
			h.Typeflag, h.Mode = tar.TypeDir, 0o755
		}
		if link, is := strings.CutPrefix(content, ">"); is {
			h.Typeflag, h.Linkname, h.Size, content = tar.TypeSymlink, link, 0, ""
		}
		if mode := modes[name]; mode != 0 {
			h.Mode = mode
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

func TestFilesStandInThePlaceOfThisMachines(t *testing.T) {
	const etc = "/etc"
	s := open(t, sandbox.Spec{Files: archive(t, map[string]string{
		"etc/hosts":                   "127.83.0.1 app\n",
		"etc/gatefault-test/new.conf": "mine",
		"no/such/folder/file":         "far",
		"var/run/gatefault-test.pid":  "1",
		"var/log/":                    "",
		"var/log/access.log":          ">/dev/stdout",
	}, map[string]int64{"var/log/": 0o777})})
	for path, want := range map[string]string{
		etc + "/hosts":                   "127.83.0.1 app",
		etc + "/gatefault-test/new.conf": "mine",
		"/no/such/folder/file":           "far",
		"/run/gatefault-test.pid":        "1", // /var/run is a link on this machine, and so in the sandbox
	} {
		if got := does(t, s, "read", path); got != want {
			t.Errorf("%s has %q, want %q", path, got, want)
		}
	}
	passwd, err := os.ReadFile(etc + "/passwd")
	if err != nil {
		t.Fatal(err)
	}
	if got := does(t, s, "read", etc+"/passwd"); got != strings.TrimSpace(string(passwd)) {
		t.Errorf("this machine's own file is %.40q", got)
	}
	for folder, want := range map[string]string{"/var/log": "access.log", "/var/tmp": ""} {
		if got := does(t, s, "list", folder); got != want {
			t.Errorf("%s has %q, want %q", folder, got, want)
		}
	}
	for _, path := range []string{etc + "/gatefault-test", "/no/such/folder/file"} {
		if _, err := os.Lstat(path); err == nil {
			t.Errorf("%s is on this machine", path)
		}
	}
}

func TestThisMachinesFilesAreNotWrittenTo(t *testing.T) {
	mine := filepath.Join(t.TempDir(), "mine")
	if err := os.WriteFile(mine, []byte("as before"), 0o666); err != nil {
		t.Fatal(err)
	}
	s := open(t, sandbox.Spec{Show: []string{filepath.Dir(mine)}})
	for _, path := range []string{mine, filepath.Dir(mine) + "/other", "/etc/gatefault-test", "/usr/gatefault-test"} {
		if got := does(t, s, "write", path); !strings.Contains(got, "read-only file system") && !strings.Contains(got, "permission denied") {
			t.Errorf("%s: %s", path, got)
		}
	}
	for _, path := range []string{"/tmp/a", "/var/tmp/a", "/run/a", "/dev/shm/gatefault-test", "/dev/gatefault-test", "/dev/null"} {
		if got := does(t, s, "write", path); got != "written" {
			t.Errorf("%s: %s", path, got)
		}
		if _, err := os.Lstat(path); err == nil && path != "/dev/null" {
			t.Errorf("%s is on this machine", path)
		}
	}
}

func TestNetworkOfItsOwn(t *testing.T) {
	elsewhere := netip.MustParseAddr("198.51.100.7")
	s := open(t, sandbox.Spec{Addresses: []netip.Addr{elsewhere, netip.MustParseAddr("2001:db8::7")}})
	later := netip.MustParseAddr("203.0.113.9")
	for range 2 {
		if err := s.AddAddress(t.Context(), later); err != nil {
			t.Fatal(err)
		}
	}
	for _, addr := range []string{"127.0.0.1:80", "127.83.0.1:80", "[::1]:80", "198.51.100.7:80", "[2001:db8::7]:80", "203.0.113.9:80"} {
		p, out := start(t, s, "echo", addr)
		if _, err := out.Read(make([]byte, 1)); err != nil { // it listens
			t.Fatal(err)
		}
		c, err := s.Dial(t.Context(), "tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.RemoteAddr().String(); got != addr {
			t.Errorf("connected to %s, want %s", got, addr)
		}
		_, _ = io.WriteString(c, "hello")
		_ = c.(*net.TCPConn).CloseWrite()
		if got, err := io.ReadAll(c); string(got) != "hello" || err != nil {
			t.Errorf("%s: %q, %v", addr, got, err)
		}
		_ = c.Close()
		if err := p.Signal(t.Context(), syscall.SIGKILL); err != nil {
			t.Error(err)
		}
		if exit := p.Exit(); exit.Signal != "SIGKILL" {
			t.Errorf("%+v", exit)
		}
	}
	here, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range here {
		if strings.HasPrefix(a.String(), elsewhere.String()) || strings.HasPrefix(a.String(), later.String()) {
			t.Errorf("this machine has %s", a)
		}
	}
}

// Programs in the two networks may have the same port, as two machines do.
func TestFarNetwork(t *testing.T) {
	s := open(t, sandbox.Spec{Far: true})
	elsewhere := []netip.Addr{netip.MustParseAddr("10.20.30.40"), netip.MustParseAddr("2001:db8::7"), sandbox.SpareFar(0), sandbox.SpareFar(1)}
	for _, addr := range elsewhere {
		if err := s.AddFarAddress(t.Context(), addr); err != nil {
			t.Fatal(err)
		}
	}
	for what, c := range map[string]sandbox.Command{"echo": {}, "peer": {Far: true}} {
		out := run(t, s, what, c, ":80")
		if _, err := out.Read(make([]byte, 1)); err != nil { // it listens
			t.Fatal(err)
		}
	}
	for _, addr := range append(elsewhere, sandbox.FarAddr) {
		c, err := s.Dial(t.Context(), "tcp", netip.AddrPortFrom(addr, 80).String())
		if err != nil {
			t.Fatal(err)
		}
		near := sandbox.NearAddr
		if addr.Is6() {
			near = netip.MustParseAddr("2001:2::1")
		}
		if got, err := io.ReadAll(c); err != nil || string(got) != near.String() {
			t.Errorf("%s answered %s, %v", addr, got, err)
		}
		_ = c.Close()
	}
	c, err := s.Dial(t.Context(), "tcp", "127.0.0.1:80")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(c, "near")
	_ = c.(*net.TCPConn).CloseWrite()
	if got, err := io.ReadAll(c); err != nil || string(got) != "near" {
		t.Errorf("%q, %v", got, err)
	}
	_ = c.Close()
}

func TestDialTellsWhatWentWrong(t *testing.T) {
	s := open(t, sandbox.Spec{})
	if _, err := s.Dial(t.Context(), "tcp", "127.0.0.1:9"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("%v", err)
	}
	if _, err := s.Dial(t.Context(), "tcp", "192.0.2.1:9"); !errors.Is(err, syscall.ENETUNREACH) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Dial(ctx, "tcp", "127.0.0.1:9"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	from := netip.MustParseAddrPort("127.0.0.5:0")
	p, out := start(t, s, "echo", "127.0.0.1:80")
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	c, err := s.DialFrom(t.Context(), "tcp", "127.0.0.1:80", from)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.LocalAddr().(*net.TCPAddr).IP.String(); got != "127.0.0.5" {
		t.Errorf("dialed from %s", got)
	}
	_ = c.Close()
	_ = p.Signal(t.Context(), syscall.SIGKILL)
	<-p.Ended()
}

// A reset is one, and a close is one, as without a sandbox.
func TestEndsArriveAsTheyAre(t *testing.T) {
	s := open(t, sandbox.Spec{})
	for what, want := range map[string]error{"reset": syscall.ECONNRESET, "close": io.EOF} {
		p, out := start(t, s, what, "127.0.0.1:80")
		if _, err := out.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		c, err := s.Dial(t.Context(), "tcp", "127.0.0.1:80")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, "x")
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, want) {
			t.Errorf("%s: %v", what, err)
		}
		_ = c.Close()
		_ = p.Signal(t.Context(), syscall.SIGKILL)
		<-p.Ended()
	}
}

func TestProgramsThatCannotStart(t *testing.T) {
	s := open(t, sandbox.Spec{})
	out, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if _, err := s.Start(t.Context(), sandbox.Command{Path: "/no/such/program"}, out); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("%v", err)
	}
	if got := does(t, s, "list", "/var/tmp"); got != "" { // and the sandbox goes on
		t.Errorf("%q", got)
	}
}

// All ends with the sandbox, also what has left its process group.
func TestEverythingEndsWithTheSandbox(t *testing.T) {
	s := open(t, sandbox.Spec{})
	p, out := start(t, s, "daemon")
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, out); err != nil { // ends when nobody holds the other end
		t.Error(err)
	}
	<-p.Ended()
	if _, err := s.Dial(t.Context(), "tcp", "127.0.0.1:80"); err == nil || !strings.Contains(err.Error(), "the sandbox has ended") {
		t.Errorf("%v", err)
	}
}

// Nothing outlives the process that made the sandbox, however that ends.
func TestEverythingEndsWithTheParent(t *testing.T) {
	root := t.TempDir()
	cmd := exec.Command("/proc/self/exe", root)
	cmd.Env = append(os.Environ(), insideVariable+"=parent")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 64)
	n, err := out.Read(first)
	if err != nil {
		t.Fatal(err)
	}
	_ = cmd.Process.Kill()
	if _, err := io.Copy(io.Discard, out); err != nil { // ends when nobody holds the other end
		t.Error(err)
	}
	_ = cmd.Wait()
	if got := string(first[:n]); !strings.HasPrefix(got, "started") {
		t.Skip(got)
	}
	if entries, err := os.ReadDir(root); err != nil || len(entries) > 0 {
		t.Errorf("the mount is there still: %v, %v", entries, err)
	}
}

// Whoever is not root has the same, where the system lets users make namespaces.
func TestWithoutRoot(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("all of the tests run without root")
	}
	folder, err := os.MkdirTemp("", "sandbox-test-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(folder)
	program, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(folder, "test")
	if err := errors.Join(os.WriteFile(copied, program, 0o755), os.Chmod(folder, 0o777)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(copied, "-test.v")
	cmd.Dir, cmd.Env = folder, append(os.Environ(), "TMPDIR="+folder)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, sandbox.ErrForbidden.Error()) {
			t.Skip(strings.TrimSpace(line))
		}
	}
}
