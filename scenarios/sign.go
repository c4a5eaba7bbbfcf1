package scenarios

import (
	"encoding/json"
	"regexp"

	"github.com/Masterminds/semver/v3"
	"go.yaml.in/yaml/v4"
)

// Sign is a pattern that fits a line of a gateway's log: in the file a regular expression, or pattern and versions.
type Sign struct {
	Pattern  string `yaml:"pattern" json:"pattern"`
	Versions string `yaml:"versions" json:"versions,omitempty"` // of the gateway that log it; empty: all
}

// UnmarshalYAML reads either form.
func (s *Sign) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		s.Pattern = node.Value
		return nil
	}
	type plain Sign
	return node.Load((*plain)(s), yaml.WithKnownFields())
}

// MarshalJSON writes the short form where it says all.
func (s Sign) MarshalJSON() ([]byte, error) {
	if s.Versions == "" {
		return json.Marshal(s.Pattern)
	}
	type plain Sign
	return json.Marshal(plain(s))
}

// String gives the pattern, with its versions if it has any.
func (s Sign) String() string {
	if s.Versions == "" {
		return s.Pattern
	}
	return s.Pattern + " (" + s.Versions + ")"
}

// Of tells whether a version of the gateway logs it.
func (s Sign) Of(version string) bool {
	if s.Versions == "" {
		return true
	}
	v, err := ParseVersion(version)
	if err != nil {
		return false
	}
	c, err := semver.NewConstraint(s.Versions)
	return err == nil && c.Check(v)
}

// SignsOf gives the compiled signs of a gateway at a version; none when it logs nothing of the fault.
func (s *Scenario) SignsOf(gateway, version string) []*regexp.Regexp {
	var out []*regexp.Regexp
	for _, sign := range s.Signs[gateway] {
		if sign.Of(version) {
			out = append(out, regexp.MustCompile(sign.Pattern)) // checked by the loader
		}
	}
	return out
}
