package gateway

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/gatefault/gatefault/upstream/pki"
)

// The timeouts of the reference profiles. They do not coincide with the second after which a SYN is sent again, so a
// connect timeout is told from a lucky retransmission.
const (
	ConnectTimeout = 1500 * time.Millisecond
	ReadTimeout    = 2 * time.Second
)

// View is what the templates of profiles, arguments and environment see. Besides its fields they have two functions:
// `ms` writes a duration as 1500ms, `seconds` as whole seconds, rounded up.
type View struct {
	Lanes []LaneView
	// Connect and Read are the timeouts towards the upstream.
	Connect, Read time.Duration
	// Scratch is a folder that the gateway may write to.
	Scratch string
	// Config is the path of the rendered configuration.
	Config string
	// Modules are the folders where loadable modules may lie.
	Modules []string
}

// CA is the path of the certificate of the authority that signs the upstream's certificates, see [CAFile].
func (v View) CA() string { return v.File(CAFile) }

// CA is the path of the certificate of the authority that signs the upstream's certificates, see [CAFile].
func (l LaneView) CA() string { return l.File(CAFile) }

// ServerName is the host name on the upstream's certificate.
func (View) ServerName() string { return pki.ServerName }

// ServerName is the host name on the upstream's certificate.
func (LaneView) ServerName() string { return pki.ServerName }

// File is the path of one of [Spec.Files], beside the configuration.
func (l LaneView) File(name string) string { return path.Join(l.Scratch, name) }

// File is the path of one of [Spec.Files], beside the configuration.
func (v View) File(name string) string { return path.Join(v.Scratch, name) }

// with gives the view of one profile's lanes alone.
func (v View) with(profile string) View {
	v.Lanes = slices.DeleteFunc(slices.Clone(v.Lanes), func(l LaneView) bool { return l.Profile != profile })
	v.Connect, v.Read = v.Lanes[0].Connect, v.Lanes[0].Read
	return v
}

