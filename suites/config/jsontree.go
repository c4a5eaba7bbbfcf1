package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// jsonNode is a value of a JSON text that knows its line. A nil node has nothing in it.
type jsonNode struct {
	fields map[string]*jsonNode
	names  []string // of the fields, in their order
	items  []*jsonNode
	value  any // string, float64 or bool
	line   int
}

// parseJSON reads a text. An error names the line.
func parseJSON(text string) (*jsonNode, error) {
	p := jsonParser{decoder: json.NewDecoder(strings.NewReader(text)), text: text, line: 1}
	node, err := p.value(0)
	if err == nil {
		_, err = p.decoder.Token()
		if err == io.EOF {
			return node, nil
		}
		err = errors.Join(err, errors.New("there is something behind the end"))
	}
	p.count()
	return nil, fmt.Errorf("line %d: %w", p.line, err)
}

type jsonParser struct {
	decoder *json.Decoder
	text    string
	line    int
	counted int // bytes whose lines were counted
}

// count brings the line up to where the decoder is.
func (p *jsonParser) count() {
	at := min(int(p.decoder.InputOffset()), len(p.text))
	p.line += strings.Count(p.text[p.counted:at], "\n")
	p.counted = at
}

func (p *jsonParser) value(depth int) (*jsonNode, error) {
	token, err := p.decoder.Token()
	if err != nil {
		return nil, err
	}
	if depth > 10*maxDepth {
		return nil, errors.New("too many brackets in each other")
	}
	p.count()
	node := &jsonNode{line: p.line}
	switch token {
	case json.Delim('{'):
		return node, p.object(node, depth)
	case json.Delim('['):
		return node, p.array(node, depth)
	}
	node.value = token
	return node, nil
}

func (p *jsonParser) object(node *jsonNode, depth int) error {
	node.fields = map[string]*jsonNode{}
	for p.decoder.More() {
		name, err := p.decoder.Token()
		if err != nil {
			return err
		}
		key, _ := name.(string)
		inner, err := p.value(depth + 1)
		if err != nil {
			return err
		}
		if node.fields[key] == nil {
			node.names = append(node.names, key)
		}
		node.fields[key] = inner
	}
	_, err := p.decoder.Token()
	return err
}

func (p *jsonParser) array(node *jsonNode, depth int) error {
	for p.decoder.More() {
		inner, err := p.value(depth + 1)
		if err != nil {
			return err
		}
		node.items = append(node.items, inner)
	}
	_, err := p.decoder.Token()
	return err
}

// at follows names of fields.
func (n *jsonNode) at(names ...string) *jsonNode {
	for _, name := range names {
		if n == nil {
			return nil
		}
		n = n.fields[name]
	}
	return n
}

// each lists the items of an array.
func (n *jsonNode) each() []*jsonNode {
	if n == nil {
		return nil
	}
	return n.items
}

// keys lists the names of an object's fields.
func (n *jsonNode) keys() []string {
	if n == nil {
		return nil
	}
	return n.names
}

// text is a string, or empty.
func (n *jsonNode) text() string {
	if n == nil {
		return ""
	}
	text, _ := n.value.(string)
	return text
}

// texts is an array of strings.
func (n *jsonNode) texts() []string {
	var all []string
	for _, item := range n.each() {
		all = append(all, item.text())
	}
	return all
}

func (n *jsonNode) number() float64 {
	if n == nil {
		return 0
	}
	number, _ := n.value.(float64)
	return number
}

func (n *jsonNode) is() bool {
	if n == nil {
		return false
	}
	is, _ := n.value.(bool)
	return is
}
