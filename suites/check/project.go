package check

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/scenarios/strict"
	"github.com/gatefault/gatefault/suites/run"
)

// ProjectFile is the name that a project's file has unless another one is given.
const ProjectFile = "gatefault.yaml"

// Project says what to check and what its owner expects of it. It is read by [Load] or made by [New], and [Project.Merge]
// adds what stands on a command line. Paths are relative to the file's folder.
type Project struct {
	Gateway string            `yaml:"gateway" json:"gateway,omitempty" jsonschema:"the product: apache, caddy, haproxy or nginx"`
	Config  string            `yaml:"config" json:"config,omitempty" jsonschema:"its configuration, as you ship it: a file, or a folder with all that belongs to it"`
	Image   string            `yaml:"image" json:"image,omitempty" jsonschema:"image to start it from; default: the product's official one"`
	Binary  string            `yaml:"binary" json:"binary,omitempty" jsonschema:"program on this machine to start instead of a container"`
	Env     map[string]string `yaml:"env" json:"env,omitempty" jsonschema:"environment variables of the gateway"`
	Mounts  []Mount           `yaml:"mounts" json:"mounts,omitempty" jsonschema:"further files and folders that the gateway needs, as path:at; they are copied"`
	Entry   Entry             `yaml:"entry" json:"entry,omitzero" jsonschema:"where clients reach the gateway, such as :80 or https://example.com:8443; default: as the configuration says"`
	Target  string            `yaml:"target" json:"target,omitempty" jsonschema:"URL of a gateway that runs already and that you have pointed at the upstreams"`

	Upstreams []Upstream    `yaml:"upstreams" json:"upstreams,omitempty" jsonschema:"every address that the configuration sends requests to; default: all that it names"`
	Routes    []Route       `yaml:"routes" json:"routes,omitempty" jsonschema:"ways through the gateway to the upstreams; default: as the configuration says"`
	Budget    time.Duration `yaml:"budget" json:"budget,omitempty" jsonschema:"time for the whole check, such as 2m; default: what the configuration's timeouts need"`
	Policy    Policy        `yaml:"policy" json:"policy,omitzero" jsonschema:"what you expect"`
	FailOn    Severity      `yaml:"failOn" json:"failOn,omitempty" jsonschema:"the least severe finding that fails the check; default: warning"`

	requests []RequestLine     // of a command line: they take the place of the routes' own
	headers  map[string]string // of these requests
	asked    []Route           // likewise: routes besides those of the file
	filter   run.Filter        // likewise: which scenarios to run
	only     []string          // likewise: names of routes
	doc      *strict.Doc       // nil without a file
}

// Route is a way through the gateway to upstreams.
type Route struct {
	Name      string            `yaml:"name" json:"name,omitempty" jsonschema:"what reports call it; default: its request"`
	Request   RequestLine       `yaml:"request" json:"request,omitzero" jsonschema:"what leads there, such as GET /api/health; the answer is the upstream's. Default: GET /"`
	Headers   map[string]string `yaml:"headers" json:"headers,omitempty" jsonschema:"fields of that request"`
	Host      string            `yaml:"host" json:"host,omitempty" jsonschema:"its Host field, and the server name where clients come by TLS"`
	Entry     Entry             `yaml:"entry" json:"entry,omitzero" jsonschema:"where clients come in; default: the project's"`
	Upstreams []Upstream        `yaml:"upstreams" json:"upstreams,omitempty" jsonschema:"what it leads to; default: as the configuration says of the path"`
	Scenarios []string          `yaml:"scenarios" json:"scenarios,omitempty" jsonschema:"ids of scenarios, or patterns such as ws.*, that run on it; default: all that fit"`
}

// Policy is what the owner of a configuration expects.
type Policy struct {
	Default  Stance        `yaml:"default" json:"default,omitempty" jsonschema:"what is good enough where nothing else is said. standard: what the standards ask for. known: also what this version of the product does in any configuration. Default: known"`
	Patience time.Duration `yaml:"patience" json:"patience,omitempty" jsonschema:"how long your clients wait for an answer; default: 30s"`
	Recovery time.Duration `yaml:"recovery" json:"recovery,omitempty" jsonschema:"how long requests may go on failing when the upstream is well again; default: 5s"`
	Expect   []Expect      `yaml:"expect" json:"expect,omitempty" jsonschema:"what you want instead, the first that fits a cell decides"`
	Ignore   []Ignore      `yaml:"ignore" json:"ignore,omitempty" jsonschema:"what is not to count, why, and until when"`
}

