package scenarios

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gatefault/gatefault/upstream/fault"
)

//go:embed *.yaml
var files embed.FS

// Catalogue is a set of scenarios with distinct ids. It never changes once made.
type Catalogue struct {
	all []*Scenario // sorted by id
}

// Builtin gives the embedded catalogue.
func Builtin() (*Catalogue, error) { return load(files, "builtin") }

// Load reads every *.yaml file in the root of fsys. All mistakes of all files are reported together, one error each.
func Load(fsys fs.FS) (*Catalogue, error) { return load(fsys, "") }

// WithDir gives the catalogue with a user's own scenarios added. A scenario cannot replace another one: the same id
// twice is an error that names both files.
func (c *Catalogue) WithDir(dir string) (*Catalogue, error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("%s is no folder of scenarios; name a folder that holds *.yaml files", dir)
	}
	own, err := load(os.DirFS(dir), dir)
	if err != nil {
		return nil, err
	}
	if len(own.all) == 0 {
		return nil, fmt.Errorf("%s holds no scenarios; put files named ID.yaml there", dir)
	}
	return merge(c, own)
}

// All lists the scenarios by id.
func (c *Catalogue) All() []*Scenario { return slices.Clone(c.all) }

// IDs lists the ids in order.
func (c *Catalogue) IDs() []string {
	ids := make([]string, len(c.all))
	for i, s := range c.all {
		ids[i] = s.ID
	}
	return ids
}

// Find gives the scenario of that id; the error is a [fault.UnknownError] that names the nearest ids.
func (c *Catalogue) Find(id string) (*Scenario, error) {
	i, found := slices.BinarySearchFunc(c.all, id, func(s *Scenario, id string) int { return cmp.Compare(s.ID, id) })
	if !found {
		return nil, &fault.UnknownError{Kind: "scenario", Name: id, Nearest: Nearest(id, c.IDs())}
	}
	return c.all[i], nil
}

// Nearest gives up to three candidates that are likely meant by name.
func Nearest(name string, candidates []string) []string { return fault.Nearest(name, candidates) }

// load reads the files of fsys; prefix goes before their names in errors and in [Scenario.Source].
func load(fsys fs.FS, prefix string) (*Catalogue, error) {
	names, err := fs.Glob(fsys, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list scenarios: %w", err)
	}
	wrong, err := fs.Glob(fsys, "*.yml")
	if err != nil {
		return nil, fmt.Errorf("list scenarios: %w", err)
	}
	c := &Catalogue{}
	var errs []error
	for _, name := range wrong {
		errs = append(errs, fmt.Errorf("%s: rename it to end in .yaml, or it would be left out", source(prefix, name)))
	}
	for _, name := range names {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			errs = append(errs, fmt.Errorf("read scenario: %w", err))
			continue
		}
		s, err := decode(data, source(prefix, name), strings.TrimSuffix(path.Base(name), ".yaml"))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		c.all = append(c.all, s)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	slices.SortFunc(c.all, byID)
	return c, nil
}

func source(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return filepath.Join(prefix, name)
}

func byID(a, b *Scenario) int { return cmp.Compare(a.ID, b.ID) }

func merge(a, b *Catalogue) (*Catalogue, error) {
	c := &Catalogue{all: slices.Concat(a.all, b.all)}
	slices.SortStableFunc(c.all, byID)
	var errs []error
	for i, s := range c.all[1:] {
		if before := c.all[i]; before.ID == s.ID {
			errs = append(errs, fmt.Errorf("%s and %s both have the id %q; rename one of them", before.Source, s.Source, s.ID))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return c, nil
}
