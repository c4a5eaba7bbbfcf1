package report

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/gatefault/gatefault/suites/check"
)

// CheckKind tells the document of a check from that of a run, which has no kind.
const CheckKind = "check"

// CheckDocument is a check as JSON. All durations are nanoseconds. Format is as in [Document].
type CheckDocument struct {
	Format int                    `json:"format" jsonschema:"version of this form"`
	Kind   string                 `json:"kind" jsonschema:"check"`
	Passed bool                   `json:"passed" jsonschema:"nothing fails the check"`
	Counts map[check.Severity]int `json:"counts" jsonschema:"how many findings have each severity, ignored ones left out"`
	check.Report
}

// CheckJSON writes a check.
func CheckJSON(w io.Writer, r *check.Report, gate check.Gate) error {
	d := CheckDocument{Format: FormatVersion, Kind: CheckKind, Passed: gate.Passes(r), Counts: map[check.Severity]int{}, Report: *r}
	for _, s := range check.Severities() {
		d.Counts[s] = 0
	}
	for _, f := range r.Findings {
		if f.Ignored == nil {
			d.Counts[f.Severity]++
		}
	}
	return encode(w, d)
}

// ReadCheckJSON reads what [CheckJSON] wrote, in the manner of [ReadJSON].
func ReadCheckJSON(r io.Reader) (*CheckDocument, error) {
	d := &CheckDocument{}
	if err := decode(r, d); err != nil {
		return nil, err
	}
	if err := readable(d.Format); err != nil {
		return nil, err
	}
	if d.Kind != CheckKind {
		return nil, errors.New("this is no report of gatefault check")
	}
	return d, whole(d.Cells)
}

// whole refuses cells without a result, which nothing could be said of.
func whole(cells []check.Cell) error {
	for i, c := range cells {
		if c.Result == nil {
			return fmt.Errorf("read the JSON report: cell %d is empty", i+1)
		}
	}
	return nil
}

// ReadAny reads the report of a check or of a run; the other is nil.
func ReadAny(r io.Reader) (*CheckDocument, *Document, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, nil, fmt.Errorf("read the JSON report: %w", err)
	}
	var head struct{ Kind string }
	if err := decode(bytes.NewReader(text), &head); err != nil {
		return nil, nil, err
	}
	if head.Kind == CheckKind {
		checked, err := ReadCheckJSON(bytes.NewReader(text))
		return checked, nil, err
	}
	ran, err := ReadJSON(bytes.NewReader(text))
	return nil, ran, err
}

// CheckSchema gives the JSON Schema (draft 2020-12) of a [CheckDocument], made from the Go types.
func CheckSchema() ([]byte, error) { return schemaOf[CheckDocument]("gatefault check report") }