// Stance says what is good enough where the policy expects nothing in particular.
type Stance string

// Stances.
const (
	AcceptStandard Stance = "standard" // what the standards permit
	AcceptKnown    Stance = "known"    // and what this version of the product is known to do
)

// Expect is what an owner wants of some cells.
type Expect struct {
	Scenario    string          `yaml:"scenario" json:"scenario,omitempty" jsonschema:"id of a scenario, or a pattern such as tcp.*"`
	Cause       scenarios.Cause `yaml:"cause" json:"cause,omitempty" jsonschema:"instead of a scenario: all scenarios of a cause"`
	Route       string          `yaml:"route" json:"route,omitempty" jsonschema:"name of a route; default: all"`
	Status      Wanted          `yaml:"status" json:"status,omitzero" jsonschema:"what the client is to get: 502 for an answer of that status, or exactly 502 made, 200 passed, 200 truncated, closed"`
	Within      time.Duration   `yaml:"within" json:"within,omitempty" jsonschema:"longest time until the answer is complete"`
	Recovery    time.Duration   `yaml:"recovery" json:"recovery,omitempty" jsonschema:"longest time that requests may go on failing afterwards"`
	Attempts    int             `yaml:"attempts" json:"attempts,omitempty" jsonschema:"exact number of times that the gateway goes to an upstream"`
	MaxAttempts int             `yaml:"maxAttempts" json:"maxAttempts,omitempty" jsonschema:"instead of attempts: the most times"`
	Truncation  string          `yaml:"truncation" json:"truncation,omitempty" jsonschema:"detectable: an answer that is cut must not look complete"`
}

// Detectable is what an expectation may want of answers that are cut.
const Detectable = "detectable"

// Defaults of a project.
const (
	DefaultPatience = 30 * time.Second
	DefaultRecovery = 5 * time.Second
	DefaultFailOn   = Warning
)

// New gives a project in which nothing is said yet.
func New() *Project {
	return &Project{FailOn: DefaultFailOn, Policy: Policy{Default: AcceptKnown, Patience: DefaultPatience, Recovery: DefaultRecovery}}
}

var projectWords = strict.Words{
	Empty: "the file is empty; gatefault init writes one",
	Many:  "the file holds more than one document; write one project a file",
	Types: map[string]string{
		"check.Upstream":    "an address such as app:8080 or unix:/run/app.sock",
		"check.Entry":       "an entry such as :80 or https://example.com:8443",
		"check.Mount":       "a mount such as ./certs:/etc/ssl/private",
		"check.RequestLine": "a request such as GET /api/health",
		"check.Wanted":      "an outcome such as 502 or 200 truncated",
	},
}

// maxProject is more than any project needs: a mistaken name must not fill the memory.
const maxProject = 1 << 20

// Load reads a project's file strictly: all mistakes are reported together, each with file and line.
func Load(path string) (*Project, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the project: %w", err)
	case info.Size() > maxProject:
		return nil, fmt.Errorf("%s is longer than 1 MiB, so it is no project", path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the project: %w", err)
	}
	return decode(path, data)
}

func decode(file string, data []byte) (*Project, error) {
	p := New()
	doc, err := strict.Load(file, data, p, projectWords)
	if err != nil {
		return nil, err
	}
	p.doc = doc
	if err := p.check(); err != nil {
		return nil, err
	}
	p.relativeTo(filepath.Dir(file))
	return p, nil
}

// relativeTo makes the file's paths ones of this process. A program without a slash is looked for in PATH.
func (p *Project) relativeTo(dir string) {
	join := func(path string) string {
		if path == "" || filepath.IsAbs(path) {
			return path
		}
		return filepath.Join(dir, path)
	}
	p.Config = join(p.Config)
	if strings.Contains(p.Binary, "/") {
		p.Binary = join(p.Binary)
	}
	for i, m := range p.Mounts {
		p.Mounts[i].Path = join(m.Path)
	}
}
