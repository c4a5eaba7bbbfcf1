package gateway

import (
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"
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

// LaneView is one lane as a template sees it.
type LaneView struct {
	// Name is lane0, lane1 ...
	Name string
	// Listen is Host and Port joined.
	Listen string
	Host   string
	Port   uint16
	// Upstream is host:port.
	Upstream string
}

// LaneName is the tag that a lane has in logs: lane0, lane1 ...
func LaneName(index int) string { return "lane" + strconv.Itoa(index) }

func newView(d *Definition, lanes []Lane, host, scratch string) View {
	v := View{Connect: ConnectTimeout, Read: ReadTimeout, Scratch: scratch, Config: path.Join(scratch, d.Config), Modules: d.Modules}
	for _, lane := range lanes {
		v.Lanes = append(v.Lanes, LaneView{
			Name: LaneName(lane.Index), Host: host, Port: lane.Listen, Upstream: lane.Upstream.String(),
			Listen: net.JoinHostPort(host, strconv.Itoa(int(lane.Listen))),
		})
	}
	return v
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
	sample := newView(d, []Lane{{Listen: 8001, Upstream: netip.MustParseAddrPort("192.0.2.1:80")}}, "0.0.0.0", "/tmp")
	for _, name := range d.ProfileNames() {
		tmpl, err := d.loadTemplate(fsys, name)
		if err != nil {
			found = append(found, problem{"profiles", err})
			continue
		}
		d.templates[name] = tmpl
		if _, err := d.render(name, sample); err != nil {
			found = append(found, problem{"profiles", err})
		}
	}
	for key, args := range map[string][]string{"run": d.Run, "check": d.Check} {
		if _, err := expandAll(args, sample); err != nil {
			found = append(found, problem{key, err})
		}
	}
	if _, err := d.environment(sample); err != nil {
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
		if _, ok := d.Profiles[strings.TrimSuffix(path.Base(file), ".tmpl")]; !ok {
			found = append(found, problem{"profiles", fmt.Errorf("%s belongs to no profile; add it or remove the file", path.Base(file))})
		}
	}
	return found
}

func (d *Definition) loadTemplate(fsys fs.FS, profile string) (*template.Template, error) {
	file := path.Join(d.Name, profile+".tmpl")
	text, err := fs.ReadFile(fsys, file)
	if err != nil {
		return nil, fmt.Errorf("profile %s has no template: %w", profile, err)
	}
	return template.New(file).Funcs(templateFuncs()).Option("missingkey=error").Parse(string(text))
}

// render fills a profile's template.
func (d *Definition) render(profile string, v View) (string, error) {
	tmpl, ok := d.templates[profile]
	if !ok {
		return "", fmt.Errorf("gateway %s has no profile %q; it has %s", d.Name, profile, strings.Join(d.ProfileNames(), ", "))
	}
	var out strings.Builder
	if err := tmpl.Execute(&out, v); err != nil {
		return "", fmt.Errorf("render profile: %w", err)
	}
	return out.String(), nil
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

func expandAll(texts []string, v View) ([]string, error) {
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

func expand(text string, v View) (string, error) {
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
