package run

import (
	"strings"
	"testing"

	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/fault"
)

// A fault that no journal can see is proven by its state before and after, and only if nothing came through.
func TestStateIsProvenFromTheBeginningToTheEnd(t *testing.T) {
	missing, err := fault.Find("unix.missing")
	if err != nil {
		t.Fatal(err)
	}
	verified := func(seq uint64) upstream.Event {
		return upstream.Event{Seq: seq, Kind: upstream.Verified, Fault: missing.Name}
	}
	arrived := func(seq uint64) upstream.Event { return upstream.Event{Seq: seq, Kind: upstream.Accepted} }
	for name, c := range map[string]struct {
		verified, arrived []upstream.Event
		cleared           uint64
		missing           string
	}{
		"proven":             {[]upstream.Event{verified(2), verified(5)}, []upstream.Event{arrived(1), arrived(6)}, 0, ""},
		"only at first":      {[]upstream.Event{verified(2)}, nil, 0, "from the beginning to the end"},
		"over too soon":      {[]upstream.Event{verified(2), verified(3)}, nil, 0, "was over before it was cleared"},
		"something came":     {[]upstream.Event{verified(2), verified(5)}, []upstream.Event{arrived(3)}, 0, "came through"},
		"elsewhere":          {[]upstream.Event{verified(90), verified(91)}, []upstream.Event{arrived(8)}, 7, ""},
		"elsewhere, but not": {[]upstream.Event{verified(90), verified(91)}, []upstream.Event{arrived(6)}, 7, "came through"},
	} {
		p := proof{fault: missing, verified: c.verified, arrived: c.arrived, cleared: c.cleared, ended: 4}
		text, err := p.evidence()
		if c.missing == "" && (err != nil || !strings.Contains(text, "no connection came through")) {
			t.Errorf("%s: %q, %v", name, text, err)
		}
		if c.missing != "" && (err == nil || !strings.Contains(err.Error(), c.missing)) {
			t.Errorf("%s: %q, %v, want %q", name, text, err, c.missing)
		}
	}
}
