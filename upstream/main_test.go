package upstream_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/gatefault/gatefault/upstream"
)

func TestMain(m *testing.M) {
	upstream.ServeChild()
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			code = 1
		}
	}
	os.Exit(code)
}
