package scenarios

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// decode reads one file strictly, fills in the defaults and checks it.
func decode(data []byte, file, stem string) (*Scenario, error) {
	s := &Scenario{Source: file}
	if err := yaml.Load(data, s, yaml.WithKnownFields()); err != nil {
		return nil, plainErrors(file, err)
	}
	var doc yaml.Node
	if err := yaml.Load(data, &doc); err != nil {
		return nil, plainErrors(file, err)
	}
	s.fillDefaults()
	c := &checker{file: file, doc: &doc}
	c.scenario(s, stem)
	return s, errors.Join(c.errs...)
}

// plainErrors turns the YAML reader's errors into one sentence each, with file and line.
func plainErrors(file string, err error) error {
	var many *yaml.LoadErrors
	if errors.As(err, &many) {
		var out []error
		for _, e := range many.Errors {
			out = append(out, plainError(file, e))
		}
		return errors.Join(out...)
	}
	var one *yaml.LoadError
	if errors.As(err, &one) {
		return fmt.Errorf("%s:%d: this is not YAML: %s", file, max(1, one.Mark.Line), one.Message)
	}
	return fmt.Errorf("%s: %w", file, err)
}

var (
	unknownField = regexp.MustCompile(`^field (\S+) not found in type`)
	wrongType    = regexp.MustCompile("^cannot construct !!(\\w+)(?: `(.*)`)? into (\\S+)")
)

func plainError(file string, e *yaml.LoadError) error {
	text := e.Message
	switch {
	case unknownField.MatchString(text):
		text = unknownKey(unknownField.FindStringSubmatch(text)[1])
	case strings.Contains(text, "no documents in stream"):
		text = "the file holds no scenario; write one"
	case strings.Contains(text, "found multiple"):
		text = "the file holds more than one document; write one scenario a file"
	case wrongType.MatchString(text):
		m := wrongType.FindStringSubmatch(text)
		text = fmt.Sprintf("expected %s here, not %s", wanted(m[3]), given(m[1], m[2]))
	}
	return fmt.Errorf("%s:%d: %s", file, max(1, e.Mark.Line), text)
}

func unknownKey(key string) string {
	keys := yamlKeys(reflect.TypeFor[Scenario]())
	if near := Nearest(key, keys); len(near) > 0 {
		return fmt.Sprintf("unknown key %q; did you mean %s?", key, strings.Join(near, ", "))
	}
	return fmt.Sprintf("unknown key %q; remove it or see the schema for the keys there are", key)
}

// yamlKeys lists the keys of a type and of all it is made of.
func yamlKeys(t reflect.Type) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t == reflect.TypeFor[Shares]() {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[Outcome]() {
		return nil
	}
	var keys []string
	for i := range t.NumField() {
		if key := t.Field(i).Tag.Get("yaml"); key != "-" {
			keys = append(keys, key)
			keys = append(keys, yamlKeys(t.Field(i).Type)...)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
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

func wanted(goType string) string {
	switch {
	case goType == "time.Duration":
		return "a duration such as 500ms or 8s"
	case goType == "scenarios.Outcome":
		return "an outcome such as `502 made`"
	case strings.HasPrefix(goType, "[]"):
		return "a list"
	case strings.HasPrefix(goType, "map[") || strings.HasPrefix(goType, "scenarios."):
		return "keys with values"
	case goType == "bool":
		return "true or false"
	case goType == "int" || goType == "float64":
		return "a number"
	}
	return "text"
}
