package suites_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gatefault/gatefault/suites/report"
)

// checked is one configuration after `gatefault check`.
type checked struct {
	report *report.CheckDocument
	code   int
	output string
	took   time.Duration
	// changed are files of the user's that are not as they were; left is what the program left behind.
	changed, left []string
	err           error
}

// machine is shared by the checks: a whole one has it to itself, of narrowed ones two run side by side, and those that
// only wait take no room.
var machine = make(chan struct{}, 2)

// room takes as much of the machine as a check needs, and gives it back.
func (s *subject) room(ctx context.Context) (leave func(), err error) {
	taken := 0
	leave = func() {
		for range taken {
			<-machine
		}
	}
	wholes.Lock()
	defer wholes.Unlock()
	for range s.needs() {
		select {
		case machine <- struct{}{}:
			taken++
		case <-ctx.Done():
			leave()
			return nil, ctx.Err()
		}
	}
	return leave, nil
}

// wholes lets one check at a time take room: two that want all of it would each wait for the other's half.
var wholes sync.Mutex

func (s *subject) needs() int {
	switch {
	case s.Waits:
		return 0
	case len(s.Scenarios) == 0:
		return cap(machine)
	}
	return 1
}

// check runs the command that a user would, in the folder of the configuration, and looks at what it left.
func (s *subject) check(ctx context.Context, program string) (c checked) {
	leave, err := s.room(ctx)
	if err != nil {
		return checked{err: err}
	}
	defer leave()
	tmp, err := os.MkdirTemp("", "gatefault-check-test-")
	if err != nil {
		return checked{err: err}
	}
	defer os.RemoveAll(tmp)
	before, err := fingerprints(s.dir())
	if err != nil {
		return checked{err: err}
	}
	file := filepath.Join(tmp, "report.json")
	own := filepath.Join(tmp, "tmp")
	if err := os.Mkdir(own, 0o700); err != nil {
		return checked{err: err}
	}
	cmd := exec.CommandContext(ctx, program, append(s.args(), "--json", file)...)
	cmd.Dir, cmd.Env = s.dir(), append(os.Environ(), "TMPDIR="+own)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = 30 * time.Second
	began := time.Now()
	out, err := cmd.CombinedOutput()
	c.took, c.output = time.Since(began), string(out)
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		c.err = err
		return c
	}
	c.code = cmd.ProcessState.ExitCode()
	after, err := fingerprints(s.dir())
	if err != nil {
		return checked{err: err}
	}
	c.changed = differing(before, after)
	c.left = leftBy(ctx, cmd.Process.Pid, own)
	if data, err := os.ReadFile(file); err == nil {
		c.report, c.err = report.ReadCheckJSON(bytes.NewReader(data))
	}
	return c
}

// args is the command line.
func (s *subject) args() []string {
	args := []string{"check", s.product, "--config", s.Config}
	for _, u := range s.Upstreams {
		args = append(args, "--upstream", u)
	}
	for from, at := range s.Mounts {
		args = append(args, "--mount", from+":"+at)
	}
	for name, value := range s.Env {
		args = append(args, "--env", name+"="+value)
	}
	if s.Request != "" {
		args = append(args, "--request", s.Request)
	}
	if len(s.Scenarios) > 0 {
		args = append(args, "--scenario", strings.Join(s.Scenarios, ","))
	}
	if required() {
		args = append(args, "--require", "containers")
	}
	return args
}

// fingerprints tells of each file below a folder all that a program could change.
func fingerprints(dir string) (map[string]string, error) {
	all := map[string]string{}
	return all, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		print := fmt.Sprint(info.Mode(), " ", info.ModTime().UnixNano())
		switch {
		case entry.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			print += " -> " + target
		case entry.Type().IsRegular():
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			print += fmt.Sprintf(" %x", sha256.Sum256(data))
		}
		all[path] = print
		return nil
	})
}

// differing lists files that are not the same before and after.
func differing(before, after map[string]string) (files []string) {
	for path, print := range before {
		if after[path] != print {
			files = append(files, path)
		}
	}
	for path := range after {
		if _, was := before[path]; !was {
			files = append(files, path)
		}
	}
	slices.Sort(files)
	return files
}

// leftBy lists containers, networks and volumes of a process that has ended, and what is in its folder for temporary files.
func leftBy(ctx context.Context, pid int, tmp string) (left []string) {
	for kind, name := range map[string]string{"container": "{{.Names}}", "network": "{{.Name}}", "volume": "{{.Name}}"} {
		args := []string{kind, "ls", "--filter", "label=gatefault.owner", "--format", `{{.Label "gatefault.owner"}} ` + name}
		if kind == "container" {
			args = append(args, "--all")
		}
		out, err := exec.CommandContext(ctx, "docker", args...).Output()
		if err != nil {
			left = append(left, fmt.Sprintf("docker %s ls: %v", kind, err))
		}
		for _, line := range strings.Split(string(out), "\n") {
			owner, what, _ := strings.Cut(line, " ")
			if parts := strings.Split(owner, "-"); len(parts) == 5 && parts[3] == strconv.Itoa(pid) && !(kind == "network" && held(ctx, what)) {
				left = append(left, kind+" "+what)
			}
		}
	}
	files, err := os.ReadDir(tmp)
	if err != nil {
		left = append(left, err.Error())
	}
	for _, f := range files {
		left = append(left, filepath.Join(tmp, f.Name()))
	}
	return left
}
