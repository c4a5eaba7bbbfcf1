// Package control lets an [upstream.Upstream] be steered over HTTP: the API under /api/v1, its OpenAPI document, a
// live stream of the journal, metrics, and a typed client.
//
// Operations, routes and document come from one table, see operations.go. Errors are problem details (RFC 9457).
package control

import (
	"time"

	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/fault"
)

// DefaultAddress is where the API listens unless told otherwise.
const DefaultAddress = "127.0.0.1:9500"

// Limits of the API.
const (
	MaxBody     = 1 << 20          // bytes of a request's body
	MaxHeader   = 64 << 10         // bytes of a request's head
	MaxConns    = 256              // open connections
	MaxViewers  = 64               // event streams at once
	MaxPage     = 10_000           // events of one journal page
	DefaultPage = 1_000            // events of a journal page that asks for no limit
	MaxWait     = 30 * time.Second // long poll of the journal
)

// Health tells that the upstream is up; without a token where one is demanded it tells the status alone.
type Health struct {
	Status     string             `json:"status" jsonschema:"always ok"`
	Version    string             `json:"version,omitempty" jsonschema:"version of gatefault"`
	Journal    uint64             `json:"journal,omitempty" jsonschema:"newest event of the journal"`
	Uptime     upstream.Duration  `json:"uptime,omitempty" jsonschema:"time since the upstream started"`
	NameServer string             `json:"nameServer,omitempty" jsonschema:"where the upstream's name server listens"`
	Abilities  upstream.Abilities `json:"abilities,omitzero" jsonschema:"what this machine can do: yes or the reason why not"`
}

// Fault is an entry of the catalogue as the API tells it.
type Fault struct {
	Name     string         `json:"name" jsonschema:"layer.event[-variant]"`
	Layer    string         `json:"layer" jsonschema:"the part of the name before the dot"`
	Doc      string         `json:"doc" jsonschema:"what the upstream does, as the end of a sentence"`
	Level    fault.Level    `json:"level" jsonschema:"where it acts: armed (the whole endpoint), accept (a new connection) or request"`
	Evidence fault.Evidence `json:"evidence" jsonschema:"what proves that it fired: event, kernel, exit, query or none"`
	Needs    []fault.Need   `json:"needs" jsonschema:"what it wants from the machine: net-admin, process, memory, name-server or old-address"`
	Params   []fault.Param  `json:"params" jsonschema:"what can be tuned, with defaults and bounds"`
	Script   string         `json:"script,omitempty" jsonschema:"the wire script it runs, one verb a line"`
}

// Faults is the catalogue.
type Faults struct {
	Faults []Fault `json:"faults"`
}

// Endpoints lists endpoints.
type Endpoints struct {
	Endpoints []upstream.State `json:"endpoints"`
}

// EndpointPatch changes an endpoint.
type EndpointPatch struct {
	Kind upstream.Kind `json:"kind" jsonschema:"who serves it: http or process; the plan becomes empty"`
}

// PlanChange tells of a plan that is in force.
type PlanChange struct {
	Plan upstream.Plan `json:"plan"`
	// Journal was the newest event when the change began: read the journal after it for all that the change caused.
	Journal uint64 `json:"journal" jsonschema:"newest event when the change began; what the change caused comes after it"`
}

// JournalQuery chooses events of the journal.
type JournalQuery struct {
	After           uint64 // events newer than this one
	Limit           int    // at most MaxPage; 0: DefaultPage
	upstream.Filter        // zero: all events
	// Wait is how long to wait for a first event, at most MaxWait; 0: not at all.
	Wait time.Duration
}

// describe gives the API's view of a fault.
func describe(f *fault.Fault) Fault {
	return Fault{
		Name: f.Name, Layer: f.Layer(), Doc: f.Doc, Level: f.Level, Evidence: f.Evidence,
		Needs: append([]fault.Need{}, f.Needs...), Params: append([]fault.Param{}, f.Params...), Script: f.Script,
	}
}
