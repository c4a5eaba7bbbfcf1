package scenarios_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/upstream/fault"
)

// minimal has all that a file needs and nothing else.
const minimal = `id: my.own
title: Mine
cause: timeout
fault: head.slow
params: {delay: 5s}
evidence: event
explain: It is slow.
error: connection_read_timeout
standard:
  - outcome: 504 made
    why: too late
    cite: RFC 9110 §15.6.5
known:
  - gateway: nginx
    versions: ">=1.22"
    outcome: 504 made
    why: timeout
    cite: nginx manual
signs:
  nginx: ['timed out']
operator:
  symptom: slow
  checks: [look]
  fix: mend
  prevention: care
`

func loadOne(text string) (*scenarios.Catalogue, error) {
	return scenarios.Load(fstest.MapFS{"my.own.yaml": {Data: []byte(text)}})
}

func TestLoadFillsInTheDefaults(t *testing.T) {
	c, err := loadOne(minimal)
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Find("my.own")
	if err != nil {
		t.Fatal(err)
	}
	if s.Profile != "plain" || s.Endpoint != scenarios.HTTPEndpoint || s.Request.Method != "GET" || s.Request.Path != "/" ||
		s.Patience != 8*time.Second || s.Layer() != "head" || s.Source != "my.own.yaml" {
		t.Errorf("got %+v", s)
	}
	if signs := s.SignsOf("nginx", "1.26.3"); len(signs) != 1 || !signs[0].MatchString("upstream timed out") {
		t.Errorf("signs: %v", signs)
	}
}

