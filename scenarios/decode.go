package scenarios

import (
	"errors"

	"github.com/gatefault/gatefault/scenarios/strict"
)

var fileWords = strict.Words{
	Empty: "the file holds no scenario; write one",
	Many:  "the file holds more than one document; write one scenario a file",
	Types: map[string]string{"scenarios.Outcome": "an outcome such as `502 made`"},
}

// decode reads one file strictly, fills in the defaults and checks it.
func decode(data []byte, file, stem string) (*Scenario, error) {
	s := &Scenario{Source: file}
	doc, err := strict.Load(file, data, s, fileWords)
	if err != nil {
		return nil, err
	}
	s.fillDefaults()
	c := &checker{doc: doc}
	c.scenario(s, stem)
	return s, errors.Join(c.errs...)
}
