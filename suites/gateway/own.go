package gateway

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/gatefault/gatefault/suites/config"
)

// Own is a gateway that is started with the configuration that its user brought, unmodified: it is copied in, and what it
// names and the user did not bring is made up.
type Own struct {
	Definition *Definition
	Config     *config.Config
	Source     config.Source
	// Env is added to the gateway's environment.
	Env   map[string]string
	Place Place
	// Engine and Network are needed in containers, and Sandbox to start in place [PlaceLocal].
	Engine  *Engine
	Network *Network
	Sandbox *Sandbox
	// Image and Binary are as in [Spec]. Program is a static gatefault program for Linux: what sets the network of a gateway
	// in a container, see [Running.Reach].
	Image, Binary, Program string
	// Tools is a volume with that program, see [Engine.ProgramVolume], for containers: it stands in for the system's log server.
	Tools *Volume
	// Hosts are names that stand in the gateway's /etc/hosts.
	Hosts map[string]netip.Addr
	// Sockets are volumes that the gateway shares with the upstream, by their folder in the gateway's eyes. In a sandbox the
	// folder is all that is needed.
	Sockets map[string]*Volume
	// Authority is the certificate of the authority that signs the upstream's, in PEM. It stands in for every file of role
	// [config.Authority] or [config.Authorities] and is one that the system trusts.
	Authority []byte
}

// Layout is where a product has its configuration: the folder, and the name of the main file there. Version is the product's, where the
// image tells.
type Layout struct{ Home, Main, Version string }

// OwnLayout tells where the gateway has its configuration in an image; override is as in [Engine.Image]. Without an engine it
// is where Debian's packages have it.
func (d *Definition) OwnLayout(ctx context.Context, e *Engine, override string) (Layout, error) {
	if d.Own == nil {
		return Layout{}, d.notOwn()
	}
	if e == nil {
		return Layout{Home: d.Own.Home, Main: d.Own.Main}, nil
	}
	image, err := e.Image(ctx, d, override)
	return d.Own.layout(image), err
}

func (d *Definition) notOwn() error {
	return fmt.Errorf("%s has no configuration of its user's", d.Title)
}

// ConfigError tells that a product refuses a configuration.
type ConfigError struct {
	Product string
	// Said is the product's own message, with the user's paths in it.
	Said []string
	// Hints say what to do about it, where that is known.
	Hints []string
}

// Error gives the product's own words, and the hints.
func (e *ConfigError) Error() string {
	text := fmt.Sprintf("%s refuses the configuration:\n  %s", e.Product, strings.Join(e.Said, "\n  "))
	for _, hint := range e.Hints {
		text += "\n" + hint
	}
	return text
}

// Stands tells, a sentence each, what stands in for what the configuration names and the user did not bring. What the image has
// is not known yet; see [Running.Stands]. It is silent about files that cannot be read: [StartOwn] tells of them.
func (o Own) Stands() []string {
	files, err := o.files(nil)
	if err != nil {
		return nil
	}
	return files.stands
}

// Stands tells what stands in for what the user's configuration names and nobody has.
func (r *Running) Stands() []string { return r.stands }

// Reachable tells whether clients of the gateway in a container reach an entry: one that listens on the container's loopback
// interface alone is for programs beside the gateway, and addresses of other machines are not the container's.
func Reachable(entry config.Entry) bool {
	addr, err := netip.ParseAddr(entry.Host)
	return err != nil && !strings.EqualFold(entry.Host, "localhost") || err == nil && addr.IsUnspecified()
}

// Reachable tells whether clients of this gateway reach an entry: in a sandbox, they are beside it.
func (o Own) Reachable(entry config.Entry) bool { return o.Place == PlaceLocal || Reachable(entry) }

// Unreachable tells of an entry that clients do not reach.
func Unreachable(entry config.Entry) string {
	why := "an address that the gateway does not have here"
	if addr, err := netip.ParseAddr(entry.Host); err != nil || addr.IsLoopback() {
		why = "where only programs beside it get through"
	}
	return fmt.Sprintf("%s: the gateway listens on %s alone, %s: let it listen on port %d of every address, or name another entry",
		entry.At, entry.Host, why, entry.Port)
}

func (o Own) validate() error {
	switch {
	case o.Definition == nil || o.Config == nil:
		return errors.New("start a gateway: a definition and a configuration are needed")
	case o.Definition.Own == nil:
		return o.Definition.notOwn()
	case o.Place == PlaceLocal:
		return o.rootOnly()
	case o.Place != PlaceContainer:
		return fmt.Errorf("start %s: a user's configuration has no place %q", o.Definition.Name, o.Place)
	case o.Engine == nil:
		return fmt.Errorf("start %s: a container needs an engine", o.Definition.Name)
	}
	return nil
}

