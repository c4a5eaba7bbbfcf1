package gateway

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/testcontainers/testcontainers-go"
)

// again runs one test of this package in a new process, where GATEFAULT_TEST_AGAIN is set: testcontainers keeps the first
// engine of a process.
func again(t *testing.T, env ...string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(append(os.Environ(), "GATEFAULT_TEST_AGAIN=1"), env...)
	text, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, text)
	}
	t.Logf("%s", text)
}

func inNewProcess() bool { return os.Getenv("GATEFAULT_TEST_AGAIN") != "" }

func TestNoEngineIsToldAtOnce(t *testing.T) {
	t.Setenv("DOCKER_HOST", "tcp://"+refusingAddress(t).String())
	began := time.Now()
	_, err := Connect(context.Background(), nil)
	if !errors.Is(err, ErrNoEngine) || !strings.HasSuffix(err.Error(), "; start Docker or correct DOCKER_HOST") {
		t.Errorf("got %v, want ErrNoEngine", err)
	}
	t.Logf("%v, after %s", err, time.Since(began))
	if time.Since(began) > connectTimeout {
		t.Error("it took too long")
	}
}

// Root may use every socket, so another user has to try.
func TestForbiddenSocketIsTold(t *testing.T) {
	if inNewProcess() {
		_, err := Connect(context.Background(), nil)
		if !errors.Is(err, ErrNoEngine) || !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "join the docker group") {
			t.Errorf("got %v", err)
		}
		t.Log(err)
		return
	}
	if os.Getuid() != 0 {
		t.Skip("only root can become another user")
	}
	folder := openFolder(t)
	socket := filepath.Join(folder, "docker.sock")
	startFakeEngine(t, socket)
	if err := os.Chmod(socket, 0o600); err != nil {
		t.Fatal(err)
	}
	program := copyOfThisTest(t, folder)
	cmd := exec.Command(program, "-test.run=^TestForbiddenSocketIsTold$", "-test.v")
	cmd.Dir = folder
	cmd.Env = []string{"GATEFAULT_TEST_AGAIN=1", "DOCKER_HOST=unix://" + socket, "HOME=/"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	text, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, text)
	}
	t.Logf("%s", text)
}

// openFolder is a temporary folder that other users may enter.
func openFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "gf-test-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	return folder
}

func copyOfThisTest(t *testing.T, folder string) string {
	t.Helper()
	text, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(folder, "gateway.test")
	if err := os.WriteFile(program, text, 0o755); err != nil {
		t.Fatal(err)
	}
	return program
}

// madeID is the id of the container that a fake engine makes.
const madeID = "c0ffee0c0ffee0c0ffee0c0ffee0c0ffee0c0ffee0c0ffee0c0ffee0c0ffee00"

// fakeEngine answers like an engine on a socket and remembers what it was asked. What it is told to list belongs to a
// process that has ended.
type fakeEngine struct {
	owner owner

	mu    sync.Mutex // guards what follows
	asked []string
	fails string // the call that fails
}

func startFakeEngine(t *testing.T, socket string) *fakeEngine {
	t.Helper()
	f := &fakeEngine{}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(f)
	server.Listener.Close()
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	return f
}

func (f *fakeEngine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call := r.Method + " " + versionPrefix(r.URL.Path)
	f.mu.Lock()
	f.asked = append(f.asked, call)
	failing := call == f.fails
	f.mu.Unlock()
	if failing {
		http.Error(w, `{"message":"made, but not told; it has active endpoints"}`, http.StatusInternalServerError)
		return
	}
	labels := fmt.Sprintf(`"Labels":{%q:%q}`, labelOwner, f.owner)
	w.Header().Set("Api-Version", "1.41")
	answers := map[string]string{
		"GET /info":               `{}`,
		"GET /containers/json":    `[{"Id":"c1",` + labels + `}]`,
		"GET /networks":           `[{"Id":"n0","Name":"bridge"},{"Id":"n1","Name":"old",` + labels + `}]`,
		"GET /networks/n1":        `{"Id":"n1","Containers":{}}`,
		"POST /networks/create":   `{"Id":"n2"}`,
		"GET /volumes":            `{"Volumes":[{"Name":"v1",` + labels + `}]}`,
		"POST /volumes/create":    `{"Name":"v2"}`,
		"GET /images/img/json":    `{"Id":"sha256:1","Config":{}}`,
		"POST /containers/create": `{"Id":"` + madeID + `"}`,

		"GET /containers/" + madeID + "/json": `{"Id":"` + madeID + `","State":{},"NetworkSettings":{"Networks":{}}}`,
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, answers[call])
}

// versionPrefix cuts the API's version off a path.
func versionPrefix(path string) string {
	if rest, ok := strings.CutPrefix(path, "/v1."); ok {
		return rest[strings.Index(rest, "/"):]
	}
	return path
}

func (f *fakeEngine) failOn(call string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fails = call
}

// calls are the calls since the last look.
func (f *fakeEngine) calls() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	asked := f.asked
	f.asked = nil
	return asked
}

