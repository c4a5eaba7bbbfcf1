// Package quickstart keeps the program from looking at all processes of the machine when it starts. testcontainers-go does
// that to find the test run that it belongs to (internal/core/bootstrap), which takes a third of our start, and makes an id up
// where there is no /proc. What we start is known by labels of our own.
//
// Packages are initialised in the order of their import paths as soon as their imports are (Go specification, Program
// initialization), so this one comes before testcontainers-go.
package quickstart

import "os"

// hostProc tells gopsutil where /proc is.
const hostProc = "HOST_PROC"

var set bool

func init() {
	if _, users := os.LookupEnv(hostProc); !users {
		set = os.Setenv(hostProc, "/nonexistent") == nil
	}
}

// Over lets programs that are started from now on see the environment as it was.
func Over() {
	if set {
		_ = os.Unsetenv(hostProc)
	}
}