// IPv6 tells whether the configuration needs IPv6 addresses; a wildcard needs none.
func (o Own) IPv6() bool {
	needs := func(host string) bool {
		addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
		return err == nil && addr.Is6() && !addr.IsUnspecified()
	}
	return slices.ContainsFunc(o.Config.Entries, func(e config.Entry) bool { return needs(e.Host) }) ||
		slices.ContainsFunc(o.Config.Groups, func(g config.Group) bool {
			return slices.ContainsFunc(g.Servers, func(s config.Server) bool { return needs(s.Host) })
		})
}

// Clash tells of servers of an upstream beside the gateway whose port the gateway itself takes. One with a port on every address
// leaves none of them to others.
func (o Own) Clash(beside []config.Server) error {
	for _, server := range beside {
		for _, entry := range o.Config.Entries {
			every := Reachable(entry)
			if server.Kind() != config.Socket && entry.Port == server.Port && (every || entry.Host == server.Host) {
				where := entry.Host
				if every {
					where = "every address"
				}
				return fmt.Errorf("%s: the gateway listens on port %d of %s, so %s (%s) would be the gateway itself: give one of them another port",
					entry.At, entry.Port, where, server.Key(), server.At)
			}
		}
	}
	return nil
}

// names are what stands in the gateway's /etc/hosts: the upstream's, and those of others that the product looks up when it starts and
// that are nowhere.
func (o Own) names() map[string]netip.Addr {
	names := map[string]netip.Addr{}
	for _, name := range o.Config.Names {
		names[name] = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	maps.Copy(names, o.Hosts)
	return names
}

// uses lists what the configuration names in these roles, but for what is no file of its own.
func (o Own) uses(roles ...config.Role) []config.Use {
	return slices.DeleteFunc(slices.Clone(o.Config.Uses), func(u config.Use) bool {
		return !slices.Contains(roles, u.Role) || !path.IsAbs(u.Path) || strings.HasPrefix(u.Path, "/dev/") || strings.HasPrefix(u.Path, "/proc/")
	})
}

// entries are where clients reach the gateway.
func (o Own) entries() ([]config.Entry, error) {
	reachable := slices.DeleteFunc(slices.Clone(o.Config.Entries), func(e config.Entry) bool { return !o.Reachable(e) })
	switch {
	case len(o.Config.Entries) == 0:
		return nil, fmt.Errorf("%s listens on no port", o.Source.Path)
	case len(reachable) == 0:
		return nil, errors.New(Unreachable(o.Config.Entries[0]))
	}
	return reachable, nil
}

// absolutePath finds what looks like a path in a message.
var absolutePath = regexp.MustCompile("/[^\\s\"'`:;,()\\[\\]{}<>]+")

// refusal makes an error of what the product said, in the user's paths.
func (o Own) refusal(files *config.Files, said []string) *ConfigError {
	spec := o.Definition.Own
	refused := &ConfigError{Product: o.Definition.Title}
	for _, line := range said {
		if spec.Noise.matches(line) {
			continue
		}
		line = strings.TrimSpace(spec.Stamp.without(line))
		if told := userPaths(files, line); told != "" && !slices.Contains(refused.Said, told) {
			refused.Said = append(refused.Said, told)
		}
		for _, hint := range spec.Hints {
			if say := hint.of(line); say != "" && !slices.Contains(refused.Hints, say) {
				refused.Hints = append(refused.Hints, say)
			}
		}
	}
	return refused
}

// userPaths puts the user's paths in the place of the container's.
func userPaths(files *config.Files, line string) string {
	return absolutePath.ReplaceAllStringFunc(line, func(at string) string {
		trimmed := strings.TrimRight(at, ".")
		if file, ok := files.User(trimmed); ok {
			return file + at[len(trimmed):]
		}
		return at
	})
}

// Addr is the address of the gateway's container; the zero Addr elsewhere.
func (r *Running) Addr() netip.Addr {
	if r.box == nil {
		return netip.Addr{}
	}
	return r.box.addr
}

// EntryAddr is where clients reach the user's gateway on a port.
func (r *Running) EntryAddr(port uint16) netip.AddrPort {
	if r.box != nil {
		return netip.AddrPortFrom(r.box.addr, port)
	}
	var best netip.Addr
	for _, entry := range r.entries {
		if entry.Port == port && (!best.IsValid() || best.Is6() && nearAddr(entry).Is4()) {
			best = nearAddr(entry)
		}
	}
	return netip.AddrPortFrom(best, port)
}