// Everything goes to the engine that was checked, although testcontainers keeps to the first one of this process. Neither
// is a real engine.
func TestAllCallsGoToTheEngineThatWasChecked(t *testing.T) {
	if !inNewProcess() {
		again(t, "HOME="+t.TempDir())
		return
	}
	sockets := []string{filepath.Join(t.TempDir(), "s"), filepath.Join(t.TempDir(), "s")}
	first, second := startFakeEngine(t, sockets[0]), startFakeEngine(t, sockets[1])
	a := connectTo(t, first, sockets[0])
	useAll(t, a)
	b := connectTo(t, second, sockets[1])
	first.calls()
	second.calls()
	for name, e := range map[string]*Engine{"second": b, "first": a} {
		asked, other := second, first
		if name == "first" {
			asked, other = first, second
		}
		useAll(t, e)
		got := asked.calls()
		for _, call := range []string{"DELETE /containers/c1", "DELETE /networks/n1", "DELETE /volumes/v1", "POST /networks/create", "DELETE /networks/n2",
			"POST /containers/create", "POST /containers/" + madeID + "/start", "DELETE /containers/" + madeID} {
			if !slices.Contains(got, call) {
				t.Errorf("the %s engine was not asked to %s; calls: %q", name, call, got)
			}
		}
		if stray := other.calls(); len(stray) > 0 {
			t.Errorf("meant for the %s engine, the other was asked to %q", name, stray)
		}
	}
}

func connectTo(t *testing.T, f *fakeEngine, socket string) *Engine {
	t.Helper()
	t.Setenv("DOCKER_HOST", "unix://"+socket)
	e, err := Connect(testContext(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	f.owner = e.owner
	f.owner.Started = "1" // this pid, used by another process before
	return e
}

// useAll makes and removes everything.
func useAll(t *testing.T, e *Engine) {
	t.Helper()
	if swept, err := e.Sweep(testContext(t)); err != nil || swept != (Swept{Containers: 1, Networks: 1, Volumes: 1}) {
		t.Errorf("swept %+v, %v", swept, err)
	}
	if removed, err := e.RemoveAll(testContext(t)); err != nil || removed != (Swept{}) {
		t.Errorf("removed %+v, %v", removed, err)
	}
	n, err := e.Network(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	req := testcontainers.ContainerRequest{Image: "img", Labels: e.labels("gateway")}
	n.attach(&req)
	b, err := e.run(testContext(t), req, NewLogBook(Regexp{}))
	if err != nil {
		t.Fatal(err)
	}
	stopped(t, b.remove)
	if err := n.Remove(testContext(t)); err != nil {
		t.Error(err)
	}
}

// besideFakeEngine runs the test in a process of its own, with an engine that is not real; nil in the process that started it.
func besideFakeEngine(t *testing.T) (*fakeEngine, *Engine) {
	t.Helper()
	if !inNewProcess() {
		again(t, "HOME="+t.TempDir())
		return nil, nil
	}
	socket := filepath.Join(t.TempDir(), "s")
	f := startFakeEngine(t, socket)
	return f, connectTo(t, f, socket)
}

// An engine may have made what it fails to tell of.
func TestFailedCreationIsUndoneByName(t *testing.T) {
	f, e := besideFakeEngine(t)
	if f == nil {
		return
	}
	for what, fail := range map[string]func() error{
		"containers": func() error {
			f.failOn("POST /containers/create")
			req := testcontainers.ContainerRequest{Image: "img", Name: uniqueName("test")}
			_, err := e.create(testContext(t), req)
			return err
		},
		"networks": func() error {
			f.failOn("POST /networks/create")
			_, err := e.Network(testContext(t))
			return err
		},
	} {
		err := fail()
		if err == nil || !strings.Contains(err.Error(), "made, but not told") {
			t.Errorf("%s: got %v", what, err)
		}
		if !slices.ContainsFunc(f.calls(), func(call string) bool { return strings.HasPrefix(call, "DELETE /"+what+"/gatefault-") }) {
			t.Errorf("%s: nothing was undone", what)
		}
	}
}

// A network that the engine holds, though no container is on it, is told of and is no failure.
func TestANetworkThatTheEngineHoldsIsToldOf(t *testing.T) {
	f, e := besideFakeEngine(t)
	if f == nil {
		return
	}
	var told []string
	e.progress = func(name, message string) { told = append(told, name+": "+message) }
	f.failOn("DELETE /networks/n1")
	if swept, err := e.Sweep(testContext(t)); err != nil || swept != (Swept{Containers: 1, Volumes: 1}) {
		t.Errorf("swept %+v, %v", swept, err)
	}
	if len(told) != 1 || !strings.Contains(told[0], "n1 stays: no container is on the network") {
		t.Errorf("told: %q", told)
	}
	if err := (&Network{engine: e, id: "n1"}).Remove(testContext(t)); err != nil {
		t.Error(err)
	}
}
