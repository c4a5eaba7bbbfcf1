package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
)

// pipeline is what a file of docker/ci runs.
type pipeline struct {
	install []string // lines that get gatefault
	script  string   // the check, for sh
	env     []string
	files   []string // that it has to leave
}

// pipelines takes the commands out of the files as their readers would.
func pipelines(t *testing.T) map[string]pipeline {
	return map[string]pipeline{"github.yml": github(t), "gitlab.yml": gitlab(t), "gatefault.mk": makefile(), "pre-commit-config.yaml": preCommit(t)}
}

// read decodes a YAML file below the top folder.
func readYAML(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Load(text, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// github gives the steps that run something, which the runner does with the shell's -e.
func github(t *testing.T) pipeline {
	var workflow struct {
		On   map[string]any `yaml:"on"`
		Jobs map[string]struct {
			RunsOn string `yaml:"runs-on"`
			Steps  []struct{ Name, Uses, Run string }
		}
	}
	readYAML(t, "docker/ci/github.yml", &workflow)
	job := workflow.Jobs["check"]
	if len(workflow.On) == 0 || job.RunsOn == "" {
		t.Error("the workflow lacks on or runs-on")
	}
	var p pipeline
	for _, step := range job.Steps {
		p.add(step.Run)
	}
	p.env = []string{"GITHUB_ACTIONS=true", "GITHUB_STEP_SUMMARY=summary.md"}
	p.files = []string{"summary.md", "gatefault.xml", "gatefault.json"}
	return p
}

// gitlab gives before_script and script, which the runner joins.
func gitlab(t *testing.T) pipeline {
	var jobs map[string]struct {
		BeforeScript []string `yaml:"before_script"`
		Script       []string
		Artifacts    struct {
			Paths   []string
			Reports map[string]string
		}
	}
	readYAML(t, "docker/ci/gitlab.yml", &jobs)
	var p pipeline
	job := jobs["gatefault"]
	for _, line := range slices.Concat(job.BeforeScript, job.Script) {
		p.add(line)
	}
	p.files = append(job.Artifacts.Paths, job.Artifacts.Reports["junit"])
	return p
}

func makefile() pipeline {
	return pipeline{script: "make -f $TOP/docker/ci/gatefault.mk check-gateway\n" +
		"cp gatefault.json gateway-baseline.json\nmake -f $TOP/docker/ci/gatefault.mk check-gateway-changes", files: []string{"gatefault.xml", "gatefault.json"}}
}

// preCommit gives the hook's entry with the arguments of the configuration, as pre-commit calls it.
func preCommit(t *testing.T) pipeline {
	var used struct{ Repos []struct{ Hooks []hook } }
	var offered []hook
	readYAML(t, "docker/ci/pre-commit-config.yaml", &used)
	readYAML(t, ".pre-commit-hooks.yaml", &offered)
	h := used.Repos[0].Hooks[0]
	i := slices.IndexFunc(offered, func(o hook) bool { return o.ID == h.ID })
	if i < 0 {
		t.Fatalf("there is no hook %s", h.ID)
	}
	files := regexp.MustCompile(offered[i].Files)
	for name, want := range map[string]bool{"gatefault.yaml": true, "deploy/nginx.conf": true, "nginx/sites/shop": true, "etc/haproxy.cfg": true,
		"Caddyfile": true, "apache2/apache2.conf": true, "httpd.conf": true, "main.go": false, "docs/nginx.md": false} {
		if files.MatchString(name) != want {
			t.Errorf("the hook runs for %s: %v", name, !want)
		}
	}
	words := []string{offered[i].Entry}
	for _, arg := range h.Args {
		words = append(words, quote(arg))
	}
	return pipeline{script: strings.Join(words, " ")}
}

type hook struct {
	ID, Entry, Files string
	Args             []string
}

func (p *pipeline) add(line string) {
	if strings.Contains(line, "go install") {
		p.install = append(p.install, line)
	} else if line != "" {
		p.script += line + "\n"
	}
}

// Where gatefault is got from is this module's own program; getting it needs the network.
func TestPipelinesInstallThisProgram(t *testing.T) {
	self, err := exec.CommandContext(t.Context(), "go", "list", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range pipelines(t) {
		for _, line := range p.install {
			if want := "CGO_ENABLED=0 go install " + strings.TrimSpace(string(self)) + "@latest"; line != want {
				t.Errorf("%s: got %q, want %q", name, line, want)
			}
		}
	}
}

// Each pipeline passes on a good configuration, with only a few scenarios so that this does not take long.
func TestPipelinesRun(t *testing.T) {
	program := buildStatic(filepath.Join(t.TempDir(), "gatefault"))
	if program == "" {
		if strings.Contains(os.Getenv("GATEFAULT_REQUIRE"), "containers") {
			t.Fatal("GATEFAULT_REQUIRE demands containers, and no Docker engine answers")
		}
		t.Skip("no Docker engine answers")
	}
	top, err := filepath.Abs(filepath.Join("..", "..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range pipelines(t) {
		t.Run(name, func(t *testing.T) {
			dir := repository(t, program)
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
			defer cancel()
			sh := exec.CommandContext(ctx, "sh", "-e", "-c", p.script)
			sh.Dir = dir
			sh.Env = append(os.Environ(), append(p.env, "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"), "TOP="+top,
				"GITHUB_WORKSPACE="+dir, "GATEFAULT_BINARY="+program)...)
			var out bytes.Buffer
			sh.Stdout, sh.Stderr = &out, &out
			if err := sh.Run(); err != nil {
				t.Fatalf("%v\n%s", err, out.String())
			}
			if !strings.Contains(out.String(), "no findings") {
				t.Errorf("the check says\n%s", out.String())
			}
			for _, file := range p.files {
				if info, err := os.Stat(filepath.Join(dir, file)); err != nil || info.Size() == 0 {
					t.Errorf("%s is not written: %v", file, err)
				}
			}
		})
	}
}

// repository is a folder with a configuration, its project, and a gatefault on the PATH that runs two quick scenarios only.
func repository(t *testing.T, program string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"bin/gatefault":     "#!/bin/sh\nexec " + quote(program) + " \"$@\" -s head.none,tcp.refuse\n",
		"deploy/nginx.conf": goodConfig,
		"gatefault.yaml":    "gateway: nginx\nconfig: deploy/nginx.conf\nupstreams: ['app:8080']\n",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const goodConfig = `events {}
http {
  server {
    listen 80;
    location / {
      proxy_pass http://app:8080;
      proxy_connect_timeout 2s;
      proxy_read_timeout 3s;
    }
  }
}
`
