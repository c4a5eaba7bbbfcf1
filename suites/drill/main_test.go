package drill

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/gatefault/gatefault/upstream"
)

func TestMain(m *testing.M) {
	upstream.ServeChild()
	goleak.VerifyTestMain(m)
}
