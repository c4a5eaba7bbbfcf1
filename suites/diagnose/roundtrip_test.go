package diagnose

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/report"
)

var (
	learn = flag.String("learn", "", "JSON report of gatefault run that observed.json is made from; kept: from the logs in testdata")
	keep  = flag.String("keep", "", "NAME=REPORT of gatefault run: its logs are kept in testdata/cells-NAME.json.gz")
)

// rulesFrom is the Debian release whose gateways' logs are in observed.json; the others are what it is tested on.
const rulesFrom = "trixie"

func catalogue(t testing.TB) *scenarios.Catalogue {
	t.Helper()
	c, err := scenarios.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func cellsOfReport(t *testing.T, name string) []Cell {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d, err := report.ReadJSON(f)
	if err != nil {
		t.Fatal(err)
	}
	return CellsOf(d.Results)
}

// cellsOf reads the logs of a run that were kept.
func cellsOf(t testing.TB, name string) []Cell {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "cells-"+name+".json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unpacked, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var cells []Cell
	if err := json.NewDecoder(unpacked).Decode(&cells); err != nil {
		t.Fatal(err)
	}
	return cells
}

func TestKeepLogs(t *testing.T) {
	name, from, ok := strings.Cut(*keep, "=")
	if !ok {
		t.Skip("makes testdata when asked to: -keep NAME=REPORT")
	}
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewEncoder(w).Encode(cellsOfReport(t, from)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("testdata", "cells-"+name+".json.gz"), b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestObserved compares observed.json with what the kept logs give, or writes it with -learn.
func TestObserved(t *testing.T) {
	cells := cellsOf(t, rulesFrom)
	if *learn != "" && *learn != "kept" {
		cells = cellsOfReport(t, *learn)
	}
	seen, err := observe(catalogue(t), cells)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(seen)
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if *learn != "" {
		if err := os.WriteFile("observed.json", got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(got, observedFile) {
		t.Errorf("observed.json is not what the logs in testdata give: run go test ./suites/diagnose -run TestObserved -learn kept")
	}
}

// TestRoundTrip puts the logs of real runs into a diagnosis that is told no version: the injected cause comes out first.
func TestRoundTrip(t *testing.T) {
	for _, name := range []string{"bookworm", "trixie", "forky"} {
		t.Run(name, func(t *testing.T) {
			hold(t, cellsOf(t, name))
		})
	}
}

// hold asserts the bar for each gateway, and that no injected cause is missing among the candidates.
func hold(t *testing.T, cells []Cell) {
	t.Helper()
	rounds, err := RoundTrip(catalogue(t), cells)
	if err != nil {
		t.Fatal(err)
	}
	tallies := map[string]*Tally{}
	for _, r := range rounds {
		if tallies[r.Gateway] == nil {
			tallies[r.Gateway] = &Tally{}
		}
		tallies[r.Gateway].Add(r)
		if r.Telling == Told && r.Place != 1 {
			t.Logf("%s %s %s: %s is number %d, the first is %s", r.Gateway, r.Version, r.Scenario, r.Cause, r.Place, r.First)
		}
	}
	for gateway, n := range tallies {
		t.Logf("%s: %+v", gateway, *n)
		if n.Told < 25 || n.Share() < Bar {
			t.Errorf("%s: %d of %d causes came out first", gateway, n.First, n.Told)
		}
		if n.AlikeAmong < n.Alike*95/100 {
			t.Errorf("%s: %d of %d causes that look alike are among the candidates", gateway, n.AlikeAmong, n.Alike)
		}
	}
}
