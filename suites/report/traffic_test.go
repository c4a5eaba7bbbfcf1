package report_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/report"
	"github.com/gatefault/gatefault/suites/run"
)

func TestTrafficIsShownOverTime(t *testing.T) {
	part := func(good, bad int) run.Bucket {
		b := run.Bucket{Outcomes: map[scenarios.Outcome]int{}}
		if good > 0 {
			b.Outcomes[passed(200)] = good
		}
		if bad > 0 {
			b.Outcomes[made(502)] = bad
		}
		return b
	}
	tr := &run.Traffic{Bucket: 100 * time.Millisecond, Injected: 110 * time.Millisecond, Cleared: 290 * time.Millisecond,
		Series: []run.Bucket{part(2, 0), part(1, 1), part(0, 12), part(2, 0)}}
	want := `requests by start, 100ms a column:
200^   2  1  .  2
502    .  1 12  .
fault     ^  ^`
	if got := strings.Join(report.TrafficSeries(tr), "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	tr.Cleared = 0
	if got := report.TrafficSeries(tr); !strings.HasSuffix(got[3], "^  ^  ^") {
		t.Errorf("%q", got[3])
	}
}
