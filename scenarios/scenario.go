// Package scenarios is the catalogue of what can go wrong between a gateway and its upstream: which fault, what the
// standards want the client to get, what each gateway is known to do instead, and what an operator sees and does.
//
// A scenario is one YAML file, named after its id. The built-in ones are embedded; see [Builtin] and [Catalogue.WithDir].
package scenarios

import (
	"bytes"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/gatefault/gatefault/upstream/fault"
)

// Cause is the documented reason behind a fault.
type Cause string

// Causes lists the causes a scenario may name; `none` belongs to the healthy scenario alone.
func Causes() []Cause {
	return []Cause{"overload", "crash", "dns", "firewall", "network", "timeout", "application-bug", "reuse", "tls",
		"misconfiguration", "security-block", "cache", "protocol", "none"}
}

// Names lists causes as a sentence does.
func Names(all []Cause) string {
	out := make([]string, len(all))
	for i, c := range all {
		out[i] = string(c)
	}
	return strings.Join(out, ", ")
}

// EndpointKind says what serves the scenario's upstream address.
type EndpointKind string

// Kinds of endpoint.
const (
	HTTPEndpoint    EndpointKind = "http"    // the upstream itself
	ProcessEndpoint EndpointKind = "process" // a child process that can be killed and stopped
	MemoryEndpoint  EndpointKind = "memory"  // a child process in a container with a memory limit
)

// DefaultPatience is how long the client waits for the end of an answer when the file does not say.
const DefaultPatience = 8 * time.Second

// MaxBodySize bounds the body of a request that a file may ask for, in bytes.
const MaxBodySize = 4 << 20

// MaxPatience bounds the patience a file may ask for.
const MaxPatience = 60 * time.Second

// Scenario is a cause made concrete.
type Scenario struct {
	ID         string            `yaml:"id" json:"id" jsonschema:"the file's name without .yaml"`
	Title      string            `yaml:"title" json:"title" jsonschema:"one line for a table"`
	Cause      Cause             `yaml:"cause" json:"cause" jsonschema:"the documented reason behind the fault"`
	Fault      string            `yaml:"fault" json:"fault,omitempty" jsonschema:"the fault to inject; default: the id"`
	Script     string            `yaml:"script" json:"script,omitempty" jsonschema:"instead of a fault: a wire script of your own, one verb a line"`
	Incomplete bool              `yaml:"incomplete" json:"incomplete,omitempty" jsonschema:"with script: the answer it sends is cut"`
	Params     map[string]string `yaml:"params" json:"params,omitempty" jsonschema:"the fault's parameters"`
	Times      int               `yaml:"times" json:"times,omitempty" jsonschema:"how many requests meet the fault, later ones are healthy; default: all"`
	Profile    string            `yaml:"profile" json:"profile,omitempty" jsonschema:"the gateway's configuration; default: plain"`
	Endpoint   EndpointKind      `yaml:"endpoint" json:"endpoint,omitempty" jsonschema:"what serves the upstream address; default: http"`
	Exclusive  bool              `yaml:"exclusive" json:"exclusive,omitempty" jsonschema:"runs alone, after the others"`
	Target     Target            `yaml:"target" json:"target,omitempty" jsonschema:"in profiles with two servers: which of them has the fault; default: primary"`
	Contact    Contact           `yaml:"contact" json:"contact,omitempty" jsonschema:"none: the gateway may answer without going to the upstream"`
	Checks     int               `yaml:"checks" json:"checks,omitempty" jsonschema:"health checks that must have met the fault before the client asks, at most 20"`
	Notice     time.Duration     `yaml:"notice" json:"notice,omitempty" jsonschema:"how long the fault is in force before the client asks, for health checks to notice it, at most 5s"`
	Warm       bool              `yaml:"warm" json:"warm,omitempty" jsonschema:"the same request is made once, healthy, before the fault: it may be stored"`
	Age        time.Duration     `yaml:"age" json:"age,omitempty" jsonschema:"with warm: time between that request and the fault, at most 5s"`
	Again      bool              `yaml:"again" json:"again,omitempty" jsonschema:"the same request is made once more after the fault"`
	Prime      bool              `yaml:"prime" json:"prime,omitempty" jsonschema:"one healthy request fills the gateway's connection pool first"`
	Meets      Meets             `yaml:"meets" json:"meets,omitempty" jsonschema:"which request meets the fault; default: request. With prime it is the one that fills the pool, and the request after it is what is observed"`
	Pool       string            `yaml:"pool" json:"pool,omitempty" jsonschema:"in profiles with a backend: the pool that serves the request"`
	Occupy     *Occupy           `yaml:"occupy" json:"occupy,omitempty" jsonschema:"requests of other clients that have met the fault before this one is sent"`
	Request    Request           `yaml:"request" json:"request,omitzero" jsonschema:"what the client asks; default: GET /"`
	Traffic    *Traffic          `yaml:"traffic" json:"traffic,omitempty" jsonschema:"many requests instead of one"`
	Settle     time.Duration     `yaml:"settle" json:"settle,omitempty" jsonschema:"how long, at most, healthy requests are sent after the injection until one fails: what the gateway had cached has run out then"`
	Patience   time.Duration     `yaml:"patience" json:"patience,omitempty" jsonschema:"how long the client waits, at most 60s; default: 8s"`
	Evidence   string            `yaml:"evidence" json:"evidence,omitempty" jsonschema:"what proves that the fault fired; default: what the fault declares"`
	Compare    bool              `yaml:"compare" json:"compare,omitempty" jsonschema:"run --by-profile shows it unless told what to show"`
	Explain    string            `yaml:"explain" json:"explain" jsonschema:"for a learner, at most 120 words"`
	Error      string            `yaml:"error" json:"error" jsonschema:"the RFC 9209 error type, or none (healthy), or passed (the upstream's own answer)"`
	Standard   []Expectation     `yaml:"standard" json:"standard" jsonschema:"every outcome that the standards permit"`
	Pins       []Pin             `yaml:"known" json:"known,omitempty" jsonschema:"what products are known to do"`
	// Signs are patterns of one line of a gateway's log.
	Signs map[string][]Sign `yaml:"signs" json:"signs,omitempty" jsonschema:"patterns of the gateway's log lines"`
	// Unlogged names the gateways whose log does not tell the fault from a healthy request, so that they have no signs.
	Unlogged []string `yaml:"unlogged" json:"unlogged,omitempty" jsonschema:"gateways that log nothing of the fault"`
	// Alike names other causes of which the gateway logs lines that fit the signs: its log alone cannot tell them apart.
	Alike    map[string][]Cause `yaml:"alike" json:"alike,omitempty" jsonschema:"by gateway, other causes whose log lines fit the signs, too"`
	Operator Operator           `yaml:"operator" json:"operator" jsonschema:"for the one on call"`

	// Source is the file it was read from.
	Source string `yaml:"-" json:"-"`
}

