package scenarios

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/Masterminds/semver/v3"
)

var numbers = regexp.MustCompile(`\d+(?:\.\d+)*`)

// ParseVersion reads a version as products print it: `go1.26.8`, `v2.6.2`, `nginx/1.26.3`, `2.6.12-1+deb12u4`, `2.0`.
// Only its first run of numbers counts, so that a packager's suffix is no pre-release.
func ParseVersion(text string) (*semver.Version, error) {
	found := numbers.FindString(text)
	if found == "" {
		return nil, fmt.Errorf("version %q has no number", text)
	}
	parts := strings.SplitN(found, ".", 4)
	return semver.NewVersion(strings.Join(parts[:min(3, len(parts))], "."))
}

// Known gives the pin for a gateway at a version. A pin that was observed with just this version goes before a range.
// Without a readable version only the range `*` applies.
func (s *Scenario) Known(gateway, version string) (Pin, bool) {
	v, err := ParseVersion(version)
	var ranged *Pin
	for i, p := range s.Pins {
		switch {
		case p.Gateway != gateway:
		case p.Observed != "" && err == nil && p.observedWith(v, version):
			return p, true
		case p.Observed == "" && ranged == nil && (p.Versions == "*" || err == nil && p.covers(v)):
			ranged = &s.Pins[i]
		}
	}
	if ranged == nil {
		return Pin{}, false
	}
	return *ranged, true
}

// observedWith compares with a version and its text; where the pin names what the product was built with (2.6.2+go1.19),
// so must the text.
func (p Pin) observedWith(v *semver.Version, text string) bool {
	seen, err := ParseVersion(p.Observed)
	if err != nil || !seen.Equal(v) {
		return false
	}
	_, built, named := strings.Cut(p.Observed, "+")
	return !named || strings.HasPrefix(text[strings.Index(text, "+")+1:]+".", built+".")
}

func (p Pin) covers(v *semver.Version) bool {
	c, err := semver.NewConstraint(p.Versions)
	return err == nil && c.Check(v)
}

// checkVersions says what is wrong with the pin's versions.
func (p Pin) checkVersions() error {
	if (p.Versions == "") == (p.Observed == "") {
		return errors.New("needs either versions (a range such as `>=2.6, <3.0`, or `*`) or observed (one version)")
	}
	if p.Observed != "" {
		if _, err := ParseVersion(p.Observed); err != nil {
			return fmt.Errorf("has an observed version that cannot be read: write it as the product prints it: %w", err)
		}
		return nil
	}
	if _, err := semver.NewConstraint(p.Versions); err != nil {
		return fmt.Errorf("has versions %q, which is no range; write for example `>=2.6, <3.0` or `*`", p.Versions)
	}
	return nil
}

// overlaps tells whether two pins of one gateway speak of the same version, which would leave two exact outcomes.
// Ranges that overlap do so at, or right beside, a bound of one of them, so only those versions need a look.
func (p Pin) overlaps(q Pin) bool {
	if p.Observed != "" || q.Observed != "" {
		return p.Observed != "" && q.Observed != "" && p.Observed == q.Observed
	}
	for _, text := range append(numbers.FindAllString(p.Versions+" "+q.Versions, -1), "0", "999999") {
		v, err := ParseVersion(text)
		if err != nil {
			continue
		}
		next := v.IncPatch()
		if p.covers(v) && q.covers(v) || p.covers(&next) && q.covers(&next) {
			return true
		}
	}
	return false
}
