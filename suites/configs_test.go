package suites_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatefault/gatefault/docker"
	"github.com/gatefault/gatefault/scenarios/strict"
	"github.com/gatefault/gatefault/suites/config"
	"github.com/gatefault/gatefault/suites/gateway"
)

// configs is where real configurations lie: PRODUCT/NAME, with an expect.yaml beside what a user would bring.
const configs = "check/testdata/configs"

// subject is a real configuration and what a check of it has to say; its expect.yaml.
type subject struct {
	product, name string

	// About is what it is, in the manner of what people run.
	About string `yaml:"about"`
	// Config is the file or folder that a user brings, beside expect.yaml.
	Config string `yaml:"config"`
	// Mounts are further files and folders, by their path here; Env is for the gateway.
	Mounts map[string]string `yaml:"mounts"`
	Env    map[string]string `yaml:"env"`
	// Upstreams are declared, and Request is what leads to the only one, if not what gatefault finds by itself.
	Upstreams []string `yaml:"upstreams"`
	Request   string   `yaml:"request"`
	// Scenarios are patterns of what is run; default: all. Waits says that the check does little but wait for timeouts.
	Scenarios []string `yaml:"scenarios"`
	Waits     bool     `yaml:"waits"`
	// Read is what is found out by reading.
	Read reading `yaml:"read"`
	// Findings are the ids that the check has to tell, and no others, by route. A good configuration has none.
	Findings map[string][]string `yaml:"findings"`
}

// reading is what a configuration says, a line each.
type reading struct {
	Entries []string `yaml:"entries"`
	Groups  []string `yaml:"groups"`
	Routes  []string `yaml:"routes"`
	// Wants are the files that it needs and the user did not bring, modules left out; Missing those that it includes.
	Wants   []string `yaml:"wants"`
	Missing []string `yaml:"missing"`
}