// Target says which of a lane's servers has the fault.
type Target string

// Targets.
const (
	Primary Target = "primary"
	Backup  Target = "backup"
	Both    Target = "both"
)

// Contact says whether the request has to reach the upstream.
type Contact string

// NoContact lets the gateway answer by itself: out of its cache, or because it knows that the upstream is down.
const NoContact Contact = "none"

// Meets says which request meets the fault.
type Meets string

// Who meets the fault: the request that is observed, or the priming one before it, whose connection is kept.
const (
	MeetsRequest Meets = "request"
	MeetsPrime   Meets = "prime"
)

// Request is what the client sends through the gateway. Path follows the cell's own prefix.
type Request struct {
	Method  string            `yaml:"method" json:"method,omitempty" jsonschema:"default: GET"`
	Path    string            `yaml:"path" json:"path,omitempty" jsonschema:"path and query; default: /"`
	Headers map[string]string `yaml:"headers" json:"headers,omitempty"`
	Body    string            `yaml:"body" json:"body,omitempty"`
	// BodySize makes a body of that many letters x.
	BodySize int `yaml:"bodySize" json:"bodySize,omitempty" jsonschema:"instead of a body: one of that many bytes, at most 4194304"`
}

// Content gives the bytes of the request's body; nil when it has none.
func (r Request) Content() []byte {
	switch {
	case r.BodySize > 0:
		return bytes.Repeat([]byte{'x'}, r.BodySize)
	case r.Body != "":
		return []byte(r.Body)
	}
	return nil
}

// Occupy are requests of other clients that are under way while the cell's own is made.
type Occupy struct {
	Requests int    `yaml:"requests" json:"requests" jsonschema:"1 to 100"`
	Path     string `yaml:"path" json:"path" jsonschema:"path and query"`
}

// Expectation is one outcome that the standards permit or, with traffic, the shares of several.
type Expectation struct {
	Outcome  Outcome `yaml:"outcome" json:"outcome,omitzero"`
	Attempts int     `yaml:"attempts" json:"attempts,omitempty" jsonschema:"exact number of upstream attempts; absent: any"`
	Shares   Shares  `yaml:"shares" json:"shares,omitempty" jsonschema:"with traffic, instead of outcome: which part of the requests has which outcome"`
	Again    Outcome `yaml:"again" json:"again,omitzero" jsonschema:"outcome of the same request after the fault"`
	By       By      `yaml:"by" json:"by,omitempty" jsonschema:"in a chain: the tier that made the answer"`
	Why      string  `yaml:"why" json:"why"`
	Cite     string  `yaml:"cite" json:"cite" jsonschema:"RFC and section"`
}

