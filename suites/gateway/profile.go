package gateway

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"
)

// profilesFile says what the lanes of each profile have.
const profilesFile = "profiles.yaml"

// Profile is what a named configuration needs of its lanes, the same for every gateway: an entry of docker/profiles.yaml.
type Profile struct {
	Doc string `yaml:"doc"`
	// Protocol is what the upstream's endpoints speak; default http. See upstream.Protocol.
	Protocol string `yaml:"protocol"`
	// Servers is how many endpoints a lane has, 1 or 2; default 1.
	Servers int `yaml:"servers"`
	// Address is how the gateway knows the upstream; default ip.
	Address AddressKind `yaml:"address"`
	// Connect and Read replace the reference timeouts.
	Connect time.Duration `yaml:"connect"`
	Read    time.Duration `yaml:"read"`
	// Dial is which endpoint the gateway goes to: backup, or the first one.
	Dial string `yaml:"dial"`
	// Like is the profile whose template it has.
	Like string `yaml:"like"`
	// Broken profiles let no healthy answer through: the configuration is the fault.
	Broken bool `yaml:"broken"`
	// Own profiles cannot share a gateway with others: they limit or change the whole of it.
	Own bool `yaml:"own"`
	// Chain puts a second gateway of the same product in front, with a recording tap between.
	Chain bool `yaml:"chain"`
	// Server names the backend that the gateway goes to instead of the lane's endpoint, see [Backend]. The endpoint is then
	// the service that the backend's application calls.
	Server string `yaml:"backend"`
	// Backend is what Server names, or nil.
	Backend *Backend `yaml:"-"`
	// Prevents says that the profile is one of those that are compared with each other; nil: it is not.
	Prevents *Prevention `yaml:"prevents"`

	line int // where it stands in the table
}

// Prevention is what a fault has to find for the profile to have a chance against it.
type Prevention struct {
	// Prime has a fault that acts on requests met by one on a connection that was used before.
	Prime bool `yaml:"prime"`
	// Notice is how long the fault is in force before the request, for health checks to notice it.
	Notice time.Duration `yaml:"notice"`
	// Age is the time since the same GET was answered and could be stored; 0: there was none.
	Age time.Duration `yaml:"age"`
	// Query tells the upstream how long its answer may be stored.
	Query string `yaml:"query"`
}

// AddressKind is how a gateway knows its upstream.
type AddressKind string

// Kinds of addresses.
const (
	AddressIP   AddressKind = "ip"
	AddressName AddressKind = "name" // a host name, asked of the upstream's name server
	AddressUnix AddressKind = "unix" // a socket file
)

// loadProfiles reads the table of profiles; without the file there is none and every profile is an ordinary one.
func loadProfiles(fsys fs.FS) (map[string]*Profile, error) {
	text, err := fs.ReadFile(fsys, profilesFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read profiles: %w", err)
	}
	var profiles map[string]*Profile
	if err := decode(profilesFile, text, &profiles); err != nil {
		return nil, err
	}
	backends, err := LoadBackends(fsys)
	if err != nil {
		return nil, err
	}
	var found []problem
	for _, name := range slices.Sorted(maps.Keys(profiles)) {
		if err := profiles[name].check(backends); err != nil {
			found = append(found, problem{name, err})
			continue
		}
		profiles[name].line = lineOf(text, name)
	}
	return profiles, located(profilesFile, text, found)
}

// check finds mistakes and the backend.
func (p *Profile) check(backends map[string]*Backend) error {
	switch {
	case p == nil || p.Doc == "":
		return errors.New("needs a doc that says what it is")
	case p.Servers < 0 || p.Servers > 2:
		return fmt.Errorf("has %d servers; it takes 1 or 2", p.Servers)
	case p.Dial != "" && (p.Dial != "backup" || p.Servers != 2):
		return errors.New("dial takes backup, and goes with two servers")
	case !slices.Contains([]AddressKind{"", AddressIP, AddressName, AddressUnix}, p.Address):
		return fmt.Errorf("address %q must be ip, name or unix", p.Address)
	}
	if p.Backend = backends[p.Server]; p.Server != "" && p.Backend == nil {
		return fmt.Errorf("backend %q has no folder with a backend.yaml", p.Server)
	}
	return p.Prevents.check()
}

// maxBefore bounds what a compared cell waits for before its request.
const maxBefore = 5 * time.Second

func (p *Prevention) check() error {
	if p != nil && (min(p.Notice, p.Age) < 0 || max(p.Notice, p.Age) > maxBefore) {
		return fmt.Errorf("prevents: notice and age take 0s to %s", maxBefore)
	}
	return nil
}

// Preventions names the profiles that are compared with each other, in the order of the table. The first one is what the
// others are held against.
func (d *Definition) Preventions() []string {
	names := slices.Collect(maps.Keys(d.shared))
	names = slices.DeleteFunc(names, func(name string) bool { return d.shared[name].Prevents == nil })
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(d.shared[a].line, d.shared[b].line) })
	return names
}

// Profile gives what a profile needs; an unknown one needs nothing special.
func (d *Definition) Profile(name string) Profile {
	if p := d.shared[name]; p != nil {
		return *p
	}
	return Profile{}
}

// Lacks gives the reason why the gateway cannot have a profile, or "" when it has it.
func (d *Definition) Lacks(profile string) string {
	if _, ok := d.Profiles[profile]; ok {
		return ""
	}
	if why := d.Without[profile]; why != "" {
		return fmt.Sprintf("%s has no profile %s: %s", d.Title, profile, why)
	}
	return fmt.Sprintf("%s has no profile %q", d.Title, profile)
}

// decided checks that the gateway has each profile of the table, or says why not, and no others.
func (d *Definition) decided() []problem {
	var found []problem
	for _, name := range slices.Sorted(maps.Keys(d.shared)) {
		_, has := d.Profiles[name]
		if _, lacks := d.Without[name]; has == lacks {
			found = append(found, problem{"profiles", fmt.Errorf("%s must stand in either profiles or without", name)})
		}
	}
	known := func(key string, names []string) {
		for _, name := range names {
			if d.shared != nil && d.shared[name] == nil {
				found = append(found, problem{key, fmt.Errorf("%s is not in %s", name, profilesFile)})
			}
		}
	}
	known("profiles", slices.Sorted(maps.Keys(d.Profiles)))
	known("without", slices.Sorted(maps.Keys(d.Without)))
	for name, versions := range d.Requires {
		if _, ok := d.Profiles[name]; !ok || versions.check == nil {
			found = append(found, problem{"requires", fmt.Errorf("%s must be a profile with a range such as >=1.29.4", name)})
		}
	}
	return found
}
