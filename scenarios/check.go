package scenarios

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gatefault/gatefault/scenarios/strict"
	"github.com/gatefault/gatefault/upstream/fault"
)

// MaxExplainWords bounds the explanation: a learner reads it at a glance.
const MaxExplainWords = 120

var (
	idForm      = regexp.MustCompile(`^[a-z0-9]+([.-][a-z0-9]+)*$`)
	nameForm    = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)
	methodForm  = regexp.MustCompile(`^[A-Z]+$`)
	headerForm  = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$") // token, RFC 9110 §5.6.2
	headerValue = regexp.MustCompile(`^[\t\x20-\x7e]*$`)
)

// checker collects the mistakes of one file.
type checker struct {
	doc  *strict.Doc
	errs []error
}

// fail notes a mistake at the key that path leads to, such as "standard.0.cite", or at its nearest ancestor.
func (c *checker) fail(path, format string, args ...any) {
	c.errs = append(c.errs, c.doc.Errorf(path, format, args...))
}

func (c *checker) need(path, value string) {
	if strings.TrimSpace(value) == "" {
		c.fail(path, "%s is missing or empty; write it", path)
	}
}

func (c *checker) oneOf(path, value string, allowed []string) {
	if !slices.Contains(allowed, value) {
		c.fail(path, "%s is %q; it must be one of %s", path, value, strings.Join(allowed, ", "))
	}
}

func (c *checker) scenario(s *Scenario, stem string) {
	c.identity(s, stem)
	c.fault(s)
	c.request(s)
	c.texts(s)
	c.standard(s)
	for i := range s.Pins {
		c.pin(s, i)
	}
	c.signs(s)
	c.alike(s)
}

func (c *checker) identity(s *Scenario, stem string) {
	switch {
	case s.ID == "":
		c.fail("id", "id is missing; write id: %s", stem)
	case s.ID != stem:
		c.fail("id", "id is %q but the file is called %s.yaml; make them the same", s.ID, stem)
	case !idForm.MatchString(s.ID):
		c.fail("id", "id %q may only have small letters, digits, dots and dashes", s.ID)
	}
	c.need("title", s.Title)
	c.oneOf("cause", string(s.Cause), texts(Causes()))
	if (s.Cause == "none") != (s.Fault == "healthy") {
		c.fail("cause", "cause none belongs to the fault healthy and to no other; name the cause of %s", s.Fault)
	}
}

func (c *checker) fault(s *Scenario) {
	c.oneOf("endpoint", string(s.Endpoint), []string{"http", "process", "memory"})
	c.oneOf("target", string(s.Target), texts([]Target{Primary, Backup, Both}))
	c.oneOf("meets", string(s.Meets), texts([]Meets{MeetsRequest, MeetsPrime}))
	if s.Contact != "" {
		c.oneOf("contact", string(s.Contact), texts([]Contact{NoContact}))
	}
	c.oneOf("evidence", s.Evidence, evidences())
	if !nameForm.MatchString(s.Profile) {
		c.fail("profile", "profile %q may only have small letters, digits and dashes", s.Profile)
	}
	if s.Script != "" && s.Fault != fault.ScriptName {
		c.fail("script", "a script takes the place of the fault %s; leave one of them out", s.Fault)
		return
	}
	if s.Incomplete && s.Script == "" {
		c.fail("incomplete", "incomplete goes with a script; a fault knows by itself whether its answer is cut")
	}
	f, err := s.Injects()
	if err != nil {
		key := "fault"
		if s.Script != "" {
			key = "script"
		}
		c.fail(key, "%s", err)
		return
	}
	if _, err := f.Values(s.Params); err != nil {
		c.fail("params", "%s", err)
	}
	if s.Times < 0 || s.Times > 0 && f.Level == fault.Armed {
		c.fail("times", "times is a positive number and goes with faults that act on connections or requests")
	}
	if s.Meets == MeetsPrime && (!s.Prime || f.Level != fault.Request) {
		c.fail("meets", "meets: prime takes prime: true and a fault that acts on a request, which %s does not; see gatefault faults", f.Name)
	}
	if s.Evidence != string(f.Evidence) {
		c.fail("evidence", "evidence is %q but %s proves itself by %s; write evidence: %[3]s", s.Evidence, f.Name, f.Evidence)
	}
	c.endpoint(s, f)
	if f.Needing(fault.Backend) && s.Pool == "" {
		c.fail("pool", "%s happens in a pool of a backend; write pool: and a profile that has a backend", f.Name)
	}
	if f.Service != "" && s.Occupy == nil {
		c.fail("occupy", "%s needs requests that wait for the service; write occupy: {requests: N, path: /...}", f.Name)
	}
}

