package upstream

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gatefault/gatefault/upstream/fault"
	"github.com/gatefault/gatefault/upstream/wire"
)

// Plan says what an endpoint does wrong: the first rule that applies wins, none means healthy.
type Plan struct {
	Seed  uint64 `json:"seed,omitempty" jsonschema:"seed of the probabilities; the same seed gives the same decisions"`
	Rules []Rule `json:"rules" jsonschema:"the first rule that applies wins; none means healthy"`
}

// Rule injects one fault, or one script, into what it matches.
type Rule struct {
	Match Match `json:"match,omitzero" jsonschema:"what the rule applies to; empty means everything"`
	// Fault is a name of the catalogue; Script a wire script in text form. Exactly one is given.
	Fault  string     `json:"fault,omitempty" jsonschema:"name of a fault of the catalogue"`
	Script string     `json:"script,omitempty" jsonschema:"a wire script instead of a fault, one verb a line"`
	Params fault.Args `json:"params,omitempty" jsonschema:"the fault's parameters"`
	// After skips the first matches, Times limits how often the rule fires (0: no limit).
	After int `json:"after,omitempty" jsonschema:"how many matches to skip first"`
	Times int `json:"times,omitempty" jsonschema:"how often the rule fires at most; 0 means always"`
	// Probability of firing, from 0 to 1; 0 means always.
	Probability float64 `json:"probability,omitempty" jsonschema:"share of the matches that fire; 0 means all"`
	// For ends the rule this long after the plan was set; 0 means never.
	For Duration `json:"for,omitempty" jsonschema:"how long the rule is in force after the plan was set"`
}

// Match chooses requests; every given part must fit.
type Match struct {
	Method     string            `json:"method,omitempty"`
	Path       string            `json:"path,omitempty" jsonschema:"exact path, or a prefix that ends in *"`
	Target     string            `json:"target,omitempty" jsonschema:"text that the request target, path and query as sent, contains"`
	Header     map[string]string `json:"header,omitempty" jsonschema:"exact values of header fields"`
	Connection Range             `json:"connection,omitempty" jsonschema:"number of the connection since the plan was set: 2, 2- or 2-5"`
	Request    Range             `json:"request,omitempty" jsonschema:"number of the request on its connection: 2, 2- or 2-5"`
}

func (m Match) onlyConnection() bool {
	return m.Method == "" && m.Path == "" && m.Target == "" && len(m.Header) == 0 && m.Request == ""
}

// Duration is a time.Duration that reads and writes Go's text form, such as 500ms.
type Duration time.Duration

// MarshalText writes Go's form.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads Go's form.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil || v < 0 {
		return fmt.Errorf("%q is not a duration (write 500ms, 2s, 1m)", b)
	}
	*d = Duration(v)
	return nil
}

// Range is a number N, everything from it N-, or N-M.
type Range string

func (r Range) bounds() (int, int, error) {
	if r == "" {
		return math.MinInt, math.MaxInt, nil // connections older than the plan count from 0 down
	}
	from, to, open := strings.Cut(string(r), "-")
	lo, err := strconv.Atoi(from)
	hi := lo
	if open && to == "" {
		hi = math.MaxInt
	} else if open && err == nil {
		hi, err = strconv.Atoi(to)
	}
	if err != nil || lo < 1 || hi < lo {
		return 0, 0, fmt.Errorf("%q is not a range (write 2, 2- or 2-5)", string(r))
	}
	return lo, hi, nil
}

// UnmarshalJSON takes a number as well as a string.
func (r *Range) UnmarshalJSON(b []byte) error {
	var n json.Number
	if json.Unmarshal(b, &n) == nil {
		*r = Range(n)
		return nil
	}
	return json.Unmarshal(b, (*string)(r))
}

// maxRules bounds a plan.
const maxRules = 1000

// rule is a compiled Rule with its counters.
type rule struct {
	Rule
	number           int // from 1
	fault            *fault.Fault
	script           wire.Script
	handler          fault.Handler
	connLo, connHi   int
	reqLo, reqHi     int
	seed             uint64
	until            time.Time // zero: for ever
	mu               sync.Mutex
	matches, firings int // guarded by mu
}

// compiled is a plan in force.
type compiled struct {
	plan  Plan
	rules []*rule
	first uint64 // connections of the endpoint before the plan
}

// Validate tells what is wrong with a plan.
func (p Plan) Validate() error {
	_, err := p.compile(time.Now())
	return err
}

func (p Plan) compile(now time.Time) (*compiled, error) {
	if len(p.Rules) > maxRules {
		return nil, fmt.Errorf("plan has %d rules, the limit is %d", len(p.Rules), maxRules)
	}
	c := &compiled{plan: p}
	var errs []error
	for i, r := range p.Rules {
		cr, err := r.compile(i+1, p.Seed, now)
		if err != nil {
			errs = append(errs, fmt.Errorf("rule %d: %w", i+1, err))
			continue
		}
		c.rules = append(c.rules, cr)
	}
	return c, errors.Join(errs...)
}

