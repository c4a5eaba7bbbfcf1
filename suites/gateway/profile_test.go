package gateway

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/gatefault/gatefault/docker"
)

func TestPreventionsStandInTheOrderOfTheTable(t *testing.T) {
	all, err := Load(docker.Files)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"plain", "keepalive", "failover", "retries", "healthcheck", "cache"}
	for _, d := range all {
		if got := d.Preventions(); !slices.Equal(got, want) {
			t.Errorf("%s: %v", d.Name, got)
		}
	}
}

func TestAPreventionDoesNotWaitForLong(t *testing.T) {
	for text, want := range map[string]string{
		"a:\n  doc: one\nb:\n  doc: two\n  prevents: {notice: 6s}\n": "profiles.yaml:3: b: prevents: notice and age take 0s to 5s",
		"a:\n  doc: one\n  prevents: {age: -1s}\n":                   "profiles.yaml:1: a: prevents: notice and age take 0s to 5s",
		"a:\n  doc: one\n  prevents: true\n":                         "profiles.yaml",
		"a:\n  doc: one\n  prevents: {prim: true}\n":                 "prim",
	} {
		if _, err := Load(fstest.MapFS{"profiles.yaml": {Data: []byte(text)}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}
