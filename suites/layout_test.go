package suites_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/gatefault/gatefault/"

// layers lists the packages from the bottom up; one may import those of its own line and of the lines above it.
var layers = [][]string{
	{"upstream/pki", "upstream/wire", "upstream/process", "upstream/firewall", "upstream/firewall/netns", "upstream/dns", "docker"},
	{"upstream/fault"},
	{"upstream"},
	{"upstream/control"},
	{"scenarios/strict"},
	{"scenarios"},
	{"suites/config", "suites/alert", "suites/probe", "suites/sandbox", "suites/syslog", "suites/gateway/quickstart"},
	{"suites/outside"},
	{"suites/gateway"},
	{"suites/run"},
	{"suites/check"},
	{"suites/picture", "suites/look", "suites/look/browse"},
	{"suites/report", "suites/runbook"},
	{"suites/diagnose"},
	{"suites/drill"},
	{"suites/lab"},
	{"suites/cmd/gatefault", "suites/bench"},
}

// forbidden names imports that a tree must do without, and why.
var forbidden = []struct{ tree, imports, why string }{
	{"upstream", "github.com/testcontainers", "the upstream is a library for anyone's tests; an engine client is none of their business"},
	{"upstream", "github.com/onsi", "test frameworks would come along with the library"},
	{"upstream", module + "scenarios", "the upstream breaks on command and knows nothing of expectations"},
	{"suites", "github.com/onsi", "Ginkgo and Gomega belong into _test.go files"},
	{"scenarios", module + "suites", "what is expected must not depend on how it is observed"},
	{"scenarios", "github.com/onsi", "Ginkgo and Gomega belong into _test.go files"},
}

type goPackage struct {
	ImportPath string
	Imports    []string
}

func TestImportsPointOneWay(t *testing.T) {
	level := map[string]int{}
	for i, line := range layers {
		for _, name := range line {
			level[module+name] = i
		}
	}
	for _, p := range packages(t) {
		from, known := level[p.ImportPath]
		if !known && p.ImportPath != module+"suites" {
			t.Errorf("%s has no place in the layers of this test", p.ImportPath)
		}
		for _, imported := range p.Imports {
			if to, ours := level[imported]; ours && to > from {
				t.Errorf("%s imports %s, which lies above it", p.ImportPath, imported)
			}
			for _, rule := range forbidden {
				if strings.HasPrefix(p.ImportPath, module+rule.tree) && strings.HasPrefix(imported, rule.imports) {
					t.Errorf("%s imports %s: %s", p.ImportPath, imported, rule.why)
				}
			}
		}
	}
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", module+"...")
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []goPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}
