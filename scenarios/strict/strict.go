// Package strict reads YAML that people write: a mistake is told with file and line, in their words.
package strict

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Words are what errors say where it depends on the kind of file.
type Words struct {
	Empty string // of a file that holds nothing
	Many  string // of a file that holds several documents
	// Keys begins the list of all keys, where it is short enough to be told: a plan has. Empty: the schema is referred to.
	Keys string
	// Types say what a value of a type looks like, by the type's name in Go: scenarios.Outcome. Durations, numbers, lists and
	// keys with values are known.
	Types map[string]string
}

// Doc is a file that was read.
type Doc struct {
	file string
	root yaml.Node
}

// Load reads data, which stands in file, into a pointer. Unknown and repeated keys are mistakes. All mistakes are reported
// together, one error each, as file:line: what is wrong.
func Load(file string, data []byte, into any, w Words) (*Doc, error) {
	if err := yaml.Load(data, into, yaml.WithKnownFields()); err != nil {
		return nil, reader{file, w, typesOf(into)}.plain(err)
	}
	d := &Doc{file: file}
	if err := yaml.Load(data, &d.root); err != nil {
		return nil, reader{file: file, words: w}.plain(err)
	}
	return d, nil
}

// Errorf is a mistake at the key that path leads to, such as standard.0.cite, or at its nearest ancestor.
func (d *Doc) Errorf(path, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %w", d.file, d.Line(path), fmt.Errorf(format, args...))
}

// Line is where the key that path leads to stands, or its nearest ancestor; 1 when there is none.
func (d *Doc) Line(path string) int {
	node, line := &d.root, 1
	if len(node.Content) > 0 {
		node = node.Content[0]
	}
	for _, step := range strings.Split(path, ".") {
		if node = child(node, step, &line); node == nil {
			break
		}
	}
	return line
}

// child goes one step down and notes the line of the key or item.
func child(n *yaml.Node, step string, line *int) *yaml.Node {
	if n.Kind == yaml.SequenceNode {
		i, err := strconv.Atoi(step)
		if err != nil || i < 0 || i >= len(n.Content) {
			return nil
		}
		*line = n.Content[i].Line
		return n.Content[i]
	}
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == step {
			*line = n.Content[i].Line
			return n.Content[i+1]
		}
	}
	return nil
}

// reader puts what the YAML reader says of one file into its users' words.
type reader struct {
	file  string
	words Words
	types types
}

func (r reader) plain(err error) error {
	var many *yaml.LoadErrors
	if errors.As(err, &many) {
		var out []error
		for _, e := range many.Errors {
			out = append(out, r.at(e, r.complaint(e.Message)))
		}
		return errors.Join(out...)
	}
	var one *yaml.LoadError
	if !errors.As(err, &one) {
		return fmt.Errorf("%s: %w", r.file, err)
	}
	text := r.complaint(one.Message)
	if text == one.Message {
		text = "this is not YAML: " + text
	}
	return r.at(one, text)
}

func (r reader) at(e *yaml.LoadError, text string) error {
	return fmt.Errorf("%s:%d: %s", r.file, max(1, e.Mark.Line), text)
}

var (
	unknownField = regexp.MustCompile(`^field (.+) not found in type`)
	wrongType    = regexp.MustCompile("^cannot construct !!(\\w+)(?: `(.*)`)? into (\\S+)")
)

func (r reader) complaint(text string) string {
	switch {
	case unknownField.MatchString(text):
		return r.unknownKey(unknownField.FindStringSubmatch(text)[1])
	case strings.Contains(text, "no documents in stream"):
		return r.words.Empty
	case strings.Contains(text, "found multiple"):
		return r.words.Many
	case wrongType.MatchString(text):
		m := wrongType.FindStringSubmatch(text)
		return fmt.Sprintf("expected %s here, not %s", r.wanted(m[3]), given(m[1], m[2]))
	}
	return text
}
