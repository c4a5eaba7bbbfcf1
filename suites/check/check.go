// Package check judges a user's own gateway configuration: what to run on it, what its owner expects, what was found and
// how to mend it.
package check

import (
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/config"
	"github.com/gatefault/gatefault/suites/run"
)

// Severity says how bad a finding is.
type Severity string

// Severities, worst first.
const (
	SevereError Severity = "error"   // users are told something wrong, or wait for nothing
	Warning     Severity = "warning" // harm under some circumstances
	Note        Severity = "note"    // good to know
)

// Report is what a check found.
type Report struct {
	Version  string     `json:"gatefault"` // of gatefault
	Started  time.Time  `json:"started"`
	Subject  Subject    `json:"subject"`
	Findings []Finding  `json:"findings"`
	Cells    []Cell     `json:"cells"`
	Timing   run.Timing `json:"timing"`
	// Product are findings that this version of the product shows in every configuration. They are not the configuration's
	// fault, so they fail nothing; a policy that asks for the standard has them among the findings.
	Product []Finding `json:"product,omitempty"`
	// Notes tell what the user might not expect, one sentence each.
	Notes []string `json:"notes,omitempty"`
	// Longest is the longest chain of timeouts that the configuration implies, as far as it was waited for, in nanoseconds:
	// with two servers of 60 s each it is 120 s.
	Longest time.Duration `json:"longest,omitempty"`
	Run     *run.Report   `json:"-"`
}

// Slack is what a check may take beyond the longest chain of timeouts: starting gateways and all that does not wait.
const Slack = 30 * time.Second

// Bar is the time that the check may take, images at hand; 0 when no bar can be told. Of a gateway that runs already there is
// but one, on which cells come one after the other.
func (r *Report) Bar() time.Duration {
	if r.Longest == 0 || r.Subject.Target != "" {
		return 0
	}
	return r.Longest + Slack
}

// Subject identifies what was checked.
type Subject struct {
	Gateway run.Gateway `json:"gateway"`
	Config  string      `json:"config,omitempty"` // path
	Target  string      `json:"target,omitempty"` // URL
	Routes  []string    `json:"routes"`
	Stands  []string    `json:"stands,omitempty"` // what stood in for files that the user did not bring
}

// Cell is one scenario on one route.
type Cell struct {
	*run.Result
	Status Status `json:"status"`
	// Want is what the policy asks for, in words; Why is the reason of the status.
	Want string `json:"want"`
	Why  string `json:"why"`
	// Findings are the ids of findings that the cell shows.
	Findings []string `json:"findings,omitempty"`
	// Reproduce is the command that runs the cell alone.
	Reproduce string `json:"reproduce"`
}

// Status is a cell's standing under the policy.
type Status string

// Statuses of a cell.
const (
	OK      Status = "ok"
	Failed  Status = "failed"
	Ignored Status = "ignored" // the policy says so, with a reason and an end
	Skipped Status = "skipped" // no verdict: unsupported, not injected or an error of ours
)

// Finding is a harm to users or operators that a configuration does, told once for each route.
type Finding struct {
	ID       string          `json:"id"`
	Severity Severity        `json:"severity"`
	Route    string          `json:"route"`
	Cause    scenarios.Cause `json:"cause"`
	Scenario string          `json:"scenario"`       // where it shows best
	More     []string        `json:"more,omitempty"` // other scenarios where it shows
	Title    string          `json:"title"`
	Seen     string          `json:"seen"` // one sentence with numbers
	Evidence []Evidence      `json:"evidence,omitempty"`
	Why      string          `json:"why"`
	Fix      string          `json:"fix"` // in this product's configuration
	// Example are lines of this product's configuration that mend it, and Manual is where its manual speaks of them.
	Example string `json:"example,omitempty"`
	Manual  string `json:"manual,omitempty"`
	Cite    string `json:"cite,omitempty"`
	// At is the place in the user's configuration that it is about.
	At *config.Position `json:"at,omitempty"`
	// Ignored is set when the policy says so.
	Ignored   *Ignore `json:"ignored,omitempty"`
	Reproduce string  `json:"reproduce"`
}

// Evidence is a piece of what was seen.
type Evidence struct {
	Kind string `json:"kind"` // bytes, journal, log or time
	Text string `json:"text"`
}

// Ignore says why something that was found does not count, and until when.
type Ignore struct {
	Finding  string `yaml:"finding" json:"finding,omitempty" jsonschema:"id of a finding"`
	Scenario string `yaml:"scenario" json:"scenario,omitempty" jsonschema:"id of a scenario, or a pattern such as tcp.*"`
	Route    string `yaml:"route" json:"route,omitempty" jsonschema:"name of a route; default: all"`
	Reason   string `yaml:"reason" json:"reason" jsonschema:"why it is ignored"`
	Until    string `yaml:"until" json:"until" jsonschema:"the last day on which it is ignored, such as 2027-01-31"`
}
