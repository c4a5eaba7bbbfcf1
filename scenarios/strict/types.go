package strict

import (
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/gatefault/gatefault/upstream/fault"
)

// types are what a file is made of: the keys that it may have, and the Go types by name.
type types struct {
	keys  map[string]bool
	named map[string]reflect.Type
}

func typesOf(into any) types {
	t := types{map[string]bool{}, map[string]reflect.Type{}}
	t.add(reflect.TypeOf(into))
	return t
}

var (
	textual = reflect.TypeFor[encoding.TextUnmarshaler]()
	ownForm = reflect.TypeFor[yaml.Unmarshaler]()
)

// reads tells whether a type reads itself, in a form of its own.
func reads(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(textual) || p.Implements(ownForm)
}

// add goes into all that a type is made of, but for what reads itself.
func (ts types) add(t reflect.Type) {
	if _, known := ts.named[t.String()]; known {
		return
	}
	ts.named[t.String()] = t
	switch {
	case reads(t):
	case t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map:
		ts.add(t.Elem())
	case t.Kind() == reflect.Struct:
		for f := range t.Fields() {
			// The YAML reader takes the name in small letters where the field has no tag.
			key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			if key == "-" || !f.IsExported() {
				continue
			}
			if key == "" {
				key = strings.ToLower(f.Name)
			}
			ts.keys[key] = true
			ts.add(f.Type)
		}
	}
}

func (r reader) unknownKey(key string) string {
	keys := slices.Sorted(maps.Keys(r.types.keys))
	if near := fault.Nearest(key, keys); len(near) > 0 {
		return fmt.Sprintf("unknown key %q; did you mean %s?", key, strings.Join(near, ", "))
	}
	if r.words.Keys == "" {
		return fmt.Sprintf("unknown key %q; remove it or see the schema for the keys there are", key)
	}
	return fmt.Sprintf("unknown key %q; %s %s", key, r.words.Keys, strings.Join(keys, ", "))
}

func given(tag, value string) string {
	switch tag {
	case "map":
		return "keys with values"
	case "seq":
		return "a list"
	}
	return fmt.Sprintf("%q", value)
}

// wanted says in words what a value of a Go type looks like in the file.
func (r reader) wanted(name string) string {
	if text := r.words.Types[name]; text != "" {
		return text
	}
	t := r.types.named[name]
	switch {
	case strings.HasSuffix(name, "Duration"):
		return "a duration such as 500ms or 8s"
	case strings.HasPrefix(name, "[]"):
		return "a list"
	case strings.HasPrefix(name, "map["), t != nil && !reads(t) && (t.Kind() == reflect.Struct || t.Kind() == reflect.Map):
		return "keys with values"
	case name == "bool":
		return "true or false"
	case strings.HasPrefix(name, "int"), strings.HasPrefix(name, "uint"), strings.HasPrefix(name, "float"):
		return "a number"
	}
	return "text"
}
