package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/check"
	"github.com/gatefault/gatefault/suites/run"
)

// FormatVersion is the version of the JSON form. It changes when a reader of the old form could misread the new one;
// added keys do not change it.
const FormatVersion = 1

// Document is a run as JSON. All durations are nanoseconds.
type Document struct {
	Format    int                 `json:"format" jsonschema:"version of this form"`
	Gatefault string              `json:"gatefault,omitempty" jsonschema:"version of the program that ran"`
	Counts    map[run.Verdict]int `json:"counts" jsonschema:"how many cells have each verdict"`
	run.Report
}

// JSON writes a run; version is the program's.
func JSON(w io.Writer, r *run.Report, version string) error {
	d := Document{Format: FormatVersion, Gatefault: version, Counts: map[run.Verdict]int{}, Report: *r}
	for _, v := range run.Verdicts() {
		d.Counts[v] = r.Count(v)
	}
	return encode(w, d)
}

func encode(w io.Writer, document any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(document); err != nil {
		return fmt.Errorf("write the JSON report: %w", err)
	}
	return nil
}

// ReadJSON reads what [JSON] wrote. Keys that it does not know are ignored: they may be of a later version.
// The scenarios' own text is not in the document, so [run.Result.Scenario] stays nil.
func ReadJSON(r io.Reader) (*Document, error) {
	d := &Document{}
	if err := decode(r, d); err != nil {
		return nil, err
	}
	return d, readable(d.Format)
}

func decode(r io.Reader, document any) error {
	b, err := io.ReadAll(r)
	if err == nil {
		err = json.NewDecoder(bytes.NewReader(b)).Decode(document)
	}
	if err != nil {
		return fmt.Errorf("read the JSON report: %w", err)
	}
	return nil
}

// readable tells whether this program reads documents of that format.
func readable(format int) error {
	switch {
	case format == 0:
		return errors.New("this is no report of gatefault: it has no format")
	case format > FormatVersion:
		return fmt.Errorf("the report has format %d, this gatefault reads up to %d; use a newer one", format, FormatVersion)
	}
	return nil
}

// Schema gives the JSON Schema (draft 2020-12) of a [Document], made from the Go types.
func Schema() ([]byte, error) {
	return schemaOf[Document]("gatefault report")
}

// schemaOf makes the schema of a document that holds results of cells.
func schemaOf[T any](title string) ([]byte, error) {
	s, err := jsonschema.For[T](&jsonschema.ForOptions{TypeSchemas: map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[scenarios.Outcome]():   {Type: "string", Description: "what the client got, such as 502 made"},
		reflect.TypeFor[run.Shard]():           {Type: "string", Description: "which part of a run, such as 2/5"},
		reflect.TypeFor[run.Verdict]():         {Type: "string", Enum: verdicts()},
		reflect.TypeFor[check.Severity]():      {Type: "string", Enum: []any{check.SevereError, check.Warning, check.Note}},
		reflect.TypeFor[check.Status]():        {Type: "string", Enum: []any{check.OK, check.Failed, check.Ignored, check.Skipped}},
		reflect.TypeFor[time.Duration]():       {Type: "integer", Description: "nanoseconds"},
		reflect.TypeFor[map[run.Verdict]int](): {Type: "object", AdditionalProperties: &jsonschema.Schema{Type: "integer"}},

		reflect.TypeFor[scenarios.Shares]():              scenarios.SharesSchema(),
		reflect.TypeFor[map[scenarios.Outcome]float64](): {Type: "object", AdditionalProperties: &jsonschema.Schema{Type: "number"}},
		reflect.TypeFor[map[scenarios.Outcome]int]():     {Type: "object", AdditionalProperties: &jsonschema.Schema{Type: "integer"}},
		reflect.TypeFor[[]byte]():                        {Type: "string", ContentEncoding: "base64"},
	}})
	if err != nil {
		return nil, fmt.Errorf("make the schema of a %s: %w", title, err)
	}
	s.Title = title
	return json.MarshalIndent(s, "", "  ")
}

func verdicts() []any {
	var out []any
	for _, v := range run.Verdicts() {
		out = append(out, string(v))
	}
	return out
}