// subjects reads all expectations.
func subjects() ([]*subject, error) {
	files, err := filepath.Glob(filepath.Join(configs, "*", "*", "expect.yaml"))
	if err != nil {
		return nil, err
	}
	var all []*subject
	for _, file := range files {
		s := &subject{product: filepath.Base(filepath.Dir(filepath.Dir(file))), name: filepath.Base(filepath.Dir(file))}
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if _, err := strict.Load(file, data, s, strict.Words{Empty: "the file is empty", Many: "the file holds more than one document"}); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// dir is the folder of the configuration and its expect.yaml.
func (s *subject) dir() string { return filepath.Join(configs, s.product, s.name) }

// source is what the user brings, as the command line would give it to the reader.
func (s *subject) source(layout gateway.Layout) config.Source {
	src := config.Source{Path: filepath.Join(s.dir(), s.Config), Home: layout.Home, Main: layout.Main, Env: s.Env}
	for _, from := range slices.Sorted(maps.Keys(s.Mounts)) {
		src.Mounts = append(src.Mounts, config.Mount{Path: filepath.Join(s.dir(), from), At: s.Mounts[from]})
	}
	return src
}

// TestConfigurationsAreComplete holds the collection against what it is there for.
func TestConfigurationsAreComplete(t *testing.T) {
	all, err := subjects()
	if err != nil {
		t.Fatal(err)
	}
	good, bad, found := map[string]int{}, map[string]int{}, map[string]bool{}
	for _, s := range all {
		if s.About == "" || s.Config == "" || len(s.Upstreams) == 0 {
			t.Errorf("%s: about, config and upstreams are needed", s.dir())
		}
		if len(s.Findings) == 0 {
			good[s.product]++
			continue
		}
		bad[s.product]++
		for _, ids := range s.Findings {
			if len(s.Findings) > 1 || len(ids) > 1 {
				t.Errorf("%s: a bad configuration is written for one finding", s.dir())
			}
			found[ids[0]] = true
		}
	}
	for _, product := range config.Products() {
		if good[product] < 2 || bad[product] < 2 {
			t.Errorf("%s: %d good configurations and %d bad ones; there should be two of each at least", product, good[product], bad[product])
		}
	}
	t.Logf("findings that a configuration is written for: %v", slices.Sorted(maps.Keys(found)))
}

// TestConfigurationsAreRead compares what is found out by reading with what a person finds.
func TestConfigurationsAreRead(t *testing.T) {
	all, err := subjects()
	if err != nil {
		t.Fatal(err)
	}
	definitions, err := gateway.Load(docker.Files)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		t.Run(s.product+"/"+s.name, func(t *testing.T) {
			t.Parallel()
			i := slices.IndexFunc(definitions, func(d *gateway.Definition) bool { return d.Name == s.product })
			layout, err := definitions[i].OwnLayout(t.Context(), nil, "")
			if err != nil {
				t.Fatal(err)
			}
			c, err := config.Read(s.product, s.source(layout))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(s.Read, read(c)); diff != "" {
				t.Errorf("what is found out by reading differs (- expected, + found):\n%s", diff)
			}
		})
	}
}

// read puts what was found out in lines.
func read(c *config.Config) (r reading) {
	for _, e := range c.Entries {
		r.Entries = append(r.Entries, e.Host+fmt.Sprintf(":%d", e.Port)+flag(" TLS", e.TLS)+flag(" HTTP/2", e.HTTP2)+flag(" PROXY", e.ProxyProtocol))
	}
	for _, g := range c.Groups {
		r.Groups = append(r.Groups, describe(g))
	}
	for _, route := range c.Routes {
		line := fmt.Sprintf(":%d %s%s%s", c.Entries[route.Entry].Port, route.Method+flag(" ", route.Method != ""), route.Host, route.Path)
		for _, name := range slices.Sorted(maps.Keys(route.Headers)) {
			line += fmt.Sprintf(" %s: %s", name, route.Headers[name])
		}
		line += " -> " + c.Groups[route.Group].Name
		r.Routes = append(r.Routes, line+flag(", WebSocket", route.WebSocket)+flag(", cached", route.Cache)+flag(", limited", route.RateLimit)+flag(", needs "+route.Needs, route.Needs != ""))
	}
	for _, u := range c.Uses {
		if !u.Found && !slices.Contains([]config.Role{config.Log, config.Folder, config.SocketFolder, config.PIDFile, config.Module}, u.Role) {
			r.Wants = append(r.Wants, string(u.Role)+" "+u.Path)
		}
	}
	for _, host := range c.Managed {
		r.Wants = append(r.Wants, "a certificate for "+host)
	}
	for _, m := range c.Missing {
		r.Missing = append(r.Missing, m.Path)
	}
	return r
}

// describe tells a group in a line.
func describe(g config.Group) string {
	line := g.Name + " " + g.Protocol
	for _, server := range g.Servers {
		line += " " + server.Key() + flag(" (backup)", server.Backup)
	}
	tries := "1 try"
	switch {
	case g.Wait.Tries > 1 && g.Wait.OnlyConnect:
		tries = fmt.Sprintf("%d tries to connect", g.Wait.Tries)
	case g.Wait.Tries > 1:
		tries = fmt.Sprintf("%d tries", g.Wait.Tries)
	}
	line += fmt.Sprintf(": connect %s, read %s, %s", limit(g.Wait.Connect), limit(g.Wait.Read), tries) + flag(" within "+g.Wait.Within.String(), g.Wait.Within > 0)
	return line + flag(", pool", g.Pool) + flag(", verified", g.Verify) + flag(" as "+g.ServerName, g.ServerName != "") +
		flag(", asks "+strings.Join(g.Resolvers, " "), len(g.Resolvers) > 0)
}

func limit(d time.Duration) string {
	if d == 0 {
		return "for ever"
	}
	return d.String()
}

func flag(text string, on bool) string {
	if on {
		return text
	}
	return ""
}
