package lab

import (
	"cmp"
	"errors"
	"fmt"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/run"
	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/fault"
)

// Bounds of what a viewer may ask for.
const (
	maxScript   = 16 << 10
	maxPath     = 2 << 10
	maxBody     = 16 << 10
	maxHeaders  = 20
	maxField    = 1 << 10
	maxRate     = 50               // requests a second, on each gateway
	maxStream   = 20 * time.Second // length of a stream
	maxGateways = 16
)

// Spec is an experiment as a viewer describes it: a whole scenario, or a fault, a script or nothing put in force, and then one
// request or a stream of them, or none. All keys but one may be left out.
type Spec struct {
	// Scenario is the id of one that is run and judged; it goes with none of the others but Gateways.
	Scenario string     `json:"scenario,omitempty" yaml:"scenario"`
	Fault    string     `json:"fault,omitempty" yaml:"fault"`
	Params   fault.Args `json:"params,omitempty" yaml:"params"`
	Script   string     `json:"script,omitempty" yaml:"script"`
	Profile  string     `json:"profile,omitempty" yaml:"profile"` // default: plain
	// Gateways, by name; empty: all that run here and have the profile.
	Gateways []string `json:"gateways,omitempty" yaml:"gateways"`
	Request  *Request `json:"request,omitempty" yaml:"request"`
	Stream   *Stream  `json:"stream,omitempty" yaml:"stream"`
	// Lesson and Step say which lesson it belongs to.
	Lesson string `json:"lesson,omitempty" yaml:"-"`
	Step   int    `json:"step,omitempty" yaml:"-"`
}

// Request is what the client sends.
type Request struct {
	Method  string            `json:"method,omitempty" yaml:"method"`
	Path    string            `json:"path,omitempty" yaml:"path"`
	Headers map[string]string `json:"headers,omitempty" yaml:"headers"`
	Body    string            `json:"body,omitempty" yaml:"body"`
}

// Stream repeats the request at a fixed rate, whatever the answers do.
type Stream struct {
	Rate float64           `json:"rate" yaml:"rate"` // requests a second, on each gateway
	For  upstream.Duration `json:"for" yaml:"for"`
}

// method is a method as RFC 9110 §9.1 has it, in capital letters as all registered ones are.
func badMethod(m string) bool {
	return len(m) > 20 || strings.ContainsFunc(m, func(r rune) bool { return r < 'A' || r > 'Z' })
}

func (r *Request) check() error {
	switch {
	case r == nil:
		return nil
	case badMethod(r.Method):
		return fmt.Errorf("method %.30q must be capital letters, such as GET", r.Method)
	case r.Path != "" && r.Path[0] != '/', strings.ContainsFunc(r.Path, func(c rune) bool { return c <= ' ' || c >= 0x7f }):
		return fmt.Errorf("path %.60q must begin with / and hold neither spaces nor other than ASCII; write %%20 for a space", r.Path)
	case len(r.Path) > maxPath:
		return fmt.Errorf("the path is longer than %d bytes", maxPath)
	case len(r.Body) > maxBody:
		return fmt.Errorf("the body is longer than %d bytes", maxBody)
	case len(r.Headers) > maxHeaders:
		return fmt.Errorf("there are more than %d header fields", maxHeaders)
	}
	for name, value := range r.Headers {
		if len(name)+len(value) > maxField || !validField(name) || strings.ContainsAny(value, "\r\n\x00") {
			return fmt.Errorf("header field %.60q is not one line NAME: VALUE of up to %d bytes", name, maxField)
		}
		if slices.Contains([]string{"Host", "Content-Length", "Transfer-Encoding"}, textproto.CanonicalMIMEHeaderKey(name)) {
			return fmt.Errorf("header field %s is made by the client itself; leave it out", name)
		}
	}
	return nil
}

// validField tells whether name is a token, as RFC 9110 §5.1 wants.
func validField(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
	})
}

