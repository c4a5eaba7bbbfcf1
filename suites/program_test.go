package suites_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// program gives a static gatefault program for the upstream's container: the one GATEFAULT_BINARY names, or one built now.
var program = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("GATEFAULT_BINARY"); path != "" {
		return filepath.Abs(path)
	}
	dir, err := os.MkdirTemp("", "gatefault-program-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "gatefault")
	build := exec.Command("go", "build", "-o", path, "./cmd/gatefault")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build gatefault: %w\n%s", err, out)
	}
	return path, nil
})

// required tells whether this machine must be able to run containers: falling back would then be a failure.
func required() bool {
	return slices.Contains(strings.Split(os.Getenv("GATEFAULT_REQUIRE"), ","), "containers")
}
