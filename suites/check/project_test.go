package check

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
	"go.yaml.in/yaml/v4"

	"github.com/gatefault/gatefault/scenarios"
)

// whole says something of everything that a project can say.
const whole = `gateway: nginx
config: ./nginx
image: docker.io/library/nginx:1.30
env: {UPSTREAM: app}
mounts: ["./certs:/etc/ssl/shop"]
entry: https://shop.example:8443
upstreams: [app:8080, 10.0.0.5:80, "[::1]:3000", unix:/run/app.sock]
routes:
  - name: api
    request: GET /api/health?full=1
    headers: {Authorization: Bearer x}
    host: api.example
    entry: :80
    upstreams: [app:8080]
budget: 2m
policy:
  default: standard
  patience: 10s
  recovery: 2s
  expect:
    - {scenario: tcp.*, route: api, status: 502, within: 3s, recovery: 1s, maxAttempts: 2}
    - {cause: timeout, status: 504 made}
    - {scenario: body.truncate, truncation: detectable, attempts: 1}
  ignore:
    - {finding: slow-answer, route: api, reason: the report takes long, until: 2027-01-31}
    - {scenario: head.garbage, reason: nginx, until: 2027-01-31}
failOn: error
`

func TestProjectSaysAll(t *testing.T) {
	p, err := decode("ci/gatefault.yaml", []byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	if p.Config != "ci/nginx" || p.Mounts[0].Path != "ci/certs" || p.Mounts[0].At != "/etc/ssl/shop" {
		t.Errorf("paths: %s, %+v", p.Config, p.Mounts)
	}
	if p.Entry != (Entry{"https", "shop.example", 8443}) || p.Routes[0].Entry != (Entry{"", "", 80}) {
		t.Errorf("entries: %+v, %+v", p.Entry, p.Routes[0].Entry)
	}
	var keys []string
	for _, u := range p.Upstreams {
		keys = append(keys, u.Key())
	}
	if want := []string{"app:8080", "10.0.0.5:80", "[::1]:3000", "unix:/run/app.sock"}; !slices.Equal(keys, want) {
		t.Errorf("upstreams %v", keys)
	}
	if e := p.Policy.Expect; e[0].Status.String() != "502" || e[1].Status.String() != "504 made" || e[0].Within != 3*time.Second {
		t.Errorf("expectations: %+v", e)
	}
	if p.Routes[0].Request != (RequestLine{"GET", "/api/health?full=1"}) || p.Budget != 2*time.Minute || p.FailOn != SevereError {
		t.Errorf("got %+v", p)
	}
}

func TestProjectHasDefaults(t *testing.T) {
	p, err := decode("gatefault.yaml", []byte("gateway: nginx\npolicy: {recovery: 1s}"))
	if err != nil {
		t.Fatal(err)
	}
	if p.Policy.Default != AcceptKnown || p.Policy.Patience != 30*time.Second || p.Policy.Recovery != time.Second || p.FailOn != Warning {
		t.Errorf("got %+v", p)
	}
}

func TestMistakesOfAProjectHaveTheirLine(t *testing.T) {
	for _, c := range []struct{ old, wrong, want string }{
		{"gateway: nginx", "gatway: nginx", `gatefault.yaml:1: unknown key "gatway"; did you mean gateway?`},
		{"gateway: nginx", "gateway: iis", `gatefault.yaml:1: gateway is "iis"; it must be one of apache, caddy, haproxy, nginx`},
		{"docker.io/library/nginx:1.30", "x\nbinary: y", "gatefault.yaml:4: image and binary exclude each other"},
		{"budget: 2m", "budget: soon", `gatefault.yaml:15: expected a duration such as 500ms or 8s here, not "soon"`},
		{"budget: 2m", "budget: -2m", `gatefault.yaml:15: budget is -2m0s`},
		{"{UPSTREAM: app}", "{2: app}", `gatefault.yaml:4: env: "2" is no name`},
		{"{UPSTREAM: app}", "[UPSTREAM]", `gatefault.yaml:4: expected keys with values here, not a list`},
		{"./certs:/etc/ssl/shop", "./certs", `gatefault.yaml:5: mount "./certs" is no path:at`},
		{"https://shop.example:8443", "ftp://x", `gatefault.yaml:6: entry "ftp://x" is no place to come in`},
		{"https://shop.example:8443", "{port: 80}", `gatefault.yaml:6: expected an entry such as :80 or https://example.com:8443 here, not keys with values`},
		{"[app:8080,", "[app,", `gatefault.yaml:7: upstream "app" is no name:port; write it as your configuration does, for example app:8080`},
		{"10.0.0.5:80", "APP:8080", `gatefault.yaml:7: upstream APP:8080 stands there twice`},
		{"unix:/run/app.sock", "unix:run/app.sock", `needs an absolute path`},
		{"GET /api/health?full=1", "GET api", `gatefault.yaml:10: request "GET api" is no method and path`},
		{"host: api.example", "host: https://api", `gatefault.yaml:12: host "https://api" is no host name`},
		{"{Authorization: Bearer x}", `{"A:": x}`, `gatefault.yaml:11: header "A:" is no name and value`},
		{"budget: 2m", "  - {name: api}\nbudget: 2m", `gatefault.yaml:15: two routes are called "api"`},
		{"default: standard", "default: strict", `gatefault.yaml:17: policy.default is "strict"; it must be standard or known`},
		{"patience: 10s", "patience: 0s", `gatefault.yaml:18: policy.patience is 0s; it must be more than 0s`},
		{"scenario: tcp.*, route", "scenario: 'tcp.[', route", `gatefault.yaml:21: "tcp.[" is no pattern of scenarios`},
		{"cause: timeout", "cause: tiemout", `gatefault.yaml:22: no cause is called "tiemout"`},
		{"cause: timeout", "cause: timeout, scenario: tcp.refuse", `gatefault.yaml:22: an expectation needs either a scenario or a cause`},
		{"status: 504 made", "route: api", `gatefault.yaml:22: an expectation needs at least one of status, within`},
		{"status: 504 made", "status: 504 maid", `gatefault.yaml:22: outcome "504 maid": no kind is called "maid"`},
		{"status: 504 made", "status: 99", `gatefault.yaml:22: status 99 lies outside 100 to 999`},
		{"attempts: 1}", "attempts: 1, maxAttempts: 2}", `gatefault.yaml:23: write either attempts or maxAttempts`},
		{"detectable", "visible", `gatefault.yaml:23: truncation is "visible"; it can only be detectable`},
		{"finding: slow-answer", "finding: slow-anwser", `gatefault.yaml:25: no finding is called "slow-anwser"; did you mean slow-answer?`},
		{"finding: slow-answer, ", "", `gatefault.yaml:25: what is ignored needs a finding or a scenario`},
		{"reason: nginx", "reason: ' '", `gatefault.yaml:26: what is ignored needs a reason`},
		{"nginx, until: 2027-01-31", "nginx", `gatefault.yaml:26: what is ignored needs an end`},
		{"nginx, until: 2027-01-31", "nginx, until: soon", `gatefault.yaml:26: what is ignored needs an end`},
		{"failOn: error", "failOn: errors", `gatefault.yaml:27: failOn is "errors"; it must be error, warning or note`},
		{"failOn: error", "target: app", `gatefault.yaml:27: target "app" is no address of a gateway`},
		{"failOn: error", "target: http://a/b", `target "http://a/b" is no address`},
		{"failOn: error", "target: http://a", `gatefault.yaml:3: image is about a gateway that gatefault starts`},
		{whole, "", `gatefault.yaml:1: the file is empty; gatefault init writes one`},
		{whole, "gateway: nginx\n---\ngateway: nginx\n", "more than one document"},
	} {
		_, err := decode("gatefault.yaml", []byte(strings.Replace(whole, c.old, c.wrong, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q instead of %q:\n  got  %v\n  want %s", c.wrong, c.old, err, c.want)
		}
	}
}

func TestLoadTellsOfFilesThatAreNoProject(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(filepath.Join(dir, "none.yaml")); err == nil || !strings.Contains(err.Error(), "read the project: ") {
		t.Errorf("no file: %v", err)
	}
	big := filepath.Join(dir, "big.yaml")
	if err := os.WriteFile(big, make([]byte, maxProject+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(big); err == nil || !strings.Contains(err.Error(), "is longer than 1 MiB") {
		t.Errorf("a big file: %v", err)
	}
	good := filepath.Join(dir, "gatefault.yaml")
	if err := os.WriteFile(good, []byte("config: nginx.conf"), 0o600); err != nil {
		t.Fatal(err)
	}
	if p, err := Load(good); err != nil || p.Config != filepath.Join(dir, "nginx.conf") {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestSchemaAndReaderAgree(t *testing.T) {
	text, err := ProjectSchema()
	if err != nil {
		t.Fatal(err)
	}
	schema := &jsonschema.Schema{}
	if err := json.Unmarshal(text, schema); err != nil {
		t.Fatal(err)
	}
	resolved, err := schema.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	valid := func(text string) error {
		var v any
		if err := yaml.Load([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		return resolved.Validate(v)
	}
	if err := valid(strings.ReplaceAll(whole, "2027-01-31", "'2027-01-31'")); err != nil {
		t.Errorf("the schema refuses what the reader takes: %v", err)
	}
	for _, wrong := range []string{"gatway: nginx", "gateway: iis", "budget: soon", "failOn: errors", "upstreams: [app]", "policy: {default: strict}",
		"policy: {expect: [{status: 504 maid}]}", "policy: {ignore: [{finding: slow, reason: a, until: '2027-01-31'}]}", "policy: {ignore: [{finding: slow-answer}]}"} {
		if valid(wrong) == nil {
			t.Errorf("the schema takes %q, which the reader refuses", wrong)
		}
	}
}

func TestFormsReadWhatTheyWrite(t *testing.T) {
	for _, text := range []string{":80", "https://:443", "http://example.com:80", "https://[::1]:8443"} {
		if e, err := ParseEntry(text); err != nil || e.String() != text {
			t.Errorf("%s: %q, %v", text, e, err)
		}
	}
	for text, want := range map[string]Entry{"https://example.com": {"https", "example.com", 443}, "http://a/": {"http", "a", 80}} {
		if e, err := ParseEntry(text); err != nil || e != want {
			t.Errorf("%s: %+v, %v", text, e, err)
		}
	}
	for _, wrong := range []string{"", ":", "80:", ":0", ":65536", "http://", "http://a/b", "a b:80", "https://a?b"} {
		if e, err := ParseEntry(wrong); err == nil {
			t.Errorf("%q is read as %+v", wrong, e)
		}
	}
	for text, o := range map[string]scenarios.Outcome{
		"502": {Kind: scenarios.Passed, Status: 502}, "502 made": {Kind: scenarios.Made, Status: 502}, "closed": {Kind: scenarios.Closed},
	} {
		if w, err := ParseWanted(text); err != nil || w.String() != text || !w.Met(o) || w.Met(scenarios.Outcome{Kind: scenarios.Truncated, Status: 502}) {
			t.Errorf("%s: %v, %v", text, w, err)
		}
	}
	for text, want := range map[string]RequestLine{"/": {"GET", "/"}, "POST /a?b=c": {"POST", "/a?b=c"}} {
		if r, err := ParseRequestLine(text); err != nil || r != want {
			t.Errorf("%s: %v, %v", text, r, err)
		}
	}
}

func TestTheCommandLineAddsAndOverrides(t *testing.T) {
	p, err := decode("gatefault.yaml", []byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	err = p.Merge(Flags{Gateway: "caddy", Binary: "/usr/bin/caddy", Env: map[string]string{"A": "b"}, Mounts: []string{"x:/y"},
		Upstreams: []string{"APP:8080", "db:80"}, Entry: ":81", FailOn: "note", Default: "known", Patience: time.Second, Requests: []string{"/x"}})
	if err != nil {
		t.Fatal(err)
	}
	if p.Gateway != "caddy" || p.Image != "" || p.Binary != "/usr/bin/caddy" || len(p.Env) != 2 || len(p.Mounts) != 2 || len(p.Upstreams) != 5 ||
		p.Entry.Port != 81 || p.FailOn != Note || p.Policy.Default != AcceptKnown || p.Policy.Patience != time.Second || p.Budget != 2*time.Minute {
		t.Errorf("got %+v", p)
	}
	for want, f := range map[string]Flags{
		`--upstream: upstream "app" is no name:port`: {Upstreams: []string{"app"}},
		`--entry: entry "x y" is no place`:           {Entry: "x y"},
		`--mount: mount "a" is no path:at`:           {Mounts: []string{"a"}},
		`--request: request "GET x" is no method`:    {Requests: []string{"GET x"}},
		`failOn is "worst"`:                          {FailOn: "worst"},
		`target "here" is no address`:                {Target: "here"},
		`gateway is "iis"`:                           {Gateway: "iis"},
		`policy.patience is -1s`:                     {Patience: -time.Second},
	} {
		if err := New().Merge(f); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: got %v, want %s", f, err, want)
		}
	}
}

// FuzzProject: whatever a file holds, it is a project or there is an error that names the file.
func FuzzProject(f *testing.F) {
	f.Add(whole)
	f.Add("policy: &a {expect: [*a]}")
	f.Add("upstreams: ['unix:///x', '[::1%eth0]:80']\nentry: '[::1]'")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := decode("gatefault.yaml", []byte(text))
		if err != nil && !strings.Contains(err.Error(), "gatefault.yaml") {
			t.Errorf("error without the file: %v", err)
		}
		if err == nil && p.check() != nil {
			t.Error("a project that was read is wrong")
		}
	})
}