func (r *Request) scenario() scenarios.Request {
	return scenarios.Request{Method: cmp.Or(r.Method, "GET"), Path: cmp.Or(r.Path, "/"), Headers: r.Headers, Body: r.Body}
}

func (s *Stream) check() error {
	switch {
	case s == nil:
		return nil
	case !(s.Rate > 0 && s.Rate <= maxRate):
		return fmt.Errorf("the rate is %g; it must be more than 0 and at most %d requests a second", s.Rate, maxRate)
	case time.Duration(s.For) < 100*time.Millisecond || time.Duration(s.For) > maxStream:
		return fmt.Errorf("the stream lasts %s; it must be from 100ms to %s", time.Duration(s.For), maxStream)
	}
	return nil
}

func (s *Stream) traffic() *scenarios.Traffic {
	if s == nil {
		return nil
	}
	return &scenarios.Traffic{Rate: s.Rate, For: time.Duration(s.For)}
}

// injection is what is put in force.
func (s Spec) injection() *scenarios.Scenario {
	name := s.Fault
	if name == "" && s.Script == "" {
		name = healthy
	}
	return run.Injection(name, s.Params, s.Script, s.Profile)
}

const healthy = "healthy"

// resolve checks a spec and gives the scenario to run, or the one to put in force.
func (s Spec) resolve(c *scenarios.Catalogue) (*scenarios.Scenario, error) {
	if err := errors.Join(s.Request.check(), s.Stream.check()); err != nil {
		return nil, err
	}
	switch {
	case len(s.Gateways) > maxGateways:
		return nil, fmt.Errorf("there are more than %d gateways", maxGateways)
	case s.Scenario != "" && (s.Fault != "" || s.Script != "" || s.Request != nil || s.Stream != nil || s.Profile != "" || len(s.Params) > 0):
		return nil, errors.New("a scenario has its own fault, request and profile: give nothing else but gateways")
	case s.Scenario != "":
		return c.Find(s.Scenario)
	case s.Script != "" && s.Fault != "":
		return nil, errors.New("a script takes the place of the fault: give one of them")
	case s.Script != "" && len(s.Params) > 0:
		return nil, errors.New("a script takes no parameters")
	case len(s.Script) > maxScript:
		return nil, fmt.Errorf("the script is longer than %d bytes", maxScript)
	case s.Stream != nil && s.Request == nil:
		return nil, errors.New("a stream needs a request to repeat")
	}
	sc := s.injection()
	f, err := sc.Injects()
	if err != nil {
		return nil, err
	}
	if f.Level == fault.Beyond {
		return nil, fmt.Errorf("%s is no fault of the upstream: run a scenario that has it", f.Name)
	}
	_, err = f.Values(s.Params)
	return sc, err
}

// Title says in one line what the experiment is.
func (s Spec) Title() string {
	if s.Scenario != "" {
		return "scenario " + s.Scenario
	}
	text := s.what()
	if r := s.Request; r != nil {
		text += ": " + cmp.Or(r.Method, "GET") + " " + cmp.Or(r.Path, "/")
	}
	if t := s.Stream; t != nil {
		text += fmt.Sprintf(", %g a second for %s", t.Rate, time.Duration(t.For))
	}
	return text
}

// what says what is in force.
func (s Spec) what() string {
	text := cmp.Or(s.Fault, healthy)
	if s.Script != "" {
		text = "a script of your own"
	}
	var params []string
	for name, value := range s.Params {
		params = append(params, name+"="+value)
	}
	slices.Sort(params)
	text = strings.Join(append([]string{text}, params...), " ")
	if s.Profile != "" && s.Profile != run.PlainProfile {
		text += " (profile " + s.Profile + ")"
	}
	return text
}

// same tells whether two specs put the same in force.
func (s Spec) same(t Spec) bool {
	return s.what() == t.what() && s.Script == t.Script
}