// profiles lists the profiles of the lanes.
func (v View) profiles() []string {
	var names []string
	for _, lane := range v.Lanes {
		names = append(names, lane.Profile)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// LaneView is one lane as a template sees it.
type LaneView struct {
	// Profile is the name of the lane's profile.
	Profile string
	// Scratch is a folder that the gateway may write to.
	Scratch string
	// Name is lane0, lane1 ...
	Name string
	// Listen is Host and Port joined.
	Listen string
	Host   string
	Port   uint16
	// Upstream is host:port.
	Upstream string
	// Backup is the host:port of the lane's second endpoint, in profiles with two servers.
	Backup string
	// Domain is the upstream's host name and Resolver the host:port of the name server to ask, in profiles with names.
	Domain   string
	Resolver string
	// Script is the path of the application in its backend, in profiles with one.
	Script string
	// Socket is the path of the upstream's socket, in profiles with sockets.
	Socket string
	// Connect and Read are the timeouts of View.
	Connect, Read time.Duration
}

// UpstreamPort is the port of Upstream alone.
func (l LaneView) UpstreamPort() string {
	_, port, _ := net.SplitHostPort(l.Upstream)
	return port
}

// UpstreamHost is the host of Upstream alone.
func (l LaneView) UpstreamHost() string {
	host, _, _ := net.SplitHostPort(l.Upstream)
	return host
}

// ResolverHost and ResolverPort are the two parts of Resolver.
func (l LaneView) ResolverHost() string {
	host, _, _ := net.SplitHostPort(l.Resolver)
	return host
}

// ResolverPort is the port of Resolver alone.
func (l LaneView) ResolverPort() string {
	_, port, _ := net.SplitHostPort(l.Resolver)
	return port
}

// LaneName is the tag that a lane has in logs: lane0, lane1 ...
func LaneName(index int) string { return "lane" + strconv.Itoa(index) }

func newView(spec Spec, host, scratch string) View {
	d := spec.Definition
	v := View{Scratch: scratch, Config: path.Join(scratch, d.Config), Modules: d.Modules}
	for _, lane := range spec.Lanes {
		profile := cmp.Or(lane.Profile, spec.Profile)
		p := d.Profile(profile)
		v.Connect, v.Read = cmp.Or(spec.Connect, p.Connect, ConnectTimeout), cmp.Or(spec.Read, p.Read, ReadTimeout)
		if p.Dial != "" {
			lane.Upstream = lane.Backup
		}
		v.Lanes = append(v.Lanes, LaneView{
			Profile: profile, Scratch: scratch, Name: LaneName(lane.Index), Host: host, Port: lane.Listen, Upstream: text(lane.Upstream), Backup: text(lane.Backup),
			Domain: lane.Domain, Resolver: text(lane.Resolver), Socket: lane.Socket, Connect: v.Connect, Read: v.Read,
			Listen: net.JoinHostPort(host, strconv.Itoa(int(lane.Listen))), Script: p.Backend.ScriptPath(),
		})
	}
	return v
}

// text writes an address, or nothing for none.
func text(addr netip.AddrPort) string {
	if !addr.IsValid() {
		return ""
	}
	return addr.String()
}

func templateFuncs() template.FuncMap {
	return template.FuncMap{
		"ms":      func(d time.Duration) string { return fmt.Sprintf("%dms", d.Milliseconds()) },
		"seconds": func(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) },
	}
}

// loadTemplates parses the templates of a gateway and tries each with sample lanes, so that a template's mistake shows
// when it is loaded and not in the middle of a run. It also tries the arguments and the environment.
func (d *Definition) loadTemplates(fsys fs.FS) []problem {
	found := d.orphans(fsys)
	d.templates = map[string]*template.Template{}
	sample := func(profile string) View {
		at := netip.MustParseAddrPort("192.0.2.1:80")
		lane := Lane{Listen: 8001, Upstream: at, Backup: at, Domain: "lane0.test", Resolver: at, Socket: "/tmp/lane0.sock"}
		return newView(Spec{Definition: d, Profile: profile, Lanes: []Lane{lane}}, "0.0.0.0", "/tmp")
	}
	for _, name := range d.ProfileNames() {
		tmpl, err := d.loadTemplate(fsys, name)
		if err != nil {
			found = append(found, problem{"profiles", err})
			continue
		}
		d.templates[name] = tmpl
		if _, err := d.render(sample(name)); err != nil {
			found = append(found, problem{"profiles", err})
		}
	}
	for key, args := range map[string][]string{"run": d.Run, "check": d.Check} {
		if _, err := expandAll(args, sample("")); err != nil {
			found = append(found, problem{key, err})
		}
	}
	if _, err := d.environment(sample("")); err != nil {
		found = append(found, problem{"env", err})
	}
	return found
}

// orphans are templates that no profile names.
func (d *Definition) orphans(fsys fs.FS) []problem {
	files, err := fs.Glob(fsys, d.Name+"/*.tmpl")
	if err != nil {
		return []problem{{"profiles", err}}
	}
	var found []problem
	for _, file := range files {
		name := strings.TrimSuffix(path.Base(file), ".tmpl")
		if _, ok := d.Profiles[name]; !ok && name != commonTemplate {
			found = append(found, problem{"profiles", fmt.Errorf("%s belongs to no profile; add it or remove the file", path.Base(file))})
		}
	}
	return found
}

func (d *Definition) loadTemplate(fsys fs.FS, profile string) (*template.Template, error) {
	file := path.Join(d.Name, cmp.Or(d.Profile(profile).Like, profile)+".tmpl")
	text, err := fs.ReadFile(fsys, file)
	if err != nil {
		return nil, fmt.Errorf("profile %s has no template: %w", profile, err)
	}
	tmpl := template.New(file).Funcs(templateFuncs()).Option("missingkey=error")
	common, err := fs.ReadFile(fsys, path.Join(d.Name, commonTemplate+".tmpl"))
	if err == nil {
		_, err = tmpl.New(commonTemplate).Parse(string(common))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the parts that profiles share: %w", err)
	}
	return tmpl.Parse(string(text))
}

// commonTemplate is the name of the file with the named templates that the profiles of a gateway share.
const commonTemplate = "common"

// The named templates of a profile that can share a gateway with others, and of the frame that holds them all. The frame
// is one of the gateway's common parts; it puts .Body where the profiles belong.
const (
	frameTemplate = "config" // the whole configuration
	topTemplate   = "top"    // what a profile needs once, before its lanes; may be absent
	laneTemplate  = "lane"   // one lane
)

// Shares tells whether lanes of that profile can be in one gateway with lanes of others, in a chain with those of chains.
func (d *Definition) Shares(profile string) bool {
	tmpl, p := d.templates[profile], d.Profile(profile)
	_, required := d.Requires[profile]
	return tmpl != nil && !p.Own && !required && (d.Embedded || tmpl.Lookup(laneTemplate) != nil)
}

// render writes the configuration for the lanes of a view.
func (d *Definition) render(v View) (string, error) {
	profiles := v.profiles()
	for _, profile := range profiles {
		if d.templates[profile] == nil {
			return "", fmt.Errorf("gateway %s has no profile %q; it has %s", d.Name, profile, strings.Join(d.ProfileNames(), ", "))
		}
	}
	first := d.templates[profiles[0]]
	if first.Lookup(laneTemplate) == nil {
		return d.renderProfile(profiles[0], v)
	}
	var body, out strings.Builder
	for _, profile := range profiles {
		if err := d.renderLanes(&body, profile, v.with(profile)); err != nil {
			return "", fmt.Errorf("render profile: %w", err)
		}
	}
	if err := first.ExecuteTemplate(&out, frameTemplate, struct {
		View
		Body string
	}{v, body.String()}); err != nil {
		return "", fmt.Errorf("render %s: %w", d.Name, err)
	}
	return out.String(), nil
}

// renderProfile fills a template that is a whole configuration.
func (d *Definition) renderProfile(profile string, v View) (string, error) {
	var out strings.Builder
	if err := d.templates[profile].Execute(&out, v.with(profile)); err != nil {
		return "", fmt.Errorf("render profile: %w", err)
	}
	return out.String(), nil
}

// renderLanes writes the part of one profile.
func (d *Definition) renderLanes(out io.Writer, profile string, v View) error {
	tmpl := d.templates[profile]
	if tmpl.Lookup(topTemplate) != nil {
		if err := tmpl.ExecuteTemplate(out, topTemplate, v); err != nil {
			return err
		}
	}
	for _, lane := range v.Lanes {
		if err := tmpl.ExecuteTemplate(out, laneTemplate, lane); err != nil {
			return err
		}
	}
	return nil
}

func (d *Definition) environment(v View) (map[string]string, error) {
	env := map[string]string{}
	for name, value := range d.Env {
		expanded, err := expand(value, v)
		if err != nil {
			return nil, err
		}
		env[name] = expanded
	}
	return env, nil
}

func expandAll(texts []string, v any) ([]string, error) {
	out := slices.Clone(texts)
	for i, text := range texts {
		expanded, err := expand(text, v)
		if err != nil {
			return nil, err
		}
		out[i] = expanded
	}
	return out, nil
}

func expand(text string, v any) (string, error) {
	tmpl, err := template.New("argument").Funcs(templateFuncs()).Parse(text)
	if err != nil {
		return "", fmt.Errorf("parse %q: %w", text, err)
	}
	var out strings.Builder
	if err := tmpl.Execute(&out, v); err != nil {
		return "", fmt.Errorf("expand %q: %w", text, err)
	}
	return out.String(), nil
}