// Pin is what a product is known to do.
type Pin struct {
	Gateway  string  `yaml:"gateway" json:"gateway"`
	Versions string  `yaml:"versions" json:"versions,omitempty" jsonschema:"a range such as >=2.6, <3.0, or *"`
	Observed string  `yaml:"observed" json:"observed,omitempty" jsonschema:"instead of versions: the one version it was seen with"`
	Outcome  Outcome `yaml:"outcome" json:"outcome,omitzero"`
	Attempts int     `yaml:"attempts" json:"attempts,omitempty" jsonschema:"exact number of upstream attempts; absent: any"`
	Shares   Shares  `yaml:"shares" json:"shares,omitempty" jsonschema:"with traffic, instead of outcome: which part of the requests has which outcome"`
	Again    Outcome `yaml:"again" json:"again,omitzero" jsonschema:"outcome of the same request after the fault"`
	By       By      `yaml:"by" json:"by,omitempty" jsonschema:"in a chain: the tier that made the answer"`
	Race     Outcome `yaml:"race" json:"race,omitzero" jsonschema:"another outcome, when a race within the product goes the other way"`
	Recovery *Span   `yaml:"recovery" json:"recovery,omitempty" jsonschema:"how long healthy requests keep failing after the fault"`
	Why      string  `yaml:"why" json:"why"`
	Cite     string  `yaml:"cite" json:"cite,omitempty" jsonschema:"source function or manual; not needed with observed"`
}

// Span bounds a time.
type Span struct {
	Min time.Duration `yaml:"min" json:"min"`
	Max time.Duration `yaml:"max" json:"max"`
}

// By names who made an answer.
type By string

// Makers of answers, from the client's side inwards.
const (
	ByEdge     By = "edge"     // in a chain, the gateway that the client talks to
	ByGateway  By = "gateway"  // the gateway, in a chain the one that talks to the upstream
	ByUpstream By = "upstream" // passed on
)

// Words say it for a reader who sees two gateways in a row.
func (b By) Words() string {
	switch b {
	case ByEdge:
		return "by the outer gateway"
	case ByGateway:
		return "by the inner gateway"
	}
	return "by the " + string(b)
}

// Operator is the runbook: what is seen, what to look at in which order, the cure, and how to keep it from coming back.
type Operator struct {
	Symptom    string   `yaml:"symptom" json:"symptom"`
	Checks     []string `yaml:"checks" json:"checks" jsonschema:"in the order to try them"`
	Fix        string   `yaml:"fix" json:"fix"`
	Prevention string   `yaml:"prevention" json:"prevention"`
}

// Fits tells whether the id fits one of the patterns, which are those of path.Match.
func (s *Scenario) Fits(patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { ok, _ := path.Match(p, s.ID); return ok })
}

// Layer is the part of the fault's name before the dot.
func (s *Scenario) Layer() string {
	layer, _, _ := strings.Cut(s.Fault, ".")
	return layer
}

// Injects gives the fault of the catalogue, or the one that the scenario's own script makes.
func (s *Scenario) Injects() (*fault.Fault, error) {
	if s.Script != "" {
		return fault.OfScript(s.Script, s.Incomplete)
	}
	return fault.Find(s.Fault)
}

// Permits finds the expectation of the standards that an outcome with that many upstream attempts meets.
func (s *Scenario) Permits(o Outcome, attempts int) (Expectation, bool) {
	for _, e := range s.Standard {
		if e.Outcome == o && (e.Attempts == 0 || e.Attempts == attempts) {
			return e, true
		}
	}
	return Expectation{}, false
}

func (s *Scenario) fillDefaults() {
	if s.Script != "" {
		fill(&s.Fault, fault.ScriptName)
	}
	fill(&s.Fault, s.ID)
	if f, err := s.Injects(); err == nil {
		fill(&s.Evidence, string(f.Evidence))
	}
	fill(&s.Profile, defaultProfile)
	fill(&s.Endpoint, HTTPEndpoint)
	fill(&s.Meets, MeetsRequest)
	fill(&s.Target, Primary)
	fill(&s.Request.Method, "GET")
	fill(&s.Request.Path, "/")
	fill(&s.Patience, DefaultPatience)
}

func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
