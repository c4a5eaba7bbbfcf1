// Package drill rehearses incidents: a gateway with traffic, a fault that nobody told the one on call, and the means that there
// would be at work. At the end everything is revealed.
package drill

import (
	_ "embed"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/scenarios/strict"
	"github.com/gatefault/gatefault/suites/run"
	"github.com/gatefault/gatefault/upstream/fault"
)

// Bounds and defaults of an exercise.
const (
	DefaultRate   = 2 // requests a second
	MaxRate       = 20
	DefaultLength = 15 * time.Minute
	MaxLength     = 4 * time.Hour
	Levels        = 3
)

// Exercise is what happens in a drill, in the drill's own time.
type Exercise struct {
	Title   string        `yaml:"title" json:"title,omitempty"`
	Profile string        `yaml:"profile" json:"profile"` // configuration of the gateway; default: plain
	Rate    int           `yaml:"rate" json:"rate"`       // requests a second
	Length  time.Duration `yaml:"length" json:"length"`
	Paths   []string      `yaml:"paths" json:"paths,omitempty"` // that clients ask for
	Faults  []Hidden      `yaml:"faults" json:"faults"`
}

// Hidden is one fault: a scenario of the catalogue, or a fault or script of one's own.
type Hidden struct {
	Scenario string            `yaml:"scenario" json:"scenario,omitempty"`
	Fault    string            `yaml:"fault" json:"fault,omitempty"`
	Params   map[string]string `yaml:"params" json:"params,omitempty"`
	Script   string            `yaml:"script" json:"script,omitempty"`
	At       time.Duration     `yaml:"at" json:"at"`
	For      time.Duration     `yaml:"for" json:"for,omitempty"` // 0: to the end
	On       time.Duration     `yaml:"on" json:"on,omitempty"`   // it comes for that long,
	Off      time.Duration     `yaml:"off" json:"off,omitempty"` // and goes for that long, again and again
	Causes   []scenarios.Cause `yaml:"causes" json:"causes"`     // right answers; those of a scenario include its own
	Tells    string            `yaml:"tells" json:"tells"`       // what gives it away

	injection *scenarios.Scenario // what is armed
	of        *scenarios.Scenario // the scenario it is; nil for a fault of one's own
}

// Name is how the fault is called when it is revealed.
func (h *Hidden) Name() string {
	switch {
	case h.Scenario != "":
		return h.Scenario
	case h.Fault != "":
		return h.Fault
	}
	return fault.ScriptName
}

// end is when it is over for good.
func (h *Hidden) end(length time.Duration) time.Duration {
	if h.For == 0 {
		return length
	}
	return min(length, h.At+h.For)
}

// inForce tells whether it is in force at a time.
func (h *Hidden) inForce(now, length time.Duration) bool {
	if now < h.At || now >= h.end(length) {
		return false
	}
	return h.On == 0 || (now-h.At)%(h.On+h.Off) < h.On
}

var words = strict.Words{Empty: "the file is empty; write an exercise, see gatefault drill --help", Many: "the file holds more than one document",
	Keys: "an exercise has"}

// Load reads an exercise of a user's own. Every error is the user's mistake, with file and line.
func Load(file string, catalogue *scenarios.Catalogue) (*Exercise, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the drill: %w", err)
	}
	return decode(file, data, catalogue)
}

func decode(file string, data []byte, catalogue *scenarios.Catalogue) (*Exercise, error) {
	x := &Exercise{}
	doc, err := strict.Load(file, data, x, words)
	if err != nil {
		return nil, err
	}
	x.defaults()
	errs := []error{x.bounds(doc)}
	for i := range x.Faults {
		if err := x.Faults[i].resolve(catalogue, x.Profile); err != nil {
			errs = append(errs, doc.Errorf(fmt.Sprintf("faults.%d", i), "%w", err))
		} else if why := x.misplaced(i); why != "" {
			errs = append(errs, doc.Errorf(fmt.Sprintf("faults.%d", i), "%s", why))
		}
	}
	return x, errors.Join(errs...)
}

