package report_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/look/browse"
	"github.com/gatefault/gatefault/suites/report"
)

var screenshots = flag.String("screenshots", "", "JSON report of a run: write the pictures of the README anew from it")

// TestScreenshots makes the pictures of the README from a real run; see the Makefile.
func TestScreenshots(t *testing.T) {
	if *screenshots == "" {
		t.Skip("without -screenshots FILE.json")
	}
	text, err := os.ReadFile(*screenshots)
	if err != nil {
		t.Fatal(err)
	}
	d, err := report.ReadJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	catalogue, err := scenarios.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	var page bytes.Buffer
	if err := report.HTML(&page, &d.Report, report.HTMLOptions{Scenario: func(id string) *scenarios.Scenario {
		s, _ := catalogue.Find(id) // nil where it is unknown
		return s
	}}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(file, page.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	tab := browse.Open(t)
	for _, shot := range []struct {
		name, theme, hash string
		width, height     int64
	}{
		{"matrix-light", "light", "", 1280, 760},
		{"cell-light", "light", "#nginx/head.slow", 1280, 860},
		{"cell-dark", "dark", "#nginx/head.slow", 1280, 860},
		{"traffic-light", "light", "#go/load.spike", 1280, 860},
		{"phone-matrix", "light", "#cells", 390, 800},
		{"phone-cell", "dark", "#haproxy/conn.race", 390, 800},
		{"projector", "dark", "", 1920, 1080},
	} {
		tab.Size(shot.width, shot.height, shot.theme)
		tab.Goto("file://" + file + shot.hash)
		if strings.Contains(shot.hash, "/") {
			tab.Await(`document.getElementById("story").open`)
		}
		tab.Screenshot(filepath.Join("screenshots", shot.name+".png"))
	}
}