func (r Rule) compile(number int, seed uint64, now time.Time) (*rule, error) {
	c := &rule{Rule: r, number: number, seed: seed}
	if err := c.resolve(); err != nil {
		return nil, err
	}
	var errConn, errReq error
	c.connLo, c.connHi, errConn = r.Match.Connection.bounds()
	c.reqLo, c.reqHi, errReq = cmp.Or(r.Match.Request, Range(c.fault.Requests)).bounds()
	if err := errors.Join(errConn, errReq, c.check()); err != nil {
		return nil, err
	}
	if r.For > 0 {
		c.until = now.Add(time.Duration(r.For))
	}
	return c, nil
}

// resolve finds the fault or parses the script.
func (r *rule) resolve() (err error) {
	switch {
	case (r.Fault == "") == (r.Script == ""):
		return errors.New("give either a fault or a script")
	case r.Script != "":
		if len(r.Params) > 0 {
			return errors.New("a script takes no params")
		}
		r.fault, err = fault.OfScript(r.Script, false)
	default:
		r.fault, err = fault.Find(r.Fault)
	}
	if err != nil {
		return err
	}
	r.script, r.handler, err = r.fault.Compile(r.Params)
	return err
}

func (r *rule) check() error {
	if r.Probability < 0 || r.Probability > 1 {
		return fmt.Errorf("probability %g is not between 0 and 1", r.Probability)
	}
	if m := r.Match.Method; m != strings.ToUpper(m) {
		return fmt.Errorf("method %q: methods are case-sensitive (RFC 9110 §9.1); write %s", m, strings.ToUpper(m))
	}
	if strings.ContainsFunc(r.Match.Target, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
		return fmt.Errorf("target %q: a request target has no spaces or control characters (RFC 9112 §3.2); write them as sent, such as %%20", r.Match.Target)
	}
	if r.After < 0 || r.Times < 0 {
		return errors.New("after and times cannot be negative")
	}
	switch r.fault.Level {
	case fault.Armed:
		if !r.Match.onlyConnection() || r.Match.Connection != "" || r.After != 0 || r.Times != 0 || r.Probability != 0 {
			return fmt.Errorf("%s arms the whole endpoint: match, after, times and probability do not apply", r.Fault)
		}
	case fault.Beyond:
		return fmt.Errorf("%s is %w: no endpoint does it, but a real backend or the gateway; see gatefault faults %[1]s", r.Fault, ErrUnsupported)
	case fault.Accept:
		if !r.Match.onlyConnection() {
			return fmt.Errorf("%s acts before a request is read: only match.connection applies", r.Fault)
		}
	}
	return nil
}

// decide gives the first rule that fires on a request or, with req 0, on a new connection.
func (c *compiled) decide(level fault.Level, conn uint64, req int, q *request) *rule {
	for _, r := range c.rules {
		if r.acts(level) && r.covers(int(conn-c.first), req, q) && r.fires() {
			return r
		}
	}
	return nil
}

// acts tells whether the rule breaks connections or requests at that level. A fault that acts further out may answer the
// requests that get through.
func (r *rule) acts(level fault.Level) bool {
	return r.fault.Level == level || level == fault.Request && r.fault.Answers()
}

func (r *rule) covers(conn, req int, q *request) bool {
	if conn < r.connLo || conn > r.connHi {
		return false
	}
	if q == nil {
		return true
	}
	return req >= r.reqLo && req <= r.reqHi && r.Match.fits(q)
}

func (m *Match) fits(q *request) bool {
	if m.Method != "" && m.Method != q.method() {
		return false
	}
	if m.Path != "" && !pathFits(m.Path, q.path()) {
		return false
	}
	if m.Target != "" && !strings.Contains(q.target(), m.Target) {
		return false
	}
	for name, want := range m.Header {
		if q.field(textproto.CanonicalMIMEHeaderKey(name)) != want {
			return false
		}
	}
	return true
}

func pathFits(pattern string, path []byte) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return len(path) >= len(prefix) && string(path[:len(prefix)]) == prefix
	}
	return pattern == string(path)
}

// fires counts a match and decides on it: a pure function of (seed, rule, n-th match).
func (r *rule) fires() bool {
	if !r.until.IsZero() && !time.Now().Before(r.until) {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.matches++
	if r.matches <= r.After || r.Times > 0 && r.firings >= r.Times || !r.chance(r.matches) {
		return false
	}
	r.firings++
	return true
}

// chance draws the n-th match's lot.
func (r *rule) chance(n int) bool {
	if r.Probability == 0 || r.Probability == 1 {
		return true
	}
	h := fnv.New64a()
	fmt.Fprintf(h, "%d/%d/%d", r.seed, r.number, n)
	return float64(mix(h.Sum64())>>11)/(1<<53) < r.Probability
}

// mix is splitmix64's finaliser: FNV alone leaves the high bits of near inputs alike.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// armed gives the rules that arm the endpoint.
func (c *compiled) armed() []*rule {
	var out []*rule
	for _, r := range c.rules {
		if r.fault.Level == fault.Armed {
			out = append(out, r)
		}
	}
	return out
}
