package check

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/gatefault/gatefault/scenarios"
)

// ProjectSchema gives the JSON Schema (draft 2020-12) of a project's file, made from the Go type.
func ProjectSchema() ([]byte, error) {
	text := func(pattern string) *jsonschema.Schema { return &jsonschema.Schema{Type: "string", Pattern: pattern} }
	status := &jsonschema.Schema{AnyOf: []*jsonschema.Schema{
		{Type: "integer", Minimum: new(100.0), Maximum: new(999.0)},
		text(`^([1-9][0-9]{2}|[1-9][0-9]{2} (made|passed|stored|stray|foreign|truncated|silent|hang)|hang|closed|reset|raw|stream-reset)$`)}}
	s, err := jsonschema.For[Project](&jsonschema.ForOptions{TypeSchemas: map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[time.Duration]():   text(`^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`),
		reflect.TypeFor[Upstream]():        text(`^(unix:/.+|[^/]+:[0-9]{1,5})$`),
		reflect.TypeFor[Entry]():           text(`^(https?://)?[^/]*(:[0-9]{1,5})?/?$`),
		reflect.TypeFor[Mount]():           text(`^.+:/.*$`),
		reflect.TypeFor[RequestLine]():     text(`^([A-Z]+ )?/\S*$`),
		reflect.TypeFor[Wanted]():          status,
		reflect.TypeFor[Stance]():          {Type: "string", Enum: []any{string(AcceptStandard), string(AcceptKnown)}},
		reflect.TypeFor[Severity]():        {Type: "string", Enum: anys(Severities())},
		reflect.TypeFor[scenarios.Cause](): {Type: "string", Enum: anys(scenarios.Causes())},
	}})
	if err != nil {
		return nil, fmt.Errorf("make the schema of a project: %w", err)
	}
	s.Title = "gatefault project"
	s.Properties["gateway"].Enum = anys(Products())
	policy := s.Properties["policy"].Properties
	policy["ignore"].Items.Properties["finding"].Enum = anys(FindingIDs())
	policy["ignore"].Items.Properties["until"].Pattern = `^[0-9]{4}-[0-9]{2}-[0-9]{2}$`
	policy["expect"].Items.Properties["truncation"].Enum = []any{Detectable}
	return json.MarshalIndent(s, "", "  ")
}

func anys[T ~string](words []T) []any {
	out := make([]any, len(words))
	for i, w := range words {
		out[i] = string(w)
	}
	return out
}
