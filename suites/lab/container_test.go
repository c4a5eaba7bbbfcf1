package lab_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/suites/run"
)

// program is gatefault itself, for the upstream's container.
func program(t *testing.T) string {
	t.Helper()
	if built := os.Getenv("GATEFAULT_BINARY"); built != "" {
		return built
	}
	out := filepath.Join(t.TempDir(), "gatefault")
	build := exec.Command("go", "build", "-o", out, "../cmd/gatefault")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build gatefault: %v\n%s", err, out)
	}
	return out
}

// A real gateway, and a fault that only the upstream's container can do.
func TestARealGateway(t *testing.T) {
	e, err := gateway.Connect(t.Context(), nil)
	if err != nil {
		if slices.Contains(strings.Split(os.Getenv("GATEFAULT_REQUIRE"), ","), "containers") {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	_ = e.Close()
	s := openOn(t, goleak.IgnoreCurrent(), run.Options{Gateways: gateways(t, "nginx"), Program: program(t)}, nil)
	x := s.experiment(`{"fault": "tcp.drop-syn", "request": {}}`)
	if c := x.Cells[0]; c.Outcome != "504 made" || !strings.HasPrefix(c.Title, "nginx 1.") {
		t.Errorf("%+v", c)
	}
	if c := s.experiment(`{"scenario": "retries.post-twice"}`).Cells[0]; c.Outcome != "200 passed" || c.Verdict != run.Deviates {
		t.Errorf("%+v", c)
	}
}