func TestLoadSaysWhatIsWrongAndWhere(t *testing.T) {
	for _, c := range []struct{ old, wrong, want string }{
		{"cause: timeout", "cuase: timeout", `my.own.yaml:3: unknown key "cuase"; did you mean cause?`},
		{"  prevention: care", "  preventions: care", `my.own.yaml:25: unknown key "preventions"; did you mean prevention?`},
		{"title: Mine", "title: Mine\ntitle: Yours", `my.own.yaml:3: mapping key "title" already defined at line 2`},
		{"explain: It is slow.", "patience: long\nexplain: It is slow.", `my.own.yaml:7: expected a duration such as 500ms or 8s here, not "long"`},
		{"explain: It is slow.", "patience: 61s\nexplain: It is slow.", `my.own.yaml:7: patience is 1m1s; it must be more than 0s and at most 1m0s`},
		{"checks: [look]", "checks: [", `my.own.yaml:25: this is not YAML`},
		{"checks: [look]", "checks: []", `my.own.yaml:23: operator.checks is missing`},
		{"id: my.own", "id: your.own", `my.own.yaml:1: id is "your.own" but the file is called my.own.yaml; make them the same`},
		{"cause: timeout", "cause: weather", `my.own.yaml:3: cause is "weather"; it must be one of overload, crash`},
		{"cause: timeout", "cause: none", `my.own.yaml:3: cause none belongs to the fault healthy`},
		{"fault: head.slow", "fault: head.slwo", `my.own.yaml:4: no fault is called "head.slwo"; did you mean head.slow`},
		{"{delay: 5s}", "{delay: soon}", `my.own.yaml:5: parameter delay of head.slow: "soon" is not a duration`},
		{"{delay: 5s}", "{dealy: 5s}", `my.own.yaml:5: head.slow has no parameter "dealy"; it takes delay`},
		{"evidence: event", "evidence: kernel", `my.own.yaml:6: evidence is "kernel" but head.slow proves itself by event; write evidence: event`},
		{"explain: It is slow.", "explain: " + strings.Repeat("word ", 121), `my.own.yaml:7: explain has 121 words; cut it to 120`},
		{"connection_read_timeout", "connection_read_timeuot", `my.own.yaml:8: error "connection_read_timeuot" is no error type of RFC 9209 §2.3, nor none or passed; did you mean connection_read_timeout`},
		{"outcome: 504 made\n    why: too", "outcome: 504 maid\n    why: too", `my.own.yaml:10: outcome "504 maid": no kind is called "maid"`},
		{"    why: too late\n", "", `my.own.yaml:10: standard.0.why is missing`},
		{"cite: RFC 9110 §15.6.5", "cite: ''", `my.own.yaml:12: standard.0.cite is missing`},
		{"    cite: nginx manual\n", "", `my.own.yaml:14: known.0 has no cite; cite the manual or source, or write observed`},
		{`versions: ">=1.22"`, `versions: new`, `my.own.yaml:15: known.0 has versions "new", which is no range; write for example`},
		{`    versions: ">=1.22"` + "\n", "", `my.own.yaml:14: known.0 needs either versions`},
		{"['timed out']", "['timed (out']", `my.own.yaml:20: signs.nginx: "timed (out" is no regular expression`},
		{"['timed out']", "['.*']", `my.own.yaml:20: signs.nginx: ".*" fits the empty line`},
		{"evidence: event", "evidence: event\nrequest: {method: get}", `my.own.yaml:7: method "get" must be capital letters`},
		{"evidence: event", "evidence: event\nrequest: {path: a b}", `my.own.yaml:7: path "a b" must start with /`},
		{"evidence: event", "evidence: event\nrequest: {headers: {\"A B\": x}}", `my.own.yaml:7: header "A B"`},
		{"evidence: event", "evidence: event\nrequest: {bodySize: 4194305}", `my.own.yaml:7: bodySize is 4194305; it must be from 0 to 4194304 bytes`},
		{"evidence: event", "evidence: event\nrequest: {bodySize: 1, body: x}", `my.own.yaml:7: bodySize takes the place of body`},
		{"evidence: event", "evidence: event\nmeets: prime", `my.own.yaml:7: meets: prime takes prime: true`},
		{"evidence: event", "evidence: event\nmeets: both", `my.own.yaml:7: meets is "both"; it must be one of request, prime`},
		{"fault: head.slow\nparams: {delay: 5s}", "fault: process.oom", `process.oom needs another endpoint than "http"; write endpoint: memory`},
		{minimal, "", `my.own.yaml:1: the file holds no scenario; write one`},
		{"id: my.own", "id: my.own\n---\nid: other", `my.own.yaml:1: the file holds more than one document; write one scenario a file`},
		{minimal, "- a\n", `my.own.yaml:1: expected keys with values here, not a list`},
	} {
		_, err := loadOne(strings.Replace(minimal, c.old, c.wrong, 1))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q instead of %q:\n  got  %v\n  want %s", c.wrong, c.old, err, c.want)
		}
	}
}

func TestPinsOfOneGatewayMustNotOverlap(t *testing.T) {
	pin := func(key, value string) string {
		return "known:\n  - {gateway: nginx, " + key + ": \"" + value + "\", outcome: closed, why: w, cite: c}\n"
	}
	for _, c := range []struct {
		key, value string
		ok         bool
	}{
		{"versions", "<1.22", true}, {"versions", "<=1.22", false}, {"versions", "*", false}, {"versions", ">2", false},
		{"versions", "~1.10", true}, {"observed", "1.22.1", true},
	} {
		_, err := loadOne(strings.Replace(minimal, "known:\n", pin(c.key, c.value), 1))
		if (err == nil) != c.ok {
			t.Errorf("%s %s beside >=1.22: %v", c.key, c.value, err)
		}
	}
}

