// Package gateway starts real HTTP gateways in front of the chaos upstream: in containers, as local child processes, or
// inside this process. What is known about a product is data (see the docker folder); this package knows only places.
package gateway

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"text/template"

	"github.com/Masterminds/semver/v3"
	"go.yaml.in/yaml/v4"

	"github.com/gatefault/gatefault/scenarios"
)

// Definition is one gateway product: the content of docker/<name>/gateway.yaml and its profile templates.
type Definition struct {
	// Name is the folder's name, the gateway's name everywhere: command line, labels, reports.
	Name string `yaml:"-"`
	// Title is the product's name as people write it.
	Title string `yaml:"title"`
	// Embedded gateways run inside this process; they have neither images nor binaries.
	Embedded bool `yaml:"embedded"`
	// Images are references of official images, the best one first.
	Images []string `yaml:"images"`
	// Debian says how to make an image from Debian packages. Without packages it cannot be made.
	Debian Debian `yaml:"debian"`
	// Binaries are the names that the program goes by, the official image's first.
	Binaries []string `yaml:"binaries"`
	// Version tells how the product prints its own version.
	Version VersionProbe `yaml:"version"`
	// Config is the file name of the rendered configuration.
	Config string `yaml:"config"`
	// Check are the arguments that make the product check its configuration and exit. Templates, see [View].
	Check []string `yaml:"check"`
	// Run are the arguments that run the product in the foreground. Templates, see [View].
	Run []string `yaml:"run"`
	// Env is added to the environment. The values are templates, see [View].
	Env map[string]string `yaml:"env"`
	// Modules are the folders where loadable modules may lie, tried in order by the templates.
	Modules []string `yaml:"modules"`
	// Own says how the product is run with its user's own configuration; nil: it cannot be.
	Own *OwnSpec `yaml:"own"`
	// Ready is what a lane does when it is ready: `tcp`, it accepts a connection; `http`, it answers a request.
	Ready Readiness `yaml:"ready"`
	// Lane finds the lane's number in a log line, in the group named `lane`.
	Lane Regexp `yaml:"lane"`
	// Resolver says who looks names up in profiles with names.
	Resolver Resolver `yaml:"resolver"`
	// Capabilities tell what the product can do beyond plain proxying; see [Capability].
	Capabilities []Capability `yaml:"capabilities"`
	// Profiles are the named configurations, each with one sentence that says what it is.
	Profiles map[string]string `yaml:"profiles"`
	// Without are the profiles of docker/profiles.yaml that the product cannot have, each with the reason.
	Without map[string]string `yaml:"without"`
	// Requires says which versions of the product a profile needs.
	Requires map[string]VersionRange `yaml:"requires"`

	variant   string // the profile whose further packages its images have, or empty
	templates map[string]*template.Template
	shared    map[string]*Profile // the table of profiles; nil: none
}

// VersionRange is a range of versions such as >=1.29.4.
type VersionRange struct {
	text  string
	check *semver.Constraints
}

// UnmarshalYAML reads the range.
func (r *VersionRange) UnmarshalYAML(node *yaml.Node) (err error) {
	r.text = node.Value
	r.check, err = semver.NewConstraint(node.Value)
	return err
}

// Covers tells whether a version, as the product prints it, lies in the range.
func (r VersionRange) Covers(version string) bool {
	v, err := scenarios.ParseVersion(version)
	return err == nil && r.check.Check(v)
}

// Debian tells which packages make an image.
type Debian struct {
	// Suite is Debian's code name used unless another one is asked for.
	Suite string `yaml:"suite"`
	// Packages are installed with all that they depend on, recommendations left out.
	Packages []string `yaml:"packages"`
	// Bare are packages that are unpacked without what they depend on.
	Bare []string `yaml:"bare"`
	// Binary is the program's name in Debian, or a pattern (path.Match) of it where the name has the version in it.
	Binary string `yaml:"binary"`
	// Profiles are the packages that a profile needs besides. Such a profile has an image of its own, made of Debian
	// packages alone: official images do not have them.
	Profiles map[string][]string `yaml:"profiles"`
}

// VersionProbe tells how a product prints its own version.
type VersionProbe struct {
	Args []string `yaml:"args"`
	// Match finds the version in the output, in its first group.
	Match Regexp `yaml:"match"`
	// Example is an output that Match matches, to show to people whose program prints something else.
	Example string `yaml:"example"`
	// Built, if given, finds in another output what the product was built with, where its behaviour depends on that. The
	// version then reads VERSION+BUILT.
	Built *VersionProbe `yaml:"built"`
}

// Resolver says who looks up the upstream's name.
type Resolver string

// ResolverSystem is the C library, which asks the name servers of /etc/resolv.conf, at port 53. Products without it are told
// in their configuration whom to ask.
const ResolverSystem Resolver = "system"

// Readiness is what a lane does when it is ready.
type Readiness string

// The two kinds of readiness.
const (
	ReadyTCP  Readiness = "tcp"
	ReadyHTTP Readiness = "http"
)

// Capability is something that a product can do and a scenario may need.
type Capability string

// CapabilityPool: the product can keep idle connections to the upstream.
const CapabilityPool Capability = "pool"

func capabilities() []Capability { return []Capability{CapabilityPool} }

// Regexp is a regular expression (package regexp) that is compiled while it is decoded, so that an error has its line.
type Regexp struct{ *regexp.Regexp }

// UnmarshalYAML compiles the expression.
func (r *Regexp) UnmarshalYAML(node *yaml.Node) error {
	compiled, err := regexp.Compile(node.Value)
	r.Regexp = compiled
	return err
}

// matches tells whether the expression is there and matches.
func (r Regexp) matches(text string) bool { return r.Regexp != nil && r.MatchString(text) }

// without takes away what the expression matches.
func (r Regexp) without(text string) string {
	if r.Regexp == nil {
		return text
	}
	return r.ReplaceAllString(text, "")
}

// ProfileNames lists the profiles in alphabetical order.
func (d *Definition) ProfileNames() []string {
	names := make([]string, 0, len(d.Profiles))
	for name := range d.Profiles {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Has tells whether the product has a capability.
func (d *Definition) Has(c Capability) bool { return slices.Contains(d.Capabilities, c) }

// Load reads profiles.yaml and every folder of fsys that has a gateway.yaml, in alphabetical order. It is strict: an unknown key, a wrong
// type, a profile without a template or a template without a profile is an error that names the file and the line.
// Errors of all folders are joined.
func Load(fsys fs.FS) ([]*Definition, error) {
	files, err := fs.Glob(fsys, "*/gateway.yaml")
	if err != nil {
		return nil, fmt.Errorf("list gateways: %w", err)
	}
	profiles, err := loadProfiles(fsys)
	if err != nil {
		return nil, err
	}
	return loadAll(fsys, files, profiles)
}
