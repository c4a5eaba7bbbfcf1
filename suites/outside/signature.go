package outside

import (
	_ "embed"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"sync"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/scenarios/strict"
)

//go:embed signatures.yaml
var signaturesFile []byte

// Pattern is a regular expression in a file.
type Pattern struct{ *regexp.Regexp }

// UnmarshalText compiles it.
func (p *Pattern) UnmarshalText(text []byte) (err error) {
	p.Regexp, err = regexp.Compile(string(text))
	return err
}

// Signature is how a product's own error page is recognised, and what it says.
type Signature struct {
	ID        string             `yaml:"id" json:"id"`
	Product   string             `yaml:"product" json:"product"`
	Gateway   string             `yaml:"gateway" json:"-"`
	Status    []int              `yaml:"status" json:"-"`
	Head      map[string]Pattern `yaml:"head" json:"-"`
	Body      *Pattern           `yaml:"body" json:"-"`
	Empty     bool               `yaml:"empty" json:"-"`
	Says      string             `yaml:"says" json:"says"`
	Scenarios []string           `yaml:"scenarios" json:"-"`
	Next      []string           `yaml:"next" json:"-"`
	Cite      string             `yaml:"cite" json:"cite"`
	Example   example            `yaml:"example" json:"-"`
}

// example is a page that the signature must recognise.
type example struct {
	Status int               `yaml:"status"`
	Head   map[string]string `yaml:"head"`
	Body   string            `yaml:"body"`
}

var words = strict.Words{Empty: "the file is empty", Many: "the file holds more than one document"}

// Signatures are the pages that are known, the more telling ones first.
var Signatures = sync.OnceValues(func() ([]*Signature, error) { return decodeSignatures(signaturesFile) })

func decodeSignatures(data []byte) ([]*Signature, error) {
	var file struct {
		Signatures []*Signature `yaml:"signatures"`
	}
	doc, err := strict.Load("suites/outside/signatures.yaml", data, &file, words)
	if err != nil {
		return nil, err
	}
	var errs []error
	for i, s := range file.Signatures {
		if s.ID == "" || s.Product == "" || s.Says == "" || s.Cite == "" || len(s.Next) == 0 || s.Gateway == "" && len(s.Scenarios) == 0 {
			errs = append(errs, doc.Errorf(fmt.Sprintf("signatures.%d", i), "a signature has id, product, says, next, cite, and gateway or scenarios"))
		}
	}
	return file.Signatures, errors.Join(errs...)
}

// Recognise finds the signature of an answer; nil when none fits.
func Recognise(status int, head http.Header, body []byte) (*Signature, error) {
	all, err := Signatures()
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		if s.fits(status, head, body) {
			return s, nil
		}
	}
	return nil, nil
}

func (s *Signature) fits(status int, head http.Header, body []byte) bool {
	if len(s.Status) > 0 && !slices.Contains(s.Status, status) || s.Empty && len(body) > 0 || s.Body != nil && !s.Body.Match(body) {
		return false
	}
	for name, p := range s.Head {
		if !p.MatchString(head.Get(name)) {
			return false
		}
	}
	return true
}

// remain are the scenarios that remain possible with an answer of that status.
func (s *Signature) remain(catalogue *scenarios.Catalogue, status int) (out []*scenarios.Scenario) {
	for _, sc := range catalogue.All() {
		if len(s.Scenarios) > 0 && sc.Fits(s.Scenarios) || len(s.Scenarios) == 0 && makes(sc, s.Gateway, status) {
			out = append(out, sc)
		}
	}
	return out
}

// makes tells whether the gateway is known to answer a scenario with that status of its own.
func makes(s *scenarios.Scenario, gateway string, status int) bool {
	return slices.ContainsFunc(s.Pins, func(p scenarios.Pin) bool {
		_, shared := p.Shares[scenarios.Outcome{Kind: scenarios.Made, Status: status}]
		return p.Gateway == gateway && (shared || p.Outcome == scenarios.Outcome{Kind: scenarios.Made, Status: status})
	})
}