func TestAllMistakesOfAllFilesAreReported(t *testing.T) {
	bad := strings.NewReplacer("title: Mine", "title: ''", "fix: mend", "fix: ''").Replace(minimal)
	_, err := scenarios.Load(fstest.MapFS{
		"my.own.yaml": {Data: []byte(bad)}, "b.yaml": {Data: []byte("id: [")}, "c.yml": {Data: []byte("id: c")},
	})
	for _, want := range []string{"my.own.yaml:2:", "my.own.yaml:24:", "b.yaml:2:", "c.yml: rename it to end in .yaml"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}

func TestWithDir(t *testing.T) {
	c, err := scenarios.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if _, err := c.WithDir(dir); err == nil || !strings.Contains(err.Error(), "holds no scenarios") {
		t.Errorf("empty folder: %v", err)
	}
	write(t, filepath.Join(dir, "my.own.yaml"), minimal)
	more, err := c.WithDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := more.Find("my.own"); err != nil || s.Source != filepath.Join(dir, "my.own.yaml") {
		t.Errorf("own scenario: %v, %v", s, err)
	}
	if len(more.All()) != len(c.All())+1 {
		t.Errorf("%d scenarios after adding one to %d", len(more.All()), len(c.All()))
	}
	write(t, filepath.Join(dir, "head.slow.yaml"), strings.Replace(minimal, "my.own", "head.slow", 1))
	_, err = c.WithDir(dir)
	if err == nil || !strings.Contains(err.Error(), "builtin/head.slow.yaml") || !strings.Contains(err.Error(), filepath.Join(dir, "head.slow.yaml")) {
		t.Errorf("same id twice: %v", err)
	}
	if _, err := c.WithDir(filepath.Join(dir, "nowhere")); err == nil || !strings.Contains(err.Error(), "is no folder of scenarios") {
		t.Errorf("no folder: %v", err)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFindNamesTheNearest(t *testing.T) {
	c, err := scenarios.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Find("tcp.refused")
	var unknown *fault.UnknownError
	if !errors.As(err, &unknown) || unknown.Kind != "scenario" || len(unknown.Nearest) == 0 || unknown.Nearest[0] != "tcp.refuse" {
		t.Errorf("got %v", err)
	}
}

// FuzzLoad: whatever a file holds, loading it gives a scenario or an error that names the file, and never panics.
func FuzzLoad(f *testing.F) {
	f.Add(minimal)
	f.Add("id: &a [*a]")
	f.Add("known: [{versions: '<0 || >1'}]\nsigns: {'': ['(']}")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := scenarios.Load(fstest.MapFS{"my.own.yaml": &fstest.MapFile{Data: []byte(text), Mode: fs.ModePerm}})
		if err != nil && !strings.Contains(err.Error(), "my.own.yaml") {
			t.Errorf("error without the file: %v", err)
		}
		if err == nil && len(c.All()) != 1 {
			t.Error("neither a scenario nor an error")
		}
	})
}

func TestScriptsOfAUsersOwn(t *testing.T) {
	healthy, err := fs.ReadFile(os.DirFS("."), "app.500.yaml")
	if err != nil {
		t.Fatal(err)
	}
	own := strings.Replace(string(healthy), "id: app.500\n", "id: own.cut\nincomplete: true\nscript: |\n  read-request\n  send \"HTTP/1.1 200 OK\\r\\nContent-Length: 9\\r\\n\\r\\n\"\n  close\n", 1)
	c, err := scenarios.Load(fstest.MapFS{"own.cut.yaml": {Data: []byte(own)}})
	if err != nil {
		t.Fatal(err)
	}
	f, err := c.All()[0].Injects()
	if err != nil || f.Name != fault.ScriptName || !f.Incomplete {
		t.Errorf("%+v, %v", f, err)
	}
	for want, wrong := range map[string]string{
		"no verb is called clsoe":       strings.Replace(own, "  close\n", "  clsoe\n", 1),
		"takes the place of the fault":  strings.Replace(own, "script:", "fault: head.none\nscript:", 1),
		"incomplete goes with a script": strings.Replace(string(healthy), "id: app.500\n", "id: own.cut\nfault: app.500\nincomplete: true\n", 1),
	} {
		if _, err := scenarios.Load(fstest.MapFS{"own.cut.yaml": {Data: []byte(wrong)}}); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "own.cut.yaml:") {
			t.Errorf("%v, want %q with file and line", err, want)
		}
	}
}
