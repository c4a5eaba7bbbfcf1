package run_test

import (
	"testing"

	"github.com/gatefault/gatefault/suites/run"
)

// A gateway remembers which of two servers failed, nginx for ten seconds and Apache for a minute: the next cell must not
// come by that lane.
func TestWhatAGatewayRemembersOfAServerConcernsNoOtherCell(t *testing.T) {
	o := inContainers(t, options(t, run.Filter{Gateways: []string{"nginx", "apache"}, Scenarios: []string{"failover.refused", "failover.reset-post"}}))
	o.Lanes = 1
	for _, res := range perform(t, o).Results {
		if res.Verdict != run.Standard && res.Verdict != run.Deviates {
			t.Errorf("%s on %s: %s (%s)", res.ID, res.Gateway.Name, res.Verdict, res.Reason)
		}
	}
}

func TestFewLanesOfManyProfiles(t *testing.T) {
	o := locally(options(t, run.Filter{Gateways: []string{"go"}, Scenarios: []string{"app.50*", "conn.race*", "tls.expired*", "head.none"}}))
	o.Lanes = 1
	for _, res := range perform(t, o).Results {
		if res.Verdict != run.Standard && res.Verdict != run.Deviates {
			t.Errorf("%s: %s (%s)", res.ID, res.Verdict, res.Reason)
		}
	}
}
