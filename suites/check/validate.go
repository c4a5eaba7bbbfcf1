package check

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gatefault/gatefault/scenarios"
)

// Products lists what can be checked.
func Products() []string { return []string{"apache", "caddy", "haproxy", "nginx"} }

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// checker collects mistakes of a project.
type checker struct {
	*Project
	errs []error
}

// fail notes a mistake at a key of the file, or just what it is where there is no file.
func (c *checker) fail(at, format string, args ...any) {
	c.errs = append(c.errs, c.errorf(at, format, args...))
}

func (p *Project) errorf(at, format string, args ...any) error {
	if p.doc == nil {
		return fmt.Errorf(format, args...)
	}
	return p.doc.Errorf(at, format, args...)
}

// check tells all that makes no sense whatever the configuration says.
func (p *Project) check() error {
	c := &checker{Project: p}
	c.subject()
	c.upstreams()
	c.routes()
	c.policy()
	if !slices.Contains(Severities(), p.FailOn) {
		c.fail("failOn", "failOn is %q; it must be error, warning or note", p.FailOn)
	}
	if p.Budget < 0 {
		c.fail("budget", "budget is %s; it must be more than 0s, such as 2m", p.Budget)
	}
	return errors.Join(c.errs...)
}

func (c *checker) subject() {
	if c.Gateway != "" && !slices.Contains(Products(), c.Gateway) {
		c.fail("gateway", "gateway is %q; it must be one of %s", c.Gateway, strings.Join(Products(), ", "))
	}
	if c.Image != "" && c.Binary != "" {
		c.fail("binary", "image and binary exclude each other; leave one of them out")
	}
	for _, name := range slices.Sorted(maps.Keys(c.Env)) {
		if !envName.MatchString(name) {
			c.fail("env."+name, "env: %q is no name of an environment variable", name)
		}
	}
	c.target()
}

// target checks the address of a gateway that runs already, and that nothing is said of how to start it.
func (c *checker) target() {
	if c.Target == "" {
		return
	}
	u, err := url.Parse(c.Target)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.User != nil {
		c.fail("target", "target %q is no address of a gateway; write for example http://127.0.0.1:8080", c.Target)
	}
	for _, start := range []struct {
		key   string
		given bool
	}{{"image", c.Image != ""}, {"binary", c.Binary != ""}, {"mounts", len(c.Mounts) > 0}, {"entry", !c.Entry.IsZero()}} {
		if start.given {
			c.fail(start.key, "%s is about a gateway that gatefault starts, and target about one that runs already; leave one of them out", start.key)
		}
	}
}

func (c *checker) upstreams() {
	seen := map[string]bool{}
	for i, u := range c.Upstreams {
		if seen[keyOf(u.Server)] {
			c.fail(fmt.Sprintf("upstreams.%d", i), "upstream %s stands there twice", u.Key())
		}
		seen[keyOf(u.Server)] = true
	}
}

func (c *checker) routes() {
	names := map[string]bool{}
	for i, r := range c.Routes {
		at := fmt.Sprintf("routes.%d", i)
		if name := r.name(); names[name] {
			c.fail(at, "two routes are called %q; give each a name of its own", name)
		} else {
			names[name] = true
		}
		if strings.ContainsAny(r.Host, " /\t") {
			c.fail(at+".host", "host %q is no host name", r.Host)
		}
		for _, pattern := range r.Scenarios {
			c.pattern(at+".scenarios", pattern)
		}
		for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
			if strings.ContainsAny(name, " :\t\r\n") || name == "" || strings.ContainsAny(r.Headers[name], "\r\n") {
				c.fail(at+".headers", "header %q is no name and value", name)
			}
		}
	}
}

// name is what reports call a route of the file.
func (r Route) name() string {
	switch {
	case r.Name != "":
		return r.Name
	case !r.Request.IsZero():
		return r.Request.String()
	}
	return defaultRequest.String()
}

var defaultRequest = RequestLine{"GET", "/"}

func (c *checker) policy() {
	if c.Policy.Default != AcceptStandard && c.Policy.Default != AcceptKnown {
		c.fail("policy.default", "policy.default is %q; it must be standard or known", c.Policy.Default)
	}
	c.positive("policy.patience", c.Policy.Patience)
	c.positive("policy.recovery", c.Policy.Recovery)
	for i, e := range c.Policy.Expect {
		c.expect(fmt.Sprintf("policy.expect.%d", i), e)
	}
	for i, ignored := range c.Policy.Ignore {
		c.ignore(fmt.Sprintf("policy.ignore.%d", i), ignored)
	}
}

func (c *checker) positive(at string, d time.Duration) {
	if d <= 0 {
		c.fail(at, "%s is %s; it must be more than 0s", at, d)
	}
}

func (c *checker) expect(at string, e Expect) {
	if (e.Scenario == "") == (e.Cause == "") {
		c.fail(at, "an expectation needs either a scenario or a cause that it is about")
	}
	c.pattern(at+".scenario", e.Scenario)
	if e.Cause != "" && !slices.Contains(scenarios.Causes(), e.Cause) {
		c.fail(at+".cause", "no cause is called %q; gatefault scenarios lists them", e.Cause)
	}
	if e.Status.IsZero() && e.Within == 0 && e.Recovery == 0 && e.Attempts == 0 && e.MaxAttempts == 0 && e.Truncation == "" {
		c.fail(at, "an expectation needs at least one of status, within, recovery, attempts, maxAttempts and truncation")
	}
	if e.Within < 0 || e.Recovery < 0 {
		c.fail(at, "within and recovery are more than 0s")
	}
	if e.Attempts < 0 || e.MaxAttempts < 0 || e.Attempts > 0 && e.MaxAttempts > 0 {
		c.fail(at, "write either attempts or maxAttempts, a number from 1")
	}
	if e.Truncation != "" && e.Truncation != Detectable {
		c.fail(at+".truncation", "truncation is %q; it can only be detectable", e.Truncation)
	}
}

func (c *checker) ignore(at string, i Ignore) {
	if i.Finding == "" && i.Scenario == "" {
		c.fail(at, "what is ignored needs a finding or a scenario")
	}
	if strings.TrimSpace(i.Reason) == "" {
		c.fail(at, "what is ignored needs a reason")
	}
	c.pattern(at+".scenario", i.Scenario)
	if _, err := i.last(); err != nil {
		c.fail(at, "what is ignored needs an end: write until with the last day, such as 2027-01-31")
	}
	if i.Finding == "" {
		return
	}
	if err := knownFinding(i.Finding); err != nil {
		c.fail(at+".finding", "%w", err)
	}
}

func (c *checker) pattern(at, pattern string) {
	if _, err := path.Match(pattern, ""); err != nil {
		c.fail(at, "%q is no pattern of scenarios; write for example tcp.*", pattern)
	}
}

// last is the last day on which it is ignored.
func (i Ignore) last() (time.Time, error) { return time.Parse(time.DateOnly, i.Until) }

// expired tells whether it counts again on a day.
func (i Ignore) expired(today time.Time) bool {
	last, err := i.last()
	return err != nil || today.Format(time.DateOnly) > last.Format(time.DateOnly)
}
