package gateway

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

func loadAll(fsys fs.FS, files []string, profiles map[string]*Profile) ([]*Definition, error) {
	var definitions []*Definition
	var failures []error
	for _, file := range files {
		definition, err := loadOne(fsys, file, profiles)
		definitions = append(definitions, definition)
		failures = append(failures, err)
	}
	if err := errors.Join(failures...); err != nil {
		return nil, err
	}
	return definitions, nil
}

func loadOne(fsys fs.FS, file string, profiles map[string]*Profile) (*Definition, error) {
	text, err := fs.ReadFile(fsys, file)
	if err != nil {
		return nil, fmt.Errorf("read gateway: %w", err)
	}
	d := &Definition{Name: path.Dir(file), shared: profiles}
	if err := decode(file, text, d); err != nil {
		return nil, err
	}
	problems := slices.Concat(d.problems(), d.Own.problems(), d.decided(), d.loadTemplates(fsys))
	return d, located(file, text, problems)
}

// decode is strict YAML: every error names the file and the line.
func decode(file string, text []byte, into any) error {
	err := yaml.Load(text, into, yaml.WithKnownFields())
	var several *yaml.LoadErrors
	if errors.As(err, &several) {
		var all []error
		for _, one := range several.Errors {
			all = append(all, fmt.Errorf("%s:%d: %s", file, one.Mark.Line, one.Message))
		}
		return errors.Join(all...)
	}
	var one *yaml.LoadError
	if errors.As(err, &one) {
		return fmt.Errorf("%s:%d: %s", file, one.Mark.Line, one.Message)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// problem is a mistake below one top-level key of a gateway.yaml.
type problem struct {
	key string
	err error
}

// located gives each problem the line where its key stands; a key that is missing altogether is told of the file.
func located(file string, text []byte, problems []problem) error {
	var all []error
	for _, p := range problems {
		if line := lineOf(text, p.key); line > 0 {
			all = append(all, fmt.Errorf("%s:%d: %s: %w", file, line, p.key, p.err))
			continue
		}
		all = append(all, fmt.Errorf("%s: %s: %w", file, p.key, p.err))
	}
	return errors.Join(all...)
}

func lineOf(text []byte, key string) int {
	for i, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, key+":") {
			return i + 1
		}
	}
	return 0
}

var plainName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)

func (d *Definition) problems() []problem {
	var found []problem
	check := func(ok bool, key, format string, args ...any) {
		if !ok {
			found = append(found, problem{key, fmt.Errorf(format, args...)})
		}
	}
	check(d.Title != "", "title", "is missing")
	check(d.Config != "" && d.Config == path.Base(d.Config), "config", "must be a plain file name")
	check(d.Ready == ReadyTCP || d.Ready == ReadyHTTP, "ready", "must be tcp or http, not %q", d.Ready)
	check(d.Lane.Regexp != nil && d.Lane.SubexpIndex("lane") > 0, "lane", "must be a regular expression with a group named lane")
	check(len(d.Profiles) > 0, "profiles", "are missing")
	for name := range d.Profiles {
		check(plainName.MatchString(name), "profiles", "%q must be of lower-case letters, digits and dashes: it becomes part of a container's name", name)
	}
	for _, c := range d.Capabilities {
		check(slices.Contains(capabilities(), c), "capabilities", "%q is unknown; known: %v", c, capabilities())
	}
	if d.Embedded {
		check(len(d.Images)+len(d.Binaries)+len(d.Debian.Packages) == 0, "embedded", "goes with neither images, binaries nor packages")
		return found
	}
	check(len(d.Binaries) > 0, "binaries", "are missing")
	check(len(d.Run) > 0, "run", "is missing")
	check(len(d.Check) > 0, "check", "is missing")
	check(len(d.Version.Args) > 0 && d.Version.Match.Regexp != nil && d.Version.Match.NumSubexp() == 1,
		"version", "needs args and a match with one group")
	for probe := &d.Version; probe != nil; probe = probe.Built {
		check(probe.Match.Regexp == nil || probe.Match.MatchString(probe.Example), "version", "needs an example that %s matches", probe.Match)
	}
	for _, ref := range d.Images {
		err := CheckReference(ref)
		check(err == nil, "images", "%w", err)
	}
	complete := d.Debian.Suite != "" && d.Debian.Binary != ""
	check(len(d.Debian.Packages) == 0 || complete, "debian", "needs suite, packages and binary")
	for name := range d.Debian.Profiles {
		check(d.Profiles[name] != "" && complete, "debian", "has packages for %s, which must be a profile of a gateway with packages", name)
	}
	return found
}
