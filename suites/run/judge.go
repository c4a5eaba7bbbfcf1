package run

import (
	"fmt"
	"regexp"
	"time"

	"github.com/gatefault/gatefault/scenarios"
)

// judge fills in the verdict on an observation whose evidence is complete.
func judge(r *Result) {
	s := r.Scenario
	if len(s.Standard) == 0 {
		r.Verdict, r.Reason = Observed, "nothing is expected of this cell"
		return
	}
	if pin, ok := s.Known(r.Gateway.Name, r.Gateway.Version); ok {
		r.Known = &pin
	}
	if late := untimely(r); late != "" {
		r.Verdict, r.Reason = Drifted, late
		return
	}
	if k := r.Known; k != nil && raced(r, *k) {
		r.Verdict, r.Reason = Deviates, k.Why
		return
	}
	for _, e := range s.Standard {
		if fits(r, e.Want()) {
			r.Verdict, r.Reason = Standard, e.Why
			return
		}
	}
	if k := r.Known; k != nil && fits(r, k.Want()) {
		r.Verdict, r.Reason = Deviates, k.Why
		return
	}
	r.Verdict, r.Reason = Drifted, drift(r)
}

// raced tells whether a race that is known of the product went the other way: its users get now this, now that, so the
// verdict is the same for both.
func raced(r *Result, k scenarios.Pin) bool {
	want := k.Want()
	want.Outcome = k.Race
	return !k.Race.IsZero() && fits(r, want)
}

// untimely tells of a recovery that is not as known of this product. The standards say nothing about it.
func untimely(r *Result) string {
	if r.Known == nil || r.Known.Recovery == nil {
		return ""
	}
	span := r.Known.Recovery
	switch {
	case r.Recovery == nil:
		return fmt.Sprintf("not recovered in %s; known of this version is %s to %s", recoveryTimeout, span.Min, span.Max)
	case *r.Recovery < span.Min || *r.Recovery > span.Max:
		return fmt.Sprintf("recovered after %s; known of this version is %s to %s", r.Recovery.Round(time.Millisecond), span.Min, span.Max)
	}
	return ""
}

// fits compares an observation with one expectation.
func fits(r *Result, w scenarios.Want) bool {
	if r.Again != w.Again || w.By != "" && r.By != w.By || w.Attempts > 0 && r.Attempts != w.Attempts {
		return false
	}
	if r.Traffic != nil {
		return w.Shares.Admit(r.Traffic.Shares)
	}
	return r.Observed == w.Outcome
}

// drift says what was seen, what the standards ask and what was known.
func drift(r *Result) string {
	text := fmt.Sprintf("observed %s after %s", r.Observed, count(r.Attempts, "attempt"))
	if r.Uncounted {
		text = fmt.Sprintf("observed %s", r.Observed)
	}
	if r.Traffic != nil {
		text = "observed " + r.Traffic.String()
	}
	if !r.Again.IsZero() {
		text += ", then " + r.Again.String()
	}
	if len(r.Tap) > 0 && r.By != "" {
		text += ", " + r.By.Words()
	}
	text += "; the standards ask for "
	for i, e := range r.Standard {
		if i > 0 {
			text += " or "
		}
		text += e.Want().String()
	}
	if r.Known == nil {
		return text + fmt.Sprintf("; nothing is known of %s %s", r.Gateway.Name, r.Gateway.Version)
	}
	return text + "; known of this version is " + r.Known.Want().String()
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// readSigns looks for the scenario's signs in the gateway's log.
func readSigns(r *Result) {
	for _, re := range r.Scenario.SignsOf(r.Gateway.Name, r.Gateway.Version) {
		sign := Sign{Pattern: re.String(), Line: firstMatch(re, r.Log)}
		if sign.Line == "" {
			sign.Line = firstMatch(re, r.SharedLog)
			sign.Shared = sign.Line != ""
		}
		r.Signs = append(r.Signs, sign)
	}
}

func firstMatch(re *regexp.Regexp, lines []string) string {
	for _, line := range lines {
		if re.MatchString(line) {
			return line
		}
	}
	return ""
}
