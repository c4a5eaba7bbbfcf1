package control

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/fault"
)

// components lists the Go types that become schemas of the OpenAPI document under their own names.
func components() []reflect.Type {
	return []reflect.Type{
		reflect.TypeFor[Health](), reflect.TypeFor[upstream.Abilities](),
		reflect.TypeFor[Faults](), reflect.TypeFor[Fault](), reflect.TypeFor[fault.Param](),
		reflect.TypeFor[Endpoints](), reflect.TypeFor[upstream.State](), reflect.TypeFor[upstream.EndpointConfig](), reflect.TypeFor[EndpointPatch](),
		reflect.TypeFor[upstream.Plan](), reflect.TypeFor[upstream.Rule](), reflect.TypeFor[upstream.Match](), reflect.TypeFor[PlanChange](),
		reflect.TypeFor[upstream.Page](), reflect.TypeFor[upstream.Event](), reflect.TypeFor[Problem](),
	}
}

// scalars are the types whose JSON differs from what their Go kind tells, or that take few values.
func scalars() map[reflect.Type]*jsonschema.Schema {
	value := &jsonschema.Schema{Types: []string{"string", "number", "boolean"}}
	return map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[upstream.Duration]():  duration(),
		reflect.TypeFor[upstream.Range]():     {Types: []string{"string", "integer"}, Pattern: `^([0-9]+(-[0-9]*)?)?$`},
		reflect.TypeFor[fault.Args]():         {Type: "object", AdditionalProperties: value},
		reflect.TypeFor[upstream.Kind]():      enum(upstream.HTTP, upstream.Process, upstream.Tap, upstream.Egress),
		reflect.TypeFor[upstream.Protocol]():  enum(upstream.Protocols()...),
		reflect.TypeFor[upstream.EventKind](): enum(eventKinds()...),
		reflect.TypeFor[fault.Level]():        enum(fault.Armed, fault.Accept, fault.Request, fault.Beyond),
		reflect.TypeFor[fault.Evidence]():     enum(fault.Event, fault.Kernel, fault.Exit, fault.Query, fault.State, fault.Log, fault.None),
		reflect.TypeFor[fault.Need]():         enum(fault.NetAdmin, fault.Shaping, fault.Socket, fault.Egress, fault.Process, fault.Memory, fault.NameServer, fault.OldAddress, fault.Backend),
		reflect.TypeFor[fault.Kind]():         enum(fault.Duration, fault.Int, fault.Word),
		reflect.TypeFor[[]byte]():             {Type: "string", ContentEncoding: "base64"},
	}
}

func eventKinds() []upstream.EventKind {
	return []upstream.EventKind{
		upstream.Accepted,
		upstream.Hello,
		upstream.Handshake,
		upstream.Requested,
		upstream.Fired,
		upstream.SentBytes,
		upstream.Relayed,
		upstream.PeerClosed,
		upstream.Closed,
		upstream.PlanSet,
		upstream.KernelSaw,
		upstream.ProcessEnd,
		upstream.ProcessRun,
		upstream.Stopped,
		upstream.Queried,
		upstream.Verified,
		upstream.Failed,
	}
}

func text() *jsonschema.Schema { return &jsonschema.Schema{Type: "string"} }

func number(least, most float64) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "integer", Minimum: &least, Maximum: &most}
}

// duration is Go's text form of a time.Duration, not negative.
func duration() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: `^(0|([0-9]*\.?[0-9]+(ns|us|µs|ms|s|m|h))+)$`, Examples: []any{"500ms", "2s", "1m"}}
}

func enum[T ~string](values ...T) *jsonschema.Schema {
	s := text()
	for _, v := range values {
		s.Enum = append(s.Enum, string(v))
	}
	return s
}

// schemas makes the schemas of the components; one that contains another refers to it.
func schemas() (map[string]*jsonschema.Schema, error) {
	out := map[string]*jsonschema.Schema{}
	for _, t := range components() {
		known := scalars()
		for _, other := range components() {
			if other != t && !embeds(t, other) {
				known[other] = refer(other)
			}
		}
		s, err := jsonschema.ForType(t, &jsonschema.ForOptions{TypeSchemas: known})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t, err)
		}
		withoutNull(s)
		out[t.Name()] = s
	}
	return out, nil
}

func refer(t reflect.Type) *jsonschema.Schema {
	return &jsonschema.Schema{Ref: "#/components/schemas/" + t.Name()}
}

func embeds(t, other reflect.Type) bool {
	return slices.ContainsFunc(reflect.VisibleFields(t), func(f reflect.StructField) bool { return f.Anonymous && f.Type == other })
}

// withoutNull takes null from the types of lists: the API always answers a list, if need be an empty one.
func withoutNull(s *jsonschema.Schema) {
	if i := slices.Index(s.Types, "null"); i >= 0 && len(s.Types) == 2 {
		s.Type, s.Types = s.Types[1-i], nil
	}
	for _, p := range s.Properties {
		withoutNull(p)
	}
	if s.Items != nil {
		withoutNull(s.Items)
	}
}
