package scenarios_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gatefault/gatefault/scenarios"
)

func TestStartsAreSpreadEvenlyAndSpikesReplaceTheRate(t *testing.T) {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	plain := &scenarios.Traffic{Rate: 20, For: ms(200)}
	if got := plain.Starts(); !slices.Equal(got, []time.Duration{0, ms(50), ms(100), ms(150)}) {
		t.Errorf("%v", got)
	}
	spiked := &scenarios.Traffic{Rate: 10, For: ms(400), Spike: &scenarios.Spike{At: ms(100), For: ms(100), Rate: 40}}
	if got := spiked.Starts(); !slices.Equal(got, []time.Duration{0, ms(100), ms(125), ms(150), ms(175), ms(200), ms(300)}) {
		t.Errorf("%v", got)
	}
}

func TestStartsAreSortedAndBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		length := func(name string) time.Duration {
			return time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, name))
		}
		tr := &scenarios.Traffic{Rate: rapid.Float64Range(0.001, 1000).Draw(t, "rate"), For: length("for"),
			Spike: &scenarios.Spike{At: length("at"), For: length("spike"), Rate: rapid.Float64Range(0.001, 1000).Draw(t, "spike rate")}}
		starts := tr.Starts()
		if !slices.IsSorted(starts) || len(starts) > 1003 {
			t.Fatalf("%d starts, %v", len(starts), starts)
		}
	})
}

func outcome(t *testing.T, text string) scenarios.Outcome {
	t.Helper()
	o, err := scenarios.ParseOutcome(text)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestSharesAdmitOnlyWhatIsNamedAndWithinBounds(t *testing.T) {
	ok, bad, hang := outcome(t, "200 passed"), outcome(t, "502 made"), outcome(t, "hang")
	s := scenarios.Shares{ok: {Min: 0.2, Max: 0.6}, bad: {Min: 0.4, Max: 0.8}, hang: {Max: 0.1}}
	for _, c := range []struct {
		seen map[scenarios.Outcome]float64
		want bool
	}{
		{map[scenarios.Outcome]float64{ok: 0.4, bad: 0.6}, true},
		{map[scenarios.Outcome]float64{ok: 0.2, bad: 0.8}, true},
		{map[scenarios.Outcome]float64{ok: 0.4, bad: 0.5, hang: 0.1}, true},
		{map[scenarios.Outcome]float64{ok: 0.1, bad: 0.8, hang: 0.1}, false},
		{map[scenarios.Outcome]float64{ok: 0.3, bad: 0.5, hang: 0.2}, false},
		{map[scenarios.Outcome]float64{bad: 1}, false}, // the absent one counts 0
		{map[scenarios.Outcome]float64{ok: 0.4, bad: 0.5, outcome(t, "504 made"): 0.1}, false},
	} {
		if got := s.Admit(c.seen); got != c.want {
			t.Errorf("%v: %v, want %v", c.seen, got, c.want)
		}
	}
	if got, want := s.String(), "200 passed in 20 to 60 % and 502 made in 40 to 80 % and hang in 0 to 10 % of the requests"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestTrafficIsChecked(t *testing.T) {
	flowing := strings.NewReplacer("standard:\n  - outcome: 504 made", "traffic: {rate: 20, for: 1s}\nstandard:\n  - shares: {504 made: {min: 0.5, max: 1}}",
		"    outcome: 504 made", "    shares: {504 made: {min: 0.5, max: 1}}").Replace(minimal)
	if _, err := loadOne(flowing); err != nil {
		t.Fatal(err)
	}
	for wrong, want := range map[string]string{
		"{rate: 0, for: 1s}":    "traffic.rate is 0; it must be more than 0 and at most 1000 a second",
		"{rate: .nan, for: 1s}": "traffic.rate is NaN",
		"{rate: 1, for: 1s}":    "traffic makes 1 requests; it takes 2 to 1000",
		"{rate: 100, for: 30s}": "traffic makes 1001 requests; it takes 2 to 1000",
		"{rate: 20, for: 61s}":  "traffic.for is 1m1s; it must be more than 0s and at most 1m0s",
		"{rate: 20, over: 1s}":  `unknown key "over"`,
		"{rate: 20, for: 1s, spike: {at: 500ms, for: 501ms, rate: 50}}":   "the spike goes from 500ms to 1.001s; it must lie within the 1s of the traffic",
		"{rate: 20, for: 1s, spike: {at: 500ms, for: 100ms, rate: 5000}}": "traffic.spike.rate is 5000",
		"{rate: 20, for: 1s, inject: {at: 1s}}":                           "the fault goes from 1s to 0s",
		"{rate: 20, for: 1s, inject: {at: 500ms, clear: 400ms}}":          "the fault goes from 500ms to 400ms",
	} {
		_, err := loadOne(strings.Replace(flowing, "{rate: 20, for: 1s}", wrong, 1))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "my.own.yaml:9") {
			t.Errorf("%s: %v, want %q", wrong, err, want)
		}
	}
}

func TestSharesGoWithTraffic(t *testing.T) {
	shares := func(text string) string {
		return strings.Replace(minimal, "  - outcome: 504 made", fmt.Sprintf("  - shares: {%s}", text), 1)
	}
	flowing := func(text string) string {
		return strings.Replace(shares(text), "standard:", "traffic: {rate: 20, for: 1s}\nstandard:", 1)
	}
	for text, want := range map[string]string{
		shares("504 made: {max: 1}"):                                  "standard.0.shares go with traffic",
		flowing("504 maid: {max: 1}"):                                 `no kind is called "maid"`,
		flowing("504 made: {min: 0.6, max: 0.5}"):                     "504 made must have 0 <= min <= max <= 1",
		flowing("504 made: {min: 0, max: 1.5}"):                       "504 made must have 0 <= min <= max <= 1",
		flowing("504 made: {max: 0.5}"):                               "the bounds add up to 0.00 at least and 0.50 at most; 1 must lie between",
		flowing("504 made: {min: 1, max: 1}, hang: {min: 1, max: 1}"): "the bounds add up to 2.00 at least",
		flowing("504 made: {most: 1}"):                                `unknown key "most"`,
		flowing("504 made: {max: 1}"):                                 "known.0: with traffic, write shares instead of outcome",
	} {
		if _, err := loadOne(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestTrafficInWords(t *testing.T) {
	tr := &scenarios.Traffic{Rate: 4, For: 2 * time.Second, Spike: &scenarios.Spike{At: time.Second, For: 300 * time.Millisecond, Rate: 100}}
	if got, want := tr.String(), "4 requests a second for 2s, from 1s to 1.3s 100 a second"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	tr = &scenarios.Traffic{Rate: 20, For: time.Second, Inject: &scenarios.Inject{At: 200 * time.Millisecond, Clear: 600 * time.Millisecond}}
	if got, want := tr.String(), "20 requests a second for 1s, the fault from 200ms to 600ms"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
