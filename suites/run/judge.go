package run

import (
	"fmt"
	"regexp"

	"github.com/gatefault/gatefault/scenarios"
)

// judge fills in the verdict on an observation whose evidence is complete.
func judge(r *Result) {
	s := r.Scenario
	if pin, ok := s.Known(r.Gateway.Name, r.Gateway.Version); ok {
		r.Known = &pin
	}
	for _, e := range s.Standard {
		if fits(r, e.Outcome, e.Attempts, e.Failures) && r.Again == e.Again && (e.By == "" || e.By == r.By) {
			r.Verdict, r.Reason = Standard, e.Why
			return
		}
	}
	if k := r.Known; k != nil && fits(r, k.Outcome, k.Attempts, k.Failures) && r.Again == k.Again && (k.By == "" || k.By == r.By) {
		r.Verdict, r.Reason = Deviates, k.Why
		return
	}
	r.Verdict, r.Reason = Drifted, drift(r)
}

// fits compares an observation with one expectation.
func fits(r *Result, o scenarios.Outcome, attempts int, failures *scenarios.Share) bool {
	if r.Observed != o || len(r.Others) > 0 || attempts > 0 && r.Attempts != attempts {
		return false
	}
	return failures == nil || r.Failures != nil && *r.Failures >= failures.Min && *r.Failures <= failures.Max
}

// drift says what was seen, what the standards ask and what was known.
func drift(r *Result) string {
	text := fmt.Sprintf("observed %s after %s", r.Observed, count(r.Attempts, "attempt"))
	if r.Failures != nil {
		text += fmt.Sprintf(" in %.0f %% of the requests", *r.Failures*100)
	}
	if !r.Again.IsZero() {
		text += ", then " + r.Again.String()
	}
	if len(r.Tap) > 0 && r.By != "" {
		text += ", made by the " + string(r.By)
	}
	for _, o := range r.Others {
		text += " and also " + o.String()
	}
	text += "; the standards ask for "
	for i, e := range r.Standard {
		if i > 0 {
			text += " or "
		}
		text += expectation(e.Outcome, e.Attempts, e.Failures)
	}
	if r.Known == nil {
		return text + fmt.Sprintf("; nothing is known of %s %s", r.Gateway.Name, r.Gateway.Version)
	}
	return text + "; known of this version is " + expectation(r.Known.Outcome, r.Known.Attempts, r.Known.Failures)
}

func expectation(o scenarios.Outcome, attempts int, failures *scenarios.Share) string {
	text := o.String()
	if attempts > 0 {
		text += " after " + count(attempts, "attempt")
	}
	if failures != nil {
		text += fmt.Sprintf(" in %.0f to %.0f %% of the requests", failures.Min*100, failures.Max*100)
	}
	return text
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// readSigns looks for the scenario's signs in the gateway's log.
func readSigns(r *Result) {
	for _, re := range r.Scenario.SignsOf(r.Gateway.Name) {
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
