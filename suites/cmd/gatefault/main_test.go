package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/suites/sandbox"
	"github.com/gatefault/gatefault/upstream"
)

// TestMain lets the test binary be the program itself, under its own name, and a small curl for the scripts.
func TestMain(m *testing.M) {
	upstream.ServeChild()
	sandbox.Serve()
	testscript.Main(m, map[string]func(){"gatefault": main, "curl": curl, "lookup": lookup})
}

// curl URL [NAME:VALUE ...] prints the status, the fields and the body of a GET, or fails.
func curl() {
	req, err := http.NewRequest(http.MethodGet, os.Args[1], nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	for _, field := range os.Args[2:] {
		name, value, _ := strings.Cut(field, ":")
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer resp.Body.Close()
	fmt.Println(resp.StatusCode)
	_ = resp.Header.Write(os.Stdout)
	if _, err := io.Copy(os.Stdout, resp.Body); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// TestScripts runs the files in testdata. They are the documentation of the command line, so each tells one story.
func TestScripts(t *testing.T) {
	dir := t.TempDir()
	static := sync.OnceValue(func() string { return buildStatic(filepath.Join(dir, "gatefault")) })
	testscript.Run(t, testscript.Params{
		Dir: "testdata", RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			// Docker only where a script asks for it: see the condition docker.
			e.Setenv("DOCKER_HOST", "unix:///nonexistent")
			e.Setenv("GATEFAULT_BINARY", "")
			schema, err := filepath.Abs("../../report/testdata/junit.xsd")
			e.Setenv("JUNIT_XSD", schema)
			return err
		},
		Condition: func(name string) (bool, error) {
			if name == "sandbox" {
				return sandboxes(), nil
			}
			if name == "docker" {
				if static() == "" && strings.Contains(os.Getenv("GATEFAULT_REQUIRE"), "containers") {
					return false, errors.New("GATEFAULT_REQUIRE demands containers, and no Docker engine answers")
				}
				return static() != "", nil
			}
			return false, fmt.Errorf("unknown condition %s", name)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "freeport": freeport, "await": await, "fits": fits,
			"docker-env": func(ts *testscript.TestScript, _ bool, _ []string) { dockerEnv(ts, static()) }},
	})
}

// sandboxes tells whether this system lets us make sandboxes.
var sandboxes = sync.OnceValue(func() bool {
	root, err := os.MkdirTemp("", "gatefault-test-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(root)
	s, err := sandbox.Open(context.Background(), sandbox.Spec{Root: root})
	if err == nil {
		_ = s.Close()
	}
	return err == nil
})

// lookup SERVER NAME prints the addresses that a name server gives, or its failure in Go's words.
func lookup() {
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, os.Args[1])
	}}
	addrs, err := resolver.LookupHost(context.Background(), os.Args[2]+".")
	var failed *net.DNSError
	if errors.As(err, &failed) {
		addrs = []string{failed.Err}
	}
	fmt.Println(strings.Join(addrs, "\n"))
}

// exits CODE ARGS... runs gatefault ARGS and wants that exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	if neg || err != nil {
		ts.Fatalf("usage: exits CODE ARGS...")
	}
	err = ts.Exec("gatefault", args[1:]...)
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
}

// fits SCHEMA DOCUMENT validates a JSON document.
func fits(ts *testscript.TestScript, _ bool, args []string) {
	var schema jsonschema.Schema
	var document any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &schema))
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &document))
	resolved, err := schema.Resolve(nil)
	ts.Check(err)
	ts.Check(resolved.Validate(document))
}

// freeport NAME... puts a free port of 127.0.0.1 into each variable.
func freeport(ts *testscript.TestScript, _ bool, names []string) {
	for _, name := range names {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		ts.Check(err)
		defer l.Close()
		ts.Setenv(name, strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	}
}

// await HOST:PORT returns when something accepts there.
func await(ts *testscript.TestScript, _ bool, args []string) {
	deadline := time.Now().Add(10 * time.Second)
	for {
		c, err := net.Dial("tcp", args[0])
		if err == nil {
			_ = c.Close()
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("nothing listens at %s: %v", args[0], err)
		}
		time.Sleep(10 * time.Millisecond) // there is no event to wait for: it is another process's listener
	}
}

// dockerEnv lets the rest of the script use the machine's Docker engine.
func dockerEnv(ts *testscript.TestScript, program string) {
	ts.Setenv("DOCKER_HOST", os.Getenv("DOCKER_HOST"))
	ts.Setenv("GATEFAULT_BINARY", program)
	ts.Setenv("HOME", os.Getenv("HOME"))
}

// buildStatic gives a static build of this program for containers: the one that GATEFAULT_BINARY names, or a new one. It
// gives nothing where no Docker engine answers.
func buildStatic(file string) string {
	e, err := gateway.Connect(context.Background(), nil)
	if err != nil {
		return ""
	}
	_ = e.Close()
	if built := os.Getenv("GATEFAULT_BINARY"); built != "" {
		return built
	}
	build := exec.Command("go", "build", "-o", file, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("build gatefault: %v: %s", err, out))
	}
	return file
}
