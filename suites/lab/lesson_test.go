package lab_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatefault/gatefault/suites/lab"
)

func TestTheLessonsAreThere(t *testing.T) {
	lessons, err := lab.Lessons(catalogue(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(lessons) < 8 || lessons[0].ID != "502-503-504" {
		t.Errorf("%d lessons, the first is %s", len(lessons), lessons[0].ID)
	}
	if needed := lab.Needed(lessons, catalogue(t)); len(needed) < 20 {
		t.Errorf("the lessons need %d scenarios", len(needed))
	}
}

const minimal = `id: mine
title: Mine
learn: Something.
steps:
  - title: One
    text: Before.
    fault: head.slow
    params: {delay: 3s}
    request: {method: GET}
    explain: After.
`

func TestLessonsOfOnesOwn(t *testing.T) {
	c := catalogue(t)
	builtin, err := lab.Lessons(c)
	if err != nil {
		t.Fatal(err)
	}
	with := func(name, text string) ([]*lab.Lesson, error) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return lab.WithLessons(builtin, dir, c)
	}
	all, err := with("mine.yaml", minimal)
	if err != nil {
		t.Fatal(err)
	}
	if mine := all[len(all)-1]; len(all) != len(builtin)+1 || mine.ID != "mine" || mine.Steps[0].Ask == "" || mine.Steps[0].Params["delay"] != "3s" {
		t.Errorf("%+v", mine)
	}
	for _, bad := range []struct{ old, wrong, want string }{
		{"title: Mine", "titel: Mine", `mine.yaml:2: unknown key "titel"`},
		{"id: mine", "id: yours", "mine.yaml:1: id is"},
		{"fault: head.slow", "fault: head.slwo", "mine.yaml:5: no fault is called"},
		{"delay: 3s", "delay: soon", "mine.yaml:5: parameter delay"},
		{"    request: {method: GET}\n", "", "mine.yaml:5: a step runs a scenario or sends a request"},
		{"    explain: After.\n", "", "mine.yaml:5: a step needs"},
		{"fault: head.slow", "fault: head.slow\n    stream: {rate: 9, for: long}", "mine.yaml:8: "},
		{minimal, "", "the file holds no lesson"},
	} {
		if _, err := with("mine.yaml", strings.Replace(minimal, bad.old, bad.wrong, 1)); err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%q: got %v, want %s", bad.wrong, err, bad.want)
		}
	}
	if _, err := with("502-503-504.yaml", strings.Replace(minimal, "id: mine", "id: 502-503-504", 1)); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("a lesson that is there: %v", err)
	}
	if _, err := lab.WithLessons(builtin, t.TempDir(), c); err == nil || !strings.Contains(err.Error(), "holds no lessons") {
		t.Errorf("an empty folder: %v", err)
	}
	if _, err := lab.WithLessons(builtin, "/nonexistent", c); err == nil || !strings.Contains(err.Error(), "no folder") {
		t.Errorf("no folder: %v", err)
	}
}
