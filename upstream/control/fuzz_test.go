package control_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/control"
)

// FuzzPlan: whatever a client sends, decoding and checking a plan does not panic, and a good plan survives being
// written and read again.
func FuzzPlan(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"rules":[{"fault":"head.garbage"}]}`, `{"seed":18446744073709551615,"rules":[{"fault":"head.slow","params":{"delay":"2s"},"for":"1m"}]}`,
		`{"rules":[{"script":"read-request\nrepeat 3\nsend \"x\"\nend\nclose"}]}`, `{"rules":[{"match":{"connection":2,"request":"2-5"},"fault":"head.none"}]}`,
		`{"rules":[{"fault":"head.huge-field","params":{"size":1e3}}]}`, `{"rules":[{"params":{"a":}}]}`, `{"rules":[{"params":null}]}`, `null`, `{"rules":[null]}`,
		`{"rules":[{"match":{"connection":null}}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var p upstream.Plan
		if control.DecodePlan(body, &p) != nil || p.Validate() != nil {
			return
		}
		b, err := json.Marshal(p)
		if err != nil {
			t.Fatalf("a good plan cannot be written: %v", err)
		}
		var again upstream.Plan
		if err := control.DecodePlan(b, &again); err != nil {
			t.Fatalf("%s cannot be read again: %v", b, err)
		}
		if err := again.Validate(); err != nil {
			t.Fatalf("%s is wrong when read again: %v", b, err)
		}
		b2, err := json.Marshal(again)
		if err != nil || !reflect.DeepEqual(b, b2) {
			t.Fatalf("%s became %s (%v)", b, b2, err)
		}
	})
}
