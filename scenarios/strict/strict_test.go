package strict_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gatefault/gatefault/scenarios/strict"
)

type shop struct {
	Name  string        `yaml:"name"`
	Open  time.Duration `yaml:"open"`
	Small int
	Items []item            `yaml:"items"`
	Env   map[string]string `yaml:"env"`
	Owner owner             `yaml:"owner"`
	Kind  kind              `yaml:"kind"`
	Dark  bool              `yaml:"dark"`
	Next  *shop             `yaml:"next"`
}

type item struct {
	Price float64 `yaml:"price"`
}

type owner struct{ name string }

func (o *owner) UnmarshalText(b []byte) error { o.name = string(b); return nil }

type kind string

var words = strict.Words{Empty: "there is no shop in it", Many: "one shop a file", Types: map[string]string{"strict_test.owner": "a name"}}

func TestMistakesAreToldWithFileAndLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "f:1: there is no shop in it",
		"name: a\n---\nname: b":        "one shop a file",
		"name: a\nopne: 3s":            `f:2: unknown key "opne"; did you mean open, owner?`,
		"name: a\nitems: [{pirce: 1}]": `f:2: unknown key "pirce"; did you mean price?`,
		"weather: fine":                `f:1: unknown key "weather"; remove it or see the schema`,
		"smal: 1":                      `did you mean small?`,
		"open: long":                   `f:1: expected a duration such as 500ms or 8s here, not "long"`,
		"small: few":                   `f:1: expected a number here, not "few"`,
		"dark: deep":                   `f:1: expected true or false here, not "deep"`,
		"items: {a: 1}":                "f:1: expected a list here, not keys with values",
		"items: [[1]]":                 "f:1: expected keys with values here, not a list",
		"env: [a]":                     "f:1: expected keys with values here, not a list",
		"name: {a: b}":                 "f:1: expected text here, not keys with values",
		"kind: [a]":                    "f:1: expected text here, not a list",
		"next: a":                      `f:1: expected keys with values here, not "a"`,
		"name: [":                      "f:2: this is not YAML: ",
		"name: a\nopne: 3s\nsmall: b":  "f:3: expected a number",
	} {
		_, err := strict.Load("f", []byte(text), &shop{}, words)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

func TestKeysAreListedWhereTheFormIsSmall(t *testing.T) {
	_, err := strict.Load("f", []byte("weather: fine"), &item{}, strict.Words{Keys: "an item has"})
	if want := `f:1: unknown key "weather"; an item has price`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestMistakesOfMeaningHaveTheLineOfTheirKey(t *testing.T) {
	doc, err := strict.Load("f", []byte("name: a\nitems:\n  - price: 1\n  - price: 2\n"), &shop{}, words)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"items.1.price": "f:4: too much", "items.1.weight": "f:4: too much", "items": "f:2: too much", "kind": "f:1: too much", "": "f:1: too much",
	} {
		if err := doc.Errorf(path, "too %s", "much"); err.Error() != want {
			t.Errorf("%s: got %v, want %s", path, err, want)
		}
	}
}

// FuzzLoad: whatever a file holds, it is read or there is an error that names it.
func FuzzLoad(f *testing.F) {
	f.Add("name: a\nnext: {name: b}")
	f.Add("items: &a [*a]")
	f.Add("? [a]\n: b")
	f.Fuzz(func(t *testing.T, text string) {
		doc, err := strict.Load("file.yaml", []byte(text), &shop{}, words)
		if err != nil && !strings.HasPrefix(err.Error(), "file.yaml") {
			t.Errorf("error without the file: %v", err)
		}
		if err == nil {
			_ = doc.Line("items.0.price")
		}
	})
}
