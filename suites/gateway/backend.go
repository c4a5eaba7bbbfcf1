package gateway

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"path"
	"slices"
	"strings"
	"text/template"
)

// Backend is a real application server that gateways stand in front of: the content of docker/<name>/backend.yaml, with
// its configuration template and its script. A profile names the backend that it needs.
type Backend struct {
	// Name is the folder's name.
	Name string `yaml:"-"`
	// Title is the product's name as people write it.
	Title string `yaml:"title"`
	// Images, Debian, Binaries and Version are those of a [Definition].
	Images   []string     `yaml:"images"`
	Debian   Debian       `yaml:"debian"`
	Binaries []string     `yaml:"binaries"`
	Version  VersionProbe `yaml:"version"`
	// Config is the file name of the rendered configuration; its template is <name>.tmpl.
	Config string `yaml:"config"`
	// Run are the arguments that run the product in the foreground. Templates, see [BackendView].
	Run []string `yaml:"run"`
	// Script is the file name of the application.
	Script string `yaml:"script"`
	// Pools are the configurations that a lane can have, by name.
	Pools map[string]Pool `yaml:"pools"`

	template *template.Template
	code     string
}

// Pool is a named part of a backend with settings of its own.
type Pool struct {
	// Doc is one sentence that says what it is.
	Doc string `yaml:"doc"`
	// Settings are lines of the pool's section in the configuration.
	Settings map[string]string `yaml:"settings"`
	// Alone wants a service for the pool, so that it can be stopped without the others.
	Alone bool `yaml:"alone"`
}

// BackendView is what the templates of a backend see.
type BackendView struct {
	Pools []PoolView
	// Config is the path of the rendered configuration.
	Config string
}

// PoolView is one pool of one lane.
type PoolView struct {
	// ID is the name of the pool's section, and Listen its host:port.
	ID, Listen string
	Settings   map[string]string
	Env        map[string]string
}

// DefaultPool is the pool of scenarios that name none.
const DefaultPool = "default"

// ScriptPath is where gateways tell the backend to look for the application; empty without a backend.
func (b *Backend) ScriptPath() string {
	if b == nil {
		return ""
	}
	return path.Join(containerScratch, b.Script)
}

// product is the backend as the ladder of images sees it.
func (b *Backend) product() *Definition {
	return &Definition{Name: b.Name, Title: b.Title, Images: b.Images, Debian: b.Debian, Binaries: b.Binaries, Version: b.Version}
}

// LoadBackends reads every folder of fsys that has a backend.yaml, by name. It is as strict as [Load].
func LoadBackends(fsys fs.FS) (map[string]*Backend, error) {
	files, err := fs.Glob(fsys, "*/backend.yaml")
	if err != nil {
		return nil, fmt.Errorf("find backends: %w", err)
	}
	all := map[string]*Backend{}
	var failures []error
	for _, file := range files {
		b, err := loadBackend(fsys, file)
		if failures = append(failures, err); err == nil {
			all[b.Name] = b
		}
	}
	return all, errors.Join(failures...)
}

func loadBackend(fsys fs.FS, file string) (*Backend, error) {
	text, err := fs.ReadFile(fsys, file)
	if err != nil {
		return nil, fmt.Errorf("read backend: %w", err)
	}
	b := &Backend{Name: path.Dir(file)}
	if err := decode(file, text, b); err != nil {
		return nil, err
	}
	return b, located(file, text, append(b.problems(), b.loadFiles(fsys)...))
}

func (b *Backend) problems() []problem {
	var found []problem
	check := func(ok bool, key, text string) {
		if !ok {
			found = append(found, problem{key, errors.New(text)})
		}
	}
	check(b.Title != "", "title", "is missing")
	check(b.Config != "" && b.Config == path.Base(b.Config), "config", "must be a plain file name")
	check(b.Script != "" && b.Script == path.Base(b.Script) && b.Script != b.Config, "script", "must be a plain file name")
	check(len(b.Run) > 0, "run", "is missing")
	check(len(b.Binaries) > 0, "binaries", "are missing")
	check(b.Version.Match.Regexp != nil && b.Version.Match.NumSubexp() == 1 && b.Version.Match.MatchString(b.Version.Example),
		"version", "needs args, a match with one group and an example that it matches")
	check(b.Debian.Suite != "" && len(b.Debian.Packages) > 0 && b.Debian.Binary != "", "debian", "needs suite, packages and binary")
	for _, ref := range b.Images {
		check(CheckReference(ref) == nil, "images", ref+" is no image reference")
	}
	_, hasDefault := b.Pools[DefaultPool]
	check(hasDefault, "pools", "need one called "+DefaultPool)
	for name, pool := range b.Pools {
		check(plainName.MatchString(name) && pool.Doc != "", "pools", name+" must be of lower-case letters, digits and dashes, with a doc")
	}
	return found
}

// loadFiles reads the template and the script, and tries the template.
func (b *Backend) loadFiles(fsys fs.FS) []problem {
	code, err := fs.ReadFile(fsys, path.Join(b.Name, b.Script))
	if err != nil {
		return []problem{{"script", err}}
	}
	b.code = string(code)
	file := path.Join(b.Name, b.Name+".tmpl")
	text, err := fs.ReadFile(fsys, file)
	if err != nil {
		return []problem{{"config", err}}
	}
	if b.template, err = template.New(file).Option("missingkey=error").Parse(string(text)); err != nil {
		return []problem{{"config", err}}
	}
	sample := b.view([]LanePool{{ID: "sample", Pool: DefaultPool, Listen: netip.MustParseAddrPort("192.0.2.1:9000")}})
	if _, err := b.render(sample); err != nil {
		return []problem{{"config", err}}
	}
	if _, err := expandAll(b.Run, sample); err != nil {
		return []problem{{"run", err}}
	}
	return nil
}

func (b *Backend) view(pools []LanePool) BackendView {
	v := BackendView{Config: path.Join(containerScratch, b.Config)}
	for _, p := range pools {
		v.Pools = append(v.Pools, PoolView{ID: p.ID, Listen: p.Listen.String(), Settings: b.Pools[p.Pool].Settings, Env: p.Env})
	}
	return v
}

func (b *Backend) render(v BackendView) (string, error) {
	var out strings.Builder
	if err := b.template.Execute(&out, v); err != nil {
		return "", fmt.Errorf("render the configuration of %s: %w", b.Title, err)
	}
	return out.String(), nil
}

// Backends lists the backends that profiles of these gateways need, by name.
func Backends(gateways []*Definition) []*Backend {
	var needed []*Backend
	for _, d := range gateways {
		for _, profile := range d.ProfileNames() {
			if b := d.Profile(profile).Backend; b != nil && !slices.Contains(needed, b) {
				needed = append(needed, b)
			}
		}
	}
	slices.SortFunc(needed, func(a, b *Backend) int { return strings.Compare(a.Name, b.Name) })
	return needed
}

// PoolNames lists the pools in alphabetical order.
func (b *Backend) PoolNames() []string {
	var names []string
	for name := range b.Pools {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
