package run_test

import (
	"os"
	"testing"

	"github.com/gatefault/gatefault/upstream"
)

func TestMain(m *testing.M) {
	upstream.ServeChild()
	os.Exit(m.Run())
}
