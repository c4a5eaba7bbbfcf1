package scenarios

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
)

// Schema gives the JSON Schema (draft 2020-12) of a scenario file, made from the Go type.
func Schema() ([]byte, error) {
	schema, err := fileSchema()
	if err != nil {
		return nil, err
	}
	return json.MarshalIndent(schema, "", "  ")
}

func fileSchema() (*jsonschema.Schema, error) {
	s, err := jsonschema.For[Scenario](&jsonschema.ForOptions{TypeSchemas: map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[time.Duration](): {Type: "string", Pattern: `^([0-9]+(\.[0-9]+)?(ms|s|m))+$`},
		reflect.TypeFor[Outcome]():       {Type: "string", Pattern: outcomePattern},
		reflect.TypeFor[Shares]():        SharesSchema(),
		reflect.TypeFor[Sign]():          signSchema(),
		reflect.TypeFor[Cause]():         {Type: "string", Enum: anys(Causes())},
		reflect.TypeFor[Meets]():         {Type: "string", Enum: []any{MeetsRequest, MeetsPrime}},
		reflect.TypeFor[Target]():        {Type: "string", Enum: []any{Primary, Backup, Both}},
		reflect.TypeFor[Contact]():       {Type: "string", Enum: []any{NoContact}},
		reflect.TypeFor[By]():            {Type: "string", Enum: []any{ByEdge, ByGateway, ByUpstream}},
		reflect.TypeFor[EndpointKind]():  {Type: "string", Enum: []any{HTTPEndpoint, ProcessEndpoint, MemoryEndpoint}},
	}})
	if err != nil {
		return nil, fmt.Errorf("make the schema of a scenario: %w", err)
	}
	s.Title = "gatefault scenario"
	s.Properties["evidence"].Enum = anys(evidences())
	s.Properties["error"].Enum = anys(errorNames())
	return s, nil
}

// signSchema is the form of [Sign].
func signSchema() *jsonschema.Schema {
	text := &jsonschema.Schema{Type: "string"}
	return &jsonschema.Schema{OneOf: []*jsonschema.Schema{text, {Type: "object", Required: []string{"pattern"},
		Properties: map[string]*jsonschema.Schema{"pattern": text, "versions": text}, AdditionalProperties: &jsonschema.Schema{Not: &jsonschema.Schema{}}}}}
}

// SharesSchema is the form of [Shares].
func SharesSchema() *jsonschema.Schema {
	bound := &jsonschema.Schema{Type: "number", Minimum: new(0.0), Maximum: new(1.0)}
	return &jsonschema.Schema{Type: "object", Description: "which part of the requests has which outcome; an outcome that is not named may not occur",
		PropertyNames: &jsonschema.Schema{Pattern: outcomePattern},
		AdditionalProperties: &jsonschema.Schema{Type: "object", AdditionalProperties: &jsonschema.Schema{Not: &jsonschema.Schema{}},
			Properties: map[string]*jsonschema.Schema{"min": bound, "max": bound}, Required: []string{"max"}},
	}
}

const outcomePattern = `^([1-9][0-9]{2} (made|passed|stored|stray|foreign|truncated|silent|hang)|hang|closed|reset|raw|stream-reset)$`

func anys[T ~string](words []T) []any {
	out := make([]any, len(words))
	for i, w := range words {
		out[i] = string(w)
	}
	return out
}
