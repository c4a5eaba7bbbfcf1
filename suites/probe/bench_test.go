package probe_test

import (
	"testing"
	"time"

	"github.com/gatefault/gatefault/suites/probe"
	"github.com/gatefault/gatefault/upstream"
)

// BenchmarkDo times one request on a connection of its own, the way every cell makes its requests.
func BenchmarkDo(b *testing.B) {
	up, err := upstream.New(upstream.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer up.Close()
	ep, err := up.Listen(upstream.EndpointConfig{Address: "127.0.0.1:0"})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if ex := probe.Do(b.Context(), ep.Addr().String(), probe.Request{Target: "/"}, probe.Options{Patience: time.Second}); ex.Err != nil {
			b.Fatal(ex.Err)
		}
	}
}
