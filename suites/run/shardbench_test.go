package run

import (
	"fmt"
	"testing"

	"github.com/gatefault/gatefault/docker"
	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/gateway"
)

// BenchmarkPlan times the planning of many cells, and their split into shards.
func BenchmarkPlan(b *testing.B) {
	gateways, err := gateway.Load(docker.Files)
	if err != nil {
		b.Fatal(err)
	}
	for _, n := range []int{100, 1000} {
		all := make([]*scenarios.Scenario, n)
		for i := range all {
			all[i] = &scenarios.Scenario{ID: fmt.Sprintf("made.up-%d", i), Fault: "head.none", Profile: "plain"}
		}
		b.Run(fmt.Sprintf("scenarios=%d", n), func(b *testing.B) {
			for b.Loop() {
				if _, err := plan(Options{Scenarios: all, Gateways: gateways, Shard: &Shard{2, 5}}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