func (c *checker) endpoint(s *Scenario, f *fault.Fault) {
	want := HTTPEndpoint
	switch {
	case f.Needing(fault.Memory):
		want = MemoryEndpoint
	case f.Needing(fault.Process):
		want = ProcessEndpoint
	}
	if want != HTTPEndpoint && s.Endpoint != want {
		c.fail("endpoint", "%s needs another endpoint than %q; write endpoint: %s", f.Name, s.Endpoint, want)
	}
	if f.Needing(fault.Memory) && !s.Exclusive {
		c.fail("exclusive", "%s must run alone; write exclusive: true", f.Name)
	}
}

func (c *checker) request(s *Scenario) {
	r := s.Request
	if !methodForm.MatchString(r.Method) {
		c.fail("request.method", "method %q must be capital letters such as GET", r.Method)
	}
	if u, err := url.ParseRequestURI(r.Path); err != nil || !strings.HasPrefix(r.Path, "/") || u.Fragment != "" || strings.ContainsAny(r.Path, " \t\r\n") {
		c.fail("request.path", "path %q must start with / and be a valid request target", r.Path)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		if !headerForm.MatchString(name) || !headerValue.MatchString(r.Headers[name]) {
			c.fail("request.headers", "header %q: its name must be a token and its value printable ASCII", name)
		}
	}
	if r.BodySize < 0 || r.BodySize > MaxBodySize {
		c.fail("request.bodySize", "bodySize is %d; it must be from 0 to %d bytes", r.BodySize, MaxBodySize)
	}
	if r.BodySize > 0 && r.Body != "" {
		c.fail("request.bodySize", "bodySize takes the place of body; leave one of them out")
	}
	c.duration("patience", s.Patience)
	if o := s.Occupy; o != nil && (o.Requests < 1 || o.Requests > 100 || !strings.HasPrefix(o.Path, "/")) {
		c.fail("occupy", "occupy needs 1 to 100 requests and a path that starts with /")
	}
	if s.Checks < 0 || s.Checks > maxChecks {
		c.fail("checks", "checks is %d; it goes from 1 to %d", s.Checks, maxChecks)
	}
	if s.Settle < 0 || s.Settle > maxSettle {
		c.fail("settle", "settle is %s; it takes at most %s", s.Settle, maxSettle)
	}
	if s.Age < 0 || s.Age > maxAge || s.Age > 0 && !s.Warm {
		c.fail("age", "age is %s; it goes with warm and takes at most %s", s.Age, maxAge)
	}
	if s.Notice < 0 || s.Notice > maxNotice {
		c.fail("notice", "notice is %s; it takes at most %s", s.Notice, maxNotice)
	}
	if err := s.Comparable(); s.Compare && err != nil {
		c.fail("compare", "compare: %s", err)
	}
	c.traffic(s.Traffic)
}

// Bounds of what a cell may wait for before its request.
const (
	maxChecks = 20
	maxAge    = 5 * time.Second
	maxNotice = 5 * time.Second
	maxSettle = 10 * time.Second
)

func (c *checker) duration(path string, d time.Duration) {
	if d <= 0 || d > MaxPatience {
		c.fail(path, "%s is %s; it must be more than 0s and at most %s", path, d, MaxPatience)
	}
}

func (c *checker) texts(s *Scenario) {
	c.need("explain", s.Explain)
	if n := len(strings.Fields(s.Explain)); n > MaxExplainWords {
		c.fail("explain", "explain has %d words; cut it to %d", n, MaxExplainWords)
	}
	if s.Error == "" || !slices.Contains(errorNames(), s.Error) {
		c.fail("error", "error %q is no error type of RFC 9209 §2.3, nor none or passed%s", s.Error, orNearest(s.Error, errorNames()))
	}
	c.need("operator.symptom", s.Operator.Symptom)
	c.need("operator.fix", s.Operator.Fix)
	c.need("operator.prevention", s.Operator.Prevention)
	if len(s.Operator.Checks) == 0 {
		c.fail("operator.checks", "operator.checks is missing; list what to look at, in order")
	}
	for i, check := range s.Operator.Checks {
		c.need(fmt.Sprintf("operator.checks.%d", i), check)
	}
}

func orNearest(name string, candidates []string) string {
	if near := Nearest(name, candidates); name != "" && len(near) > 0 {
		return "; did you mean " + strings.Join(near, ", ") + "?"
	}
	return "; write one of them"
}

func evidences() []string {
	return texts([]fault.Evidence{fault.Event, fault.Kernel, fault.Exit, fault.Query, fault.State, fault.Log, fault.None})
}

func texts[T ~string](words []T) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = string(w)
	}
	return out
}