func (x *Exercise) defaults() {
	if x.Profile == "" {
		x.Profile = run.PlainProfile
	}
	if x.Rate == 0 {
		x.Rate = DefaultRate
	}
	if x.Length == 0 {
		x.Length = DefaultLength
	}
	if len(x.Paths) == 0 {
		x.Paths = []string{"/", "/cart", "/api/orders", "/search?q=tea"}
	}
}

func (x *Exercise) bounds(doc *strict.Doc) error {
	switch {
	case len(x.Faults) == 0:
		return doc.Errorf("faults", "there are no faults to find")
	case x.Rate < 1 || x.Rate > MaxRate:
		return doc.Errorf("rate", "rate is %d; it can be 1 to %d requests a second", x.Rate, MaxRate)
	case x.Length < time.Minute || x.Length > MaxLength:
		return doc.Errorf("length", "length is %s; it can be 1m to %s", x.Length, MaxLength)
	}
	for i, p := range x.Paths {
		if !pathForm.MatchString(p) {
			return doc.Errorf(fmt.Sprintf("paths.%d", i), "path %q must begin with / and hold no spaces", p)
		}
	}
	return nil
}

var pathForm = regexp.MustCompile(`^/[!-~]*$`)

// misplaced tells why a fault cannot be where it is: faults come one after the other.
func (x *Exercise) misplaced(i int) string {
	h := x.Faults[i]
	switch {
	case h.At < time.Second || h.At >= x.Length:
		return fmt.Sprintf("at is %s; it can be 1s to the exercise's length, %s", h.At, x.Length)
	case h.For < 0 || h.For > 0 && h.For < time.Second || h.At%time.Second+h.For%time.Second+h.On%time.Second+h.Off%time.Second != 0:
		return "at, for, on and off are whole seconds"
	case (h.On == 0) != (h.Off == 0) || h.On < 0 || h.Off < 0:
		return "on and off go together"
	}
	for _, other := range x.Faults[:i] {
		if h.At < other.end(x.Length) && other.At < h.end(x.Length) {
			return fmt.Sprintf("it overlaps %s, which is in force until %s; one fault comes after the other", other.Name(), other.end(x.Length))
		}
	}
	return ""
}

// resolve finds out what is armed.
func (h *Hidden) resolve(catalogue *scenarios.Catalogue, profile string) error {
	given := 0
	for _, text := range []string{h.Scenario, h.Fault, h.Script} {
		if text != "" {
			given++
		}
	}
	if given != 1 {
		return errors.New("a fault is one of scenario, fault and script")
	}
	if h.Scenario == "" {
		h.injection = run.Injection(h.Fault, h.Params, h.Script, profile)
		if len(h.Causes) == 0 {
			return errors.New("a fault of your own needs causes: the answers that are right")
		}
	} else {
		s, err := catalogue.Find(h.Scenario)
		if err != nil {
			return err
		}
		if s.Traffic != nil || s.Prime || s.Occupy != nil || s.Warm || s.Cause == "none" {
			return fmt.Errorf("%s is about more than a fault in force, so it cannot be hidden in a drill", s.ID)
		}
		h.of, h.Params = s, s.Params
		h.injection = run.Injection(s.Fault, s.Params, s.Script, profile)
		h.injection.ID = s.ID
		if !slices.Contains(h.Causes, s.Cause) {
			h.Causes = append([]scenarios.Cause{s.Cause}, h.Causes...)
		}
		if h.Tells == "" {
			h.Tells = s.Operator.Symptom
		}
	}
	for _, c := range h.Causes {
		if !slices.Contains(scenarios.Causes(), c) {
			return fmt.Errorf("no cause is called %q; there are %v", c, scenarios.Causes())
		}
	}
	f, err := h.injection.Injects()
	if err != nil {
		return err
	}
	_, err = f.Values(h.Params)
	return err
}

//go:embed faults.yaml
var faultsFile []byte

// Candidate is a fault that a drill may hide.
type Candidate struct {
	Scenario string            `yaml:"scenario"`
	Level    int               `yaml:"level"`
	Profiles []string          `yaml:"profiles"`
	Causes   []scenarios.Cause `yaml:"causes"`
	Tells    string            `yaml:"tells"`
	Checks   []Check           `yaml:"checks"`
}

