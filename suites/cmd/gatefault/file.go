package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/fault"
	"github.com/gatefault/gatefault/upstream/wire"
)

// input is a file that the user wrote, or standard input.
type input struct {
	name string // as errors tell it
	text []byte
}

// maxInput is more than any plan or script needs: a mistaken name must not fill the memory.
const maxInput = 1 << 20

// read reads a file; - is standard input. what says in errors what it should hold.
func (a *app) read(name, what string) (input, error) {
	in := input{name: name}
	var r io.Reader = a.in
	if name == "-" {
		in.name = "standard input"
	} else {
		f, err := os.Open(name)
		if err != nil {
			return in, fmt.Errorf("read the %s: %w", what, err)
		}
		defer f.Close()
		r = f
	}
	var err error
	if in.text, err = io.ReadAll(io.LimitReader(r, maxInput+1)); err != nil {
		return in, fmt.Errorf("read the %s: %w", what, err)
	}
	if len(in.text) > maxInput {
		return in, fmt.Errorf("%s is longer than 1 MiB, so it is no %s", in.name, what)
	}
	return in, nil
}

// plan reads a plan strictly: a mistake is told with file and line. JSON is YAML too.
func (in input) plan() (p upstream.Plan, err error) {
	const example = "write for example: rules: [{fault: head.slow}]"
	if strings.TrimSpace(string(in.text)) == "" {
		return p, fmt.Errorf("%s is empty; %s", in.name, example)
	}
	if err := yaml.Load(in.text, &p, yaml.WithKnownFields()); err != nil {
		return p, in.locate(err)
	}
	for i := range p.Rules {
		if err := (upstream.Plan{Rules: p.Rules[i : i+1]}).Validate(); err != nil {
			text := strings.TrimPrefix(err.Error(), "rule 1: ")
			return p, fmt.Errorf("%s:%d: rule %d: %s", in.name, in.ruleLine(i), i+1, text)
		}
	}
	if len(p.Rules) == 0 {
		return p, fmt.Errorf("%s has no rules; %s", in.name, example)
	}
	return p, p.Validate()
}

// ruleLine is the line on which rule i begins, counted from 0.
func (in input) ruleLine(i int) int {
	var doc struct{ Rules []yaml.Node }
	if yaml.Load(in.text, &doc) != nil || i >= len(doc.Rules) {
		return 1
	}
	return doc.Rules[i].Line
}

// locate tells YAML's first complaint in a user's words, with file and line.
func (in input) locate(err error) error {
	var several *yaml.LoadErrors
	if errors.As(err, &several) && len(several.Errors) > 0 {
		err = several.Errors[0]
	}
	var one *yaml.LoadError
	if !errors.As(err, &one) {
		return fmt.Errorf("%s: %w", in.name, err)
	}
	text := complaint(one.Message)
	if several == nil && text == one.Message {
		text = "this is not YAML: " + text
	}
	return fmt.Errorf("%s:%d: %s", in.name, max(1, one.Mark.Line), text)
}

var (
	unknownField = regexp.MustCompile(`^field (\S+) not found in type`)
	wrongType    = regexp.MustCompile("^cannot construct !!(\\w+)(?: `(.*)`)? into (\\S+)")
)

// complaint puts what the YAML reader says of a plan into the words of a plan.
func complaint(text string) string {
	switch {
	case unknownField.MatchString(text):
		return unknownKey(unknownField.FindStringSubmatch(text)[1])
	case strings.Contains(text, "no documents in stream"):
		return "there is no plan in it; write for example: rules: [{fault: head.slow}]"
	case strings.Contains(text, "found multiple"):
		return "there is more than one document in it; write one plan a file"
	case wrongType.MatchString(text):
		m := wrongType.FindStringSubmatch(text)
		return fmt.Sprintf("expected %s here, not %s", wanted(m[3]), given(m[1], m[2]))
	}
	return text
}

func unknownKey(key string) string {
	keys := slices.Sorted(slices.Values(planKeys(reflect.TypeFor[upstream.Plan]())))
	keys = slices.Compact(keys)
	if near := fault.Nearest(key, keys); len(near) > 0 {
		return fmt.Sprintf("unknown key %q; did you mean %s?", key, strings.Join(near, ", "))
	}
	return fmt.Sprintf("unknown key %q; a plan has %s", key, strings.Join(keys, ", "))
}

// planKeys lists the keys of a type and of all it is made of. The YAML reader takes a field's name in small letters.
func planKeys(t reflect.Type) (keys []string) {
	for t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	for f := range t.Fields() {
		keys = append(append(keys, strings.ToLower(f.Name)), planKeys(f.Type)...)
	}
	return keys
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
	case strings.HasSuffix(goType, "Duration"):
		return "a duration such as 500ms or 8s"
	case strings.HasPrefix(goType, "[]"):
		return "a list"
	case strings.HasPrefix(goType, "map["), strings.HasSuffix(goType, "Args"), strings.HasPrefix(goType, "upstream.") && !strings.HasSuffix(goType, "Range"):
		return "keys with values"
	case strings.HasPrefix(goType, "int"), strings.HasPrefix(goType, "uint"), strings.HasPrefix(goType, "float"):
		return "a number"
	}
	return "text"
}

// script checks a wire script; a mistake is told with file and line.
func (in input) script() (string, error) {
	script, err := wire.Parse(string(in.text))
	var syntax *wire.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return "", fmt.Errorf("%s:%d: %q: %s", in.name, syntax.Line, syntax.Text, verbComplaint(syntax))
	case err != nil:
		return "", fmt.Errorf("%s: %w", in.name, err)
	case len(script) == 0:
		return "", fmt.Errorf("%s has no verbs; write one a line, such as reset; gatefault faults --verbs lists them", in.name)
	}
	return string(in.text), nil
}

// verbComplaint names the verbs that are near an unknown one.
func verbComplaint(e *wire.SyntaxError) string {
	name, _, _ := strings.Cut(e.Text, " ")
	var verbs []string
	for _, line := range wire.Usage() {
		verb, _, _ := strings.Cut(line, " ")
		verbs = append(verbs, verb)
	}
	if name == "" || name == "end" || slices.Contains(verbs, name) {
		return e.Why
	}
	if near := fault.Nearest(name, verbs); len(near) > 0 {
		return fmt.Sprintf("no verb is called %s; did you mean %s?", name, strings.Join(near, ", "))
	}
	return fmt.Sprintf("no verb is called %s; gatefault faults --verbs lists them", name)
}
