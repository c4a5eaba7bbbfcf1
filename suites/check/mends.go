package check

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/gatefault/gatefault/docker"
	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/scenarios/strict"
)

// mend is how to mend a finding in the configuration of one product: an entry of docker/NAME/fixes.yaml.
type mend struct {
	Fix     string `yaml:"fix"`     // what to do, with the names of the directives
	Example string `yaml:"example"` // lines of a configuration
	Manual  string `yaml:"manual"`  // where the product's manual or source speaks of it
	Since   string `yaml:"since"`   // version of the product that the example takes; empty: any
}

// of is what to do with a version of the product.
func (m mend) of(version string) string {
	has, err := scenarios.ParseVersion(version)
	wants, wrong := scenarios.ParseVersion(m.Since)
	if err != nil || wrong != nil || !has.LessThan(wants) {
		return m.Fix
	}
	return fmt.Sprintf("%s The example takes version %s; this is %s.", m.Fix, m.Since, version)
}

// mendsOf reads the mends of a product; none when it has no such file, or is not known.
func mendsOf(product string) (map[string]mend, error) {
	file := product + "/fixes.yaml"
	data, err := fs.ReadFile(docker.Files, file)
	if product == "" || errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read how to mend findings: %w", err)
	}
	all := map[string]mend{}
	doc, err := strict.Load("docker/"+file, data, &all, dataWords)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if err := knownFinding(id); err != nil {
			errs = append(errs, doc.Errorf(id, "%w", err))
		}
		_, err := scenarios.ParseVersion(all[id].Since)
		if all[id].Since != "" && err != nil {
			errs = append(errs, doc.Errorf(id+".since", "%w", err))
		}
		if m := all[id]; m.Fix == "" || m.Manual == "" {
			errs = append(errs, doc.Errorf(id, "%s needs a fix, and where the manual or the source speaks of it", id))
		}
	}
	return all, errors.Join(errs...)
}