// Check is a command and what it shows of the fault.
type Check struct {
	Do    string `yaml:"do"`
	Shows string `yaml:"shows"` // a pattern
}

// Candidates are the faults that drills hide.
var Candidates = sync.OnceValues(func() ([]Candidate, error) {
	var f struct {
		Faults []Candidate `yaml:"faults"`
	}
	_, err := strict.Load("suites/drill/faults.yaml", faultsFile, &f, words)
	return f.Faults, err
})

// Draw makes an exercise of a level. The same seed draws the same exercise; possible tells which faults can be had here, in
// which profile.
func Draw(level int, seed uint64, catalogue *scenarios.Catalogue, possible func(scenario, profile string) bool) (*Exercise, error) {
	all, err := Candidates()
	if err != nil {
		return nil, err
	}
	r := rand.New(rand.NewPCG(seed, uint64(level)))
	x := &Exercise{}
	switch {
	case level < Levels:
		err = x.hide(r, all, func(c Candidate) bool { return c.Level == level }, "", possible)
		if err == nil {
			x.Faults[0].At = begins(r)
		}
	default:
		err = x.tangle(r, all, possible)
	}
	if err != nil {
		return nil, err
	}
	x.defaults()
	for i := range x.Faults {
		if err := x.Faults[i].resolve(catalogue, x.Profile); err != nil {
			return nil, err
		}
	}
	return x, nil
}

// begins is a moment between half a minute and two minutes after the beginning.
func begins(r *rand.Rand) time.Duration { return time.Duration(30+r.IntN(90)) * time.Second }

// chainProfile has two gateways in a row.
const chainProfile = "chain"

// tangle makes an exercise of level 3: two faults, one that comes and goes, or one behind the second tier.
func (x *Exercise) tangle(r *rand.Rand, all []Candidate, possible func(scenario, profile string) bool) error {
	whatever := func(Candidate) bool { return true }
	switch r.IntN(3) {
	case 0:
		if err := x.hide(r, all, whatever, "", possible); err != nil {
			return err
		}
		if err := x.hide(r, all, whatever, x.Profile, possible); err != nil {
			return err
		}
		x.Faults[0].At, x.Faults[0].For = begins(r), 4*time.Minute
		x.Faults[1].At = x.Faults[0].At + 5*time.Minute
	case 1:
		if err := x.hide(r, all, whatever, "", possible); err != nil {
			return err
		}
		x.Faults[0].At = begins(r)
		x.Faults[0].On, x.Faults[0].Off = time.Duration(10+r.IntN(20))*time.Second, time.Duration(10+r.IntN(20))*time.Second
	default:
		plain := func(c Candidate) bool { return slices.Contains(c.Profiles, run.PlainProfile) } // what one gateway meets, so does one behind another
		if err := x.hide(r, all, plain, chainProfile, possible); err != nil {
			return err
		}
		x.Faults[0].At = begins(r)
	}
	return nil
}

// hide adds one of the faults, in the profile or, when it is empty, in any.
func (x *Exercise) hide(r *rand.Rand, all []Candidate, wanted func(Candidate) bool, profile string, possible func(scenario, profile string) bool) error {
	for _, i := range r.Perm(len(all)) {
		c := all[i]
		taken := slices.ContainsFunc(x.Faults, func(h Hidden) bool { return h.Scenario == c.Scenario })
		if !wanted(c) || taken || profile != "" && profile != chainProfile && !slices.Contains(c.Profiles, profile) {
			continue
		}
		in := profile
		if in == "" {
			in = c.Profiles[r.IntN(len(c.Profiles))]
		}
		if possible(c.Scenario, in) {
			x.Profile = in
			x.Faults = append(x.Faults, Hidden{Scenario: c.Scenario, Causes: slices.Clone(c.Causes), Tells: c.Tells})
			return nil
		}
	}
	return errors.New("no fault of this level can be had here")
}
