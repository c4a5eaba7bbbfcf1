package check

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/config"
)

// resolver finds out which ways through a gateway are to be checked.
type resolver struct {
	*Project
	cfg   *config.Config
	notes []string
}

func (r *resolver) note(format string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

// keyOf is a server's key in one form: host names have no case (RFC 4343), addresses one text.
func keyOf(s config.Server) string {
	s.Host = strings.ToLower(s.Host)
	if addr, err := netip.ParseAddr(s.Host); err == nil {
		s.Host = addr.Unmap().String()
	}
	return s.Key()
}

func sameServer(s config.Server) func(config.Server) bool {
	return func(other config.Server) bool { return keyOf(other) == keyOf(s) }
}

// declared lists the upstreams of the project and of its routes.
func (r *resolver) declared() []config.Server {
	var out []config.Server
	add := func(all []Upstream) {
		for _, u := range all {
			if !slices.ContainsFunc(out, sameServer(u.Server)) {
				out = append(out, u.Server)
			}
		}
	}
	add(r.Upstreams)
	for _, route := range r.Routes {
		add(route.Upstreams)
	}
	return out
}

// named lists all servers of the configuration, each once; without a configuration those of the project.
func (r *resolver) named() []config.Server {
	if r.cfg == nil {
		return r.declared()
	}
	var out []config.Server
	for _, g := range r.cfg.Groups {
		out = appendNew(out, g.Servers)
	}
	return out
}

func appendNew(out, more []config.Server) []config.Server {
	for _, s := range more {
		if !slices.ContainsFunc(out, sameServer(s)) {
			out = append(out, s)
		}
	}
	return out
}

// used lists the servers that requests can be sent to.
func (r *resolver) used() (out []config.Server) {
	for _, g := range r.cfg.Groups {
		if g.Protocol != "" {
			out = appendNew(out, g.Servers)
		}
	}
	return out
}

// declare holds the declared upstreams against those of the configuration.
func (r *resolver) declare() error {
	declared := r.declared()
	if r.cfg == nil {
		if len(declared) == 0 {
			return fmt.Errorf("nothing tells where the gateway at %s sends requests; declare it with --upstream name:port", r.Target)
		}
		return nil
	}
	used := r.used()
	switch {
	case len(r.cfg.Groups) == 0:
		return fmt.Errorf("%s sends no request to an upstream, so there is nothing to check", r.Config)
	case len(declared) == 0:
		r.note(nothingDeclared+" %s.", places(used))
		return nil
	}
	for _, d := range declared {
		if !slices.ContainsFunc(r.named(), sameServer(d)) {
			return unused(d, r.named())
		}
	}
	return undeclared(used, declared)
}

// unused tells of an upstream that the configuration does not use.
func unused(d config.Server, named []config.Server) error {
	var keys []string
	for _, s := range named {
		keys = append(keys, s.Key())
	}
	if near := scenarios.Nearest(d.Key(), keys); len(near) > 0 {
		return fmt.Errorf("the configuration does not use the upstream %s; did you mean %s?", d.Key(), strings.Join(near, ", "))
	}
	return fmt.Errorf("the configuration does not use the upstream %s; it uses %s", d.Key(), places(named))
}

// undeclared lists what the configuration uses, if some of it is not declared.
func undeclared(used, declared []config.Server) error {
	var flags []string
	text := "the configuration uses upstreams that are not declared:"
	for _, s := range used {
		text += "\n  " + place(s)
		if !slices.ContainsFunc(declared, sameServer(s)) {
			text += ", not declared"
			flags = append(flags, "--upstream "+s.Key())
		}
	}
	if len(flags) == 0 {
		return nil
	}
	return fmt.Errorf("%s\nadd %s, or declare none, and all of them are stood in for", text, strings.Join(flags, " "))
}

func places(servers []config.Server) string {
	var out []string
	for _, s := range servers {
		out = append(out, place(s))
	}
	return strings.Join(out, ", ")
}

// place is a server and where the configuration names it.
func place(s config.Server) string {
	if s.At.File == "" {
		return s.Key()
	}
	return s.Key() + " (" + s.At.String() + ")"
}

const nothingDeclared = "No upstream is declared, so all that the configuration names are stood in for:"
