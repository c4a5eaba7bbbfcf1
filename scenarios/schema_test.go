package scenarios

import (
	"encoding/json"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	"go.yaml.in/yaml/v4"
)

func resolvedSchema(t *testing.T) *jsonschema.Resolved {
	t.Helper()
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	var s jsonschema.Schema
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	resolved, err := s.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	return resolved
}

// instance gives a YAML document as the JSON value a schema validator sees.
func instance(t *testing.T, data []byte) any {
	t.Helper()
	var doc any
	if err := yaml.Load(data, &doc); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestEmbeddedFilesFitTheSchema(t *testing.T) {
	schema := resolvedSchema(t)
	names, err := fs.Glob(files, "*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, name := range names {
		data, err := files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(instance(t, data)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSchemaRefusesWhatTheLoaderRefuses(t *testing.T) {
	schema := resolvedSchema(t)
	good, err := files.ReadFile("load.saturate.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for old, wrong := range map[string]string{
		"cause: overload":     "cause: weather",
		"504 made: {min":      "504 maid: {min",
		"max: 0.4}":           "max: 1.4}",
		"for: 200ms":          "for: soon",
		"evidence: event":     "evidence: rumour",
		"explain: >-":         "explian: >-",
		"id: load.saturate\n": "",
	} {
		text := strings.Replace(string(good), old, wrong, 1)
		if text == string(good) {
			t.Fatalf("%q is not in the file any more", old)
		}
		if err := schema.Validate(instance(t, []byte(text))); err == nil {
			t.Errorf("the schema accepts %q instead of %q", wrong, old)
		}
		if _, err := decode([]byte(text), "x.yaml", "load.saturate"); err == nil {
			t.Errorf("the loader accepts %q instead of %q", wrong, old)
		}
	}
}
