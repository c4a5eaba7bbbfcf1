package main

import (
	"cmp"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"

	"github.com/distribution/reference"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/gateway"
	"github.com/gatefault/gatefault/suites/run"
	"github.com/gatefault/gatefault/upstream/fault"
)

// check tells which flags make no sense.
func (c *runCmd) check() error {
	switch {
	case c.Lanes < 1:
		return fmt.Errorf("--lanes %d: at least 1 is needed", c.Lanes)
	case c.Timeout != nil && *c.Timeout <= 0:
		return fmt.Errorf("--timeout %s: it must be more than 0", *c.Timeout)
	}
	return cmp.Or((wish{local: c.Local, require: c.Require}).check(), c.documentFlags.check(c.ByProfile))
}

// checkBinaries refuses programs that cannot be run, and one for the gateway that has none.
func checkBinaries(sel *selection) error {
	for _, d := range sel.gateways {
		program := sel.binaries[d.Name]
		switch {
		case program == "":
			continue
		case d.Embedded:
			return fmt.Errorf("gateway %s is part of gatefault and takes no program; write --gateway %s", d.Name, d.Name)
		}
		if _, err := exec.LookPath(program); err != nil {
			var why *exec.Error
			if errors.As(err, &why) {
				err = why.Err
			}
			return fmt.Errorf("--gateway %s=%s: this program cannot be run: %w", d.Name, program, err)
		}
	}
	return nil
}

// splitBinaries takes NAME and NAME=PROGRAM.
func splitBinaries(given []string) (names []string, binaries map[string]string, err error) {
	binaries = map[string]string{}
	for _, g := range given {
		name, program, both := strings.Cut(g, "=")
		if both {
			if program == "" || name == "" || strings.ContainsAny(name, "*?[") {
				return nil, nil, fmt.Errorf("--gateway %s: write NAME=/path/to/program", g)
			}
			binaries[name] = program
		}
		names = append(names, name)
	}
	return names, binaries, nil
}

// chooseImages takes NAME=REF; NAME is a gateway or a backend that profiles need.
func chooseImages(given []string, known []*gateway.Definition) (map[string]string, error) {
	images := map[string]string{}
	for _, text := range given {
		name, ref, both := strings.Cut(text, "=")
		if !both || ref == "" {
			return nil, fmt.Errorf("--image %s: write NAME=REF, such as nginx=nginx:1.30 or nginx=debian:trixie", text)
		}
		if !slices.ContainsFunc(gateway.Backends(known), func(b *gateway.Backend) bool { return b.Name == name }) {
			if err := checkImaged(text, name, known); err != nil {
				return nil, err
			}
		}
		if err := checkImage(ref); err != nil {
			return nil, fmt.Errorf("--image %s: %w", text, err)
		}
		images[name] = ref
	}
	return images, nil
}

// checkImaged tells why a gateway can have no image.
func checkImaged(text, name string, known []*gateway.Definition) error {
	chosen, err := (run.Filter{Gateways: []string{name}}).SelectGateways(known)
	if err == nil && slices.ContainsFunc(chosen, func(d *gateway.Definition) bool { return d.Embedded }) {
		return fmt.Errorf("--image %s: gateway %s is part of gatefault and has no image", text, name)
	}
	return err
}

var suiteName = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)

// checkImage tells what is wrong with the form of an image's name.
func checkImage(ref string) error {
	if suite, ok := strings.CutPrefix(ref, "debian:"); ok {
		if !suiteName.MatchString(suite) {
			return fmt.Errorf("%q is no suite of Debian; write debian:trixie", suite)
		}
		return nil
	}
	if _, err := reference.ParseNormalizedNamed(ref); err != nil {
		return fmt.Errorf("%q is no image reference (%w)", ref, err)
	}
	return nil
}

// checkProfiles refuses a scenario that no gateway has the profile for: it could never run.
func checkProfiles(chosen []*scenarios.Scenario, known []*gateway.Definition) error {
	var profiles []string
	for _, d := range known {
		for name := range d.Profiles {
			profiles = append(profiles, name)
		}
	}
	slices.Sort(profiles)
	profiles = slices.Compact(profiles)
	for _, s := range chosen {
		if slices.Contains(profiles, s.Profile) {
			continue
		}
		text := fmt.Sprintf("%s: no gateway has a profile %q; ", s.Source, s.Profile)
		if near := fault.Nearest(s.Profile, profiles); len(near) > 0 {
			return errors.New(text + "did you mean " + strings.Join(near, ", ") + "?")
		}
		return errors.New(text + "there are " + strings.Join(profiles, ", "))
	}
	return nil
}
