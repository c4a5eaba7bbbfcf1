package scenarios_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gatefault/gatefault/scenarios"
	"pgregory.net/rapid"
)

// outcomes draws any outcome that has a text form.
func outcomes() *rapid.Generator[scenarios.Outcome] {
	return rapid.Custom(func(t *rapid.T) scenarios.Outcome {
		o := scenarios.Outcome{Kind: rapid.SampledFrom(scenarios.Kinds()).Draw(t, "kind")}
		status := rapid.IntRange(100, 999).Draw(t, "status")
		switch o.Kind {
		case scenarios.Made, scenarios.Passed, scenarios.Stored, scenarios.Stray, scenarios.Foreign, scenarios.Truncated, scenarios.Silent:
			o.Status = status
		case scenarios.Hang:
			o.Status = status * rapid.IntRange(0, 1).Draw(t, "head came")
		}
		return o
	})
}

func TestOutcomeTextRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := outcomes().Draw(t, "outcome")
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got scenarios.Outcome
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Fatalf("%v became %s and then %v", want, text, got)
		}
	})
}

func TestParseOutcomeTakesOnlyWhatStringGives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[0-9+-]{0,4} ?(made|hang|closed|Made) ?`)).Draw(t, "text")
		if o, err := scenarios.ParseOutcome(text); err == nil && o.String() != text {
			t.Fatalf("%q was read as %q", text, o)
		}
	})
}

func TestOutcomeText(t *testing.T) {
	for text, want := range map[string]scenarios.Outcome{
		"":              {},
		"502 made":      {Kind: scenarios.Made, Status: 502},
		"503 passed":    {Kind: scenarios.Passed, Status: 503},
		"200 truncated": {Kind: scenarios.Truncated, Status: 200},
		"closed":        {Kind: scenarios.Closed},
		"hang":          {Kind: scenarios.Hang},
		"200 hang":      {Kind: scenarios.Hang, Status: 200},
		"stream-reset":  {Kind: scenarios.StreamReset},
	} {
		if got, err := scenarios.ParseOutcome(text); err != nil || got != want {
			t.Errorf("%q: got %#v, %v", text, got, err)
		}
	}
}

func TestOutcomeErrorsSayWhatToDo(t *testing.T) {
	for text, want := range map[string]string{
		"made":       "needs a status; write for example `502 made`",
		"502":        `no kind is called "502"; the kinds are made, passed`,
		"502 maid":   `no kind is called "maid"`,
		"200 closed": "cannot have a status; write just `closed`",
		"9 made":     "outside 100 to 999",
		"0 hang":     "leave the status out",
		"0502 made":  "does not start with a status",
		"x made":     "does not start with a status",
	} {
		_, err := scenarios.ParseOutcome(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v does not say %q", text, err, want)
		}
	}
}

func TestOutcomeWithoutTextFormCannotBeWritten(t *testing.T) {
	for _, o := range []scenarios.Outcome{{Status: 502}, {Kind: "odd", Status: 200}, {Kind: scenarios.Made}, {Kind: scenarios.Raw, Status: 200}} {
		if text, err := o.MarshalText(); err == nil {
			t.Errorf("%#v was written as %q", o, text)
		}
	}
}
