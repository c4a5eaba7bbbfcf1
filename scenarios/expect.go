package scenarios

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/Masterminds/semver/v3"
)

func (c *checker) standard(s *Scenario) {
	if len(s.Standard) == 0 {
		c.fail("standard", "standard is missing; list every outcome that the standards permit")
	}
	for i, e := range s.Standard {
		at := fmt.Sprintf("standard.%d", i)
		c.want(at, s, e.Want())
		c.need(at+".why", e.Why)
		c.need(at+".cite", e.Cite)
	}
}

// want checks what an expectation or a pin asks for.
func (c *checker) want(at string, s *Scenario, w Want) {
	switch {
	case s.Traffic != nil && (w.Shares == nil || !w.Outcome.IsZero()):
		c.fail(at+".outcome", "%s: with traffic, write shares instead of outcome, for example shares: {200 passed: {min: 0.2, max: 0.4}, 502 made: {min: 0.6, max: 0.8}}", at)
	case s.Traffic == nil && w.Shares != nil:
		c.fail(at+".shares", "%s.shares go with traffic; write both or none", at)
	case s.Traffic == nil && w.Outcome.IsZero():
		c.fail(at+".outcome", "%s.outcome is missing; write for example `502 made`", at)
	}
	if w.Shares != nil {
		if err := w.Shares.check(); err != nil {
			c.fail(at+".shares", "%s.shares: %s", at, err)
		}
	}
	if w.Attempts < 0 || w.Attempts > 100 || w.Attempts > 0 && s.Traffic != nil {
		c.fail(at+".attempts", "%s.attempts is %d; it takes 1 to 100, and none with traffic", at, w.Attempts)
	}
	if s.Again == w.Again.IsZero() {
		c.fail(at+".again", "%s.again and again: true go together; write both or none", at)
	}
	if s.Again && s.Traffic != nil {
		c.fail("again", "again asks for one request more; traffic has enough, leave one of them out")
	}
	if w.By != "" {
		c.oneOf(at+".by", string(w.By), texts([]By{ByEdge, ByGateway, ByUpstream}))
	}
}

func (c *checker) pin(s *Scenario, i int) {
	p, at := s.Pins[i], fmt.Sprintf("known.%d", i)
	if !nameForm.MatchString(p.Gateway) {
		c.fail(at+".gateway", "%s.gateway %q may only have small letters, digits and dashes", at, p.Gateway)
	}
	if err := p.checkVersions(); err != nil {
		c.fail(at+".versions", "%s %s", at, err)
	}
	c.want(at, s, p.Want())
	c.need(at+".why", p.Why)
	if r := p.Recovery; r != nil && (r.Min < 0 || r.Min > r.Max || r.Max > MaxPatience) {
		c.fail(at+".recovery", "%s.recovery must have 0s <= min <= max <= %s", at, MaxPatience)
	}
	if p.Race == p.Outcome && !p.Race.IsZero() {
		c.fail(at+".race", "%s.race is the outcome itself; name the other one", at)
	}
	if p.Cite == "" && p.Observed == "" {
		c.fail(at, "%s has no cite; cite the manual or source, or write observed with the version instead of versions", at)
	}
	for j, q := range s.Pins[:i] {
		if p.Gateway == q.Gateway && p.overlaps(q) {
			c.fail(at, "%s and known.%d both speak of the same version of %s; make their versions apart", at, j, p.Gateway)
		}
	}
}

func (c *checker) signs(s *Scenario) {
	for _, gateway := range slices.Sorted(maps.Keys(s.Signs)) {
		at := "signs." + gateway
		if !nameForm.MatchString(gateway) || len(s.Signs[gateway]) == 0 {
			c.fail(at, "%s must name a gateway and list at least one pattern", at)
		}
		for _, sign := range s.Signs[gateway] {
			pattern := sign.Pattern
			if _, err := semver.NewConstraint(cmp.Or(sign.Versions, "*")); err != nil {
				c.fail(at, "%s: versions %q is no range; write for example `>=2.6, <3.0`", at, sign.Versions)
			}
			if re, err := regexp.Compile(pattern); err != nil {
				c.fail(at, "%s: %q is no regular expression: %s", at, pattern, err)
			} else if re.MatchString("") {
				c.fail(at, "%s: %q fits the empty line, so every line; make it narrower", at, pattern)
			}
		}
	}
}

func (c *checker) alike(s *Scenario) {
	for i, gateway := range s.Unlogged {
		if !nameForm.MatchString(gateway) || len(s.Signs[gateway]) > 0 {
			c.fail(fmt.Sprintf("unlogged.%d", i), "unlogged names %q; it must be a gateway without signs", gateway)
		}
	}
	for _, gateway := range slices.Sorted(maps.Keys(s.Alike)) {
		at := "alike." + gateway
		if len(s.Signs[gateway]) == 0 {
			c.fail(at, "%s has no signs to be alike", at)
		}
		for _, cause := range s.Alike[gateway] {
			c.oneOf(at, string(cause), texts(Causes()))
			if cause == s.Cause || cause == "none" {
				c.fail(at, "%s names %s; name other causes, and make the sign narrower if it fits healthy requests", at, cause)
			}
		}
	}
}
