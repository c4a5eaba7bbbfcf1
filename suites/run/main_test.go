package run_test

import (
	"os"
	"testing"

	"github.com/gatefault/gatefault/suites/sandbox"
	"github.com/gatefault/gatefault/upstream"
)

func TestMain(m *testing.M) {
	upstream.ServeChild()
	sandbox.Serve()
	os.Exit(m.Run())
}
