package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatefault/gatefault/suites/check"
	"github.com/gatefault/gatefault/suites/report"
)

func TestCheckJSONCanBeReadBackAndFitsItsSchema(t *testing.T) {
	var out bytes.Buffer
	if err := report.CheckJSON(&out, checkSample(), check.Gate{}); err != nil {
		t.Fatal(err)
	}
	golden(t, "check.json", out.Bytes())
	d, err := report.ReadCheckJSON(bytes.NewReader(out.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(checkSample(), &d.Report, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("read back: %s", diff)
	}
	if d.Passed || d.Counts[check.SevereError] != 1 || d.Counts[check.Note] != 1 {
		t.Errorf("got passed %v, counts %v", d.Passed, d.Counts)
	}
	schema, err := report.CheckSchema()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "check-schema.json", append(schema, '\n'))
	validate(t, schema, out.Bytes())
	empty := bytes.Buffer{}
	if err := report.CheckJSON(&empty, &check.Report{}, check.Gate{}); err != nil {
		t.Fatal(err)
	}
	validate(t, schema, empty.Bytes())
}

func TestReadCheckJSONRefusesWhatItCannotRead(t *testing.T) {
	for text, want := range map[string]string{
		`[]`:                            "read the JSON report: json: cannot unmarshal array into Go value of type report.CheckDocument",
		`{"format": 1}`:                 "this is no report of gatefault check",
		`{"kind": "check"}`:             "this is no report of gatefault: it has no format",
		`{"format": 2, "kind":"check"}`: "the report has format 2, this gatefault reads up to 1; use a newer one",
		`{"format": 1, "kind": "check", "cells": [{"status": "ok"}, {"scenario": "x"}]}`: "read the JSON report: cell 1 is empty",
	} {
		if _, err := report.ReadCheckJSON(strings.NewReader(text)); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

func TestReadAnyTellsChecksFromRuns(t *testing.T) {
	var checked, ran bytes.Buffer
	if err := errorsOf(report.CheckJSON(&checked, checkSample(), check.Gate{}), report.JSON(&ran, sample(), "v1")); err != nil {
		t.Fatal(err)
	}
	if c, r, err := report.ReadAny(&checked); err != nil || c == nil || r != nil || len(c.Cells) != 11 {
		t.Errorf("a check: %v", err)
	}
	if c, r, err := report.ReadAny(&ran); err != nil || c != nil || r == nil || len(r.Results) != 12 {
		t.Errorf("a run: %v", err)
	}
	if _, _, err := report.ReadAny(strings.NewReader("nothing")); err == nil {
		t.Error("what is no JSON is read")
	}
}

func FuzzReadAny(f *testing.F) {
	var checked, ran bytes.Buffer
	if err := errorsOf(report.CheckJSON(&checked, checkSample(), check.Gate{}), report.JSON(&ran, sample(), "v1")); err != nil {
		f.Fatal(err)
	}
	f.Add(checked.Bytes())
	f.Add(ran.Bytes())
	f.Add([]byte(`{"format": 1, "kind": "check", "cells": [{}]}`))
	f.Fuzz(func(_ *testing.T, text []byte) {
		c, _, err := report.ReadAny(bytes.NewReader(text))
		if err == nil && c != nil {
			_ = report.Check(new(bytes.Buffer), &c.Report, report.CheckOptions{})
		}
	})
}

func TestCheckJUnit(t *testing.T) {
	var out bytes.Buffer
	if err := report.CheckJUnit(&out, checkSample(), check.Gate{}); err != nil {
		t.Fatal(err)
	}
	golden(t, "check.xml", out.Bytes())
	var back struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
	}
	if err := xml.Unmarshal(out.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if back.Tests != 11 || back.Failures != 3 || back.Errors != 2 {
		t.Errorf("got %+v", back)
	}
	validJUnit(t, out.Bytes())
}

// What is as before fails nothing.
func TestCheckJUnitAgainstABaseline(t *testing.T) {
	var out bytes.Buffer
	if err := report.CheckJUnit(&out, checkSample(), check.Gate{Before: checkSample()}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "<failure") {
		t.Error(out.String())
	}
	validJUnit(t, out.Bytes())
}

func TestMarkdown(t *testing.T) {
	var out bytes.Buffer
	if err := report.Markdown(&out, checkSample(), report.CheckOptions{Whole: true}); err != nil {
		t.Fatal(err)
	}
	golden(t, "check.md", out.Bytes())
}

// Others' text stays text: it opens no tag, ends no cell and no block, and notifies nobody.
func TestMarkdownIsEscaped(t *testing.T) {
	r := checkSample()
	for i := range r.Findings {
		f := &r.Findings[i]
		f.Seen, f.Route, f.Title, f.Fix, f.Reproduce = hostile, "a|b`c<d>\n", hostile, hostile, hostile
	}
	var out bytes.Buffer
	if err := report.Markdown(&out, r, report.CheckOptions{}); err != nil {
		t.Fatal(err)
	}
	block := ""
	for line := range strings.Lines(out.String()) {
		line = strings.TrimRight(line, "\n")
		switch fence, _, _ := strings.Cut(line, "text"); {
		case block != "":
			if line == block {
				block = ""
			}
			continue
		case strings.HasPrefix(line, "```"):
			block = strings.TrimRight(fence, "sh")
			continue
		}
		for _, bad := range []string{"<img", "@octocat", "\x1b", "##["} {
			if strings.Contains(line, bad) {
				t.Errorf("%s in %q", bad, line)
			}
		}
		if strings.HasPrefix(line, "<details>") {
			continue
		}
		if bars := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|"); bars != 0 && bars != 6 && bars != 8 {
			t.Errorf("%d bars in %q", bars, line)
		}
	}
	if block != "" {
		t.Errorf("a block is not closed: %s", block)
	}
}

func TestAnnotations(t *testing.T) {
	r := checkSample()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	r.Findings[3].At.File = filepath.Join(root, "deploy", "nginx.conf")
	r.Findings[1].Seen = "100% of:\r\n" + hostile
	var out bytes.Buffer
	if err := report.Annotations(&out, r, check.Gate{}, root); err != nil {
		t.Fatal(err)
	}
	golden(t, "annotations.txt", out.Bytes())
	if n := strings.Count(out.String(), "\n"); n != 3 {
		t.Errorf("%d lines of 3 findings", n)
	}
}

// GitHub shows ten annotations of a kind and drops the others in silence.
func TestAnnotationsAreFew(t *testing.T) {
	r := checkSample()
	for range 20 {
		r.Findings = append(r.Findings, r.Findings[3])
	}
	var out bytes.Buffer
	if err := report.Annotations(&out, r, check.Gate{}, ""); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(out.String(), "::error "); got != 10 {
		t.Errorf("%d errors", got)
	}
}

// validate checks a document by a JSON Schema.
func validate(t *testing.T, schema, document []byte) {
	t.Helper()
	var instance any
	if err := json.Unmarshal(document, &instance); err != nil {
		t.Fatal(err)
	}
	if err := resolved(t, schema).Validate(instance); err != nil {
		t.Error(err)
	}
}
