package fault

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kind is a parameter's type.
type Kind string

// Parameter types.
const (
	Duration Kind = "duration" // Go's form: 500ms, 2s, 1m
	Int      Kind = "int"
	Word     Kind = "word" // one of those that Max lists, separated by spaces; Min is empty
)

// Param describes one parameter of a fault.
type Param struct {
	Name    string `json:"name"`
	Kind    Kind   `json:"kind"`
	Default string `json:"default"`
	Min     string `json:"min"`
	Max     string `json:"max"`
	Doc     string `json:"doc"`
}

// Args are parameters as a user gives them; numbers and booleans are taken as their text.
type Args map[string]string

// UnmarshalJSON takes strings, numbers and booleans as values.
func (a *Args) UnmarshalJSON(b []byte) error {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		return fmt.Errorf("params must be an object: %w", err)
	}
	*a = make(Args, len(raw))
	for name, v := range raw {
		text := string(v)
		switch text[0] {
		case '"':
			if err := json.Unmarshal(v, &text); err != nil {
				return err
			}
		case '{', '[', 'n':
			return fmt.Errorf("parameter %s: want a string, a number or a boolean, not %s", name, text)
		}
		(*a)[name] = text
	}
	return nil
}

// Value is a checked parameter.
type Value struct {
	text string
	num  int64
}

// Values are the checked parameters of a fault, defaults filled in.
type Values map[string]Value

// Int gives an int parameter; Duration a duration parameter.
func (v Values) Int(name string) int { return int(v[name].num) }

// Duration gives a duration parameter.
func (v Values) Duration(name string) time.Duration { return time.Duration(v[name].num) }

// Values checks args against the fault's parameters and fills in the defaults.
func (f *Fault) Values(args Args) (Values, error) {
	vals := make(Values, len(f.Params))
	for _, p := range f.Params {
		text, given := args[p.Name]
		if !given {
			text = p.Default
		}
		v, err := p.parse(text)
		if err != nil {
			return nil, fmt.Errorf("parameter %s of %s: %w", p.Name, f.Name, err)
		}
		vals[p.Name] = v
	}
	for _, name := range slices.Sorted(maps.Keys(args)) {
		if _, ok := vals[name]; !ok {
			return nil, f.unknownParam(name)
		}
	}
	return vals, nil
}

func (f *Fault) unknownParam(name string) error {
	if len(f.Params) == 0 {
		return fmt.Errorf("%s takes no parameters, so not %q", f.Name, name)
	}
	var names []string
	for _, p := range f.Params {
		names = append(names, p.Name)
	}
	return fmt.Errorf("%s has no parameter %q; it takes %s", f.Name, name, strings.Join(names, ", "))
}

// Words lists what a parameter of kind word may be.
func (p Param) Words() []string { return strings.Fields(p.Max) }

func (p Param) parse(text string) (Value, error) {
	if p.Kind == Word {
		if !slices.Contains(p.Words(), text) {
			return Value{}, fmt.Errorf("%q is not one of %s", text, strings.Join(p.Words(), ", "))
		}
		return Value{text: text}, nil
	}
	n, err := p.number(text)
	if err != nil {
		return Value{}, err
	}
	least, _ := p.number(p.Min)
	most, _ := p.number(p.Max)
	if n < least || n > most {
		return Value{}, fmt.Errorf("%s is out of bounds, it goes from %s to %s", text, p.Min, p.Max)
	}
	if p.Kind == Duration {
		text = time.Duration(n).String()
	}
	return Value{text, n}, nil
}

func (p Param) number(text string) (int64, error) {
	if p.Kind == Duration {
		d, err := time.ParseDuration(text)
		if err != nil {
			return 0, fmt.Errorf("%q is not a duration (write 500ms, 2s, 1m)", text)
		}
		return int64(d), nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a whole number", text)
	}
	return n, nil
}
