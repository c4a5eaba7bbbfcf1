package wire_test

import (
	"testing"

	"github.com/gatefault/gatefault/upstream/wire"
)

func BenchmarkParse(b *testing.B) {
	const text = "read-request\nsend \"HTTP/1.1 200 OK\\r\\n${sentinel}Content-Length: 9000\\r\\n\\r\\n\"\nrepeat 3\nfill 1000\nsleep 300ms\nend\nreset"
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}
