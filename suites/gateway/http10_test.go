package gateway

import (
	"net/http"
	"testing"
)

// The profile http10 is what it says, also beside another one in the same gateway.
func TestHTTP10GoesToTheUpstream(t *testing.T) {
	e := testEngine(t)
	n := testNetwork(t, e)
	u := testUpstream(t, e, n)
	asked := []string{"HTTP/1.1", "HTTP/1.0", "HTTP/1.1"}
	lanes := containerLanes(u, len(asked))
	lanes[1].Profile = "http10"
	for name, d := range definitions(t) {
		if d.Lacks("http10") != "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			r, err := Start(testContext(t), Spec{Definition: d, Profile: "plain", Lanes: lanes, Place: PlaceContainer, Engine: e, Network: n})
			if err != nil {
				t.Fatal(err)
			}
			defer stopped(t, r.Stop)
			for i, want := range asked {
				if status, got := get(t, r.LaneAddr(i), "/version"); status != http.StatusOK || got != want {
					t.Errorf("lane %d: %d, the upstream was asked in %s, want %s", i, status, got, want)
				}
			}
		})
	}
}
