// Package outside looks at a live site as its users do, phase by phase: name, connection, TLS, answer. It says what each phase
// shows, who made the answer, which causes remain possible, and what to look at next. It only reads, and in bounds.
package outside

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/scenarios/strict"
)

// Options are how a site is looked at. The zero value is usable.
type Options struct {
	Timeout time.Duration  // of each phase; default 10 s
	Server  netip.AddrPort // name server to ask; default: the system's
	Roots   []byte         // PEM of trusted authorities; default: the system's
	Method  string         // default GET
	Header  http.Header    // further fields of the request; Host takes the place of the URL's
	Follow  int            // how many redirects to follow; default: none
	Now     func() time.Time
}

// Defaults and bounds.
const (
	DefaultTimeout = 10 * time.Second
	MaxFollow      = 10
	maxBody        = 256 << 10 // bytes read of an answer
	maxAddresses   = 8         // addresses that are connected to
	excerptBytes   = 64 << 10  // bytes of a body that signatures look at
	slowAnswer     = 2 * time.Second
	expiresSoon    = 14 * 24 * time.Hour
)

// Report is what was seen.
type Report struct {
	URL       string            `json:"url"`
	At        time.Time         `json:"at"`
	Visits    []Visit           `json:"visits"` // more than one when redirects were followed
	Findings  []Finding         `json:"findings"`
	Causes    []scenarios.Cause `json:"causes"`    // that remain possible, in the catalogue's order
	Scenarios []string          `json:"scenarios"` // likewise
	Next      []string          `json:"next"`      // what to look at, in this order
}

// Visit is one URL that was asked for. A phase that was not reached is nil.
type Visit struct {
	URL         string       `json:"url"`
	Resolve     *Resolution  `json:"resolve,omitempty"`
	Connections []Connection `json:"connections,omitempty"`
	TLS         *TLS         `json:"tls,omitempty"`
	Answer      *Answer      `json:"answer,omitempty"`
}

// Finding is something that a phase shows.
type Finding struct {
	ID     string `json:"id"`
	Bad    bool   `json:"bad,omitempty"` // users are hurt
	Says   string `json:"says"`
	Detail string `json:"detail,omitempty"`
	Cite   string `json:"cite"`
}

// Bad tells whether users are hurt.
func (r *Report) Bad() bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Bad })
}

//go:embed findings.yaml
var findingsFile []byte

// known is what is known of a finding.
type known struct {
	Says      string   `yaml:"says"`
	Bad       bool     `yaml:"bad"`
	Scenarios []string `yaml:"scenarios"`
	Answers   int      `yaml:"answers"` // scenarios that any gateway answers with this status
	Next      []string `yaml:"next"`
	Cite      string   `yaml:"cite"`
}

var findings = sync.OnceValues(func() (map[string]known, error) {
	all := map[string]known{}
	_, err := strict.Load("suites/outside/findings.yaml", findingsFile, &all, words)
	return all, err
})

// look is one Look under way.
type look struct {
	Options
	catalogue *scenarios.Catalogue
	known     map[string]known
	report    *Report
	possible  map[string]bool // ids of scenarios
}

// Parse reads a URL as people type it: without a scheme it is https.
func Parse(text string) (*url.URL, error) {
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%q is no URL: %w", text, err)
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("%q: only http and https can be looked at", text)
	case u.Hostname() == "":
		return nil, fmt.Errorf("%q names no host", text)
	}
	return u, nil
}

// Look looks at a site. The error is that of the caller's context or of our own data; whatever is wrong with the site stands
// in the report.
func Look(ctx context.Context, u *url.URL, catalogue *scenarios.Catalogue, o Options) (*Report, error) {
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	all, err := findings()
	if err != nil {
		return nil, err
	}
	l := &look{Options: o, catalogue: catalogue, known: all, report: &Report{URL: u.String(), At: o.Now()}, possible: map[string]bool{}}
	if err := l.visits(ctx, u); err != nil {
		return nil, err
	}
	l.conclude()
	return l.report, ctx.Err()
}

// visits asks for the URL and for what it redirects to.
func (l *look) visits(ctx context.Context, u *url.URL) error {
	seen := []string{}
	for {
		if slices.Contains(seen, u.String()) {
			l.find("redirect-loop", strings.Join(append(seen, u.String()), " -> "))
			return nil
		}
		seen = append(seen, u.String())
		next, err := l.visit(ctx, u)
		if err != nil || next == nil || len(seen) > min(l.Follow, MaxFollow) {
			return err
		}
		u = next
	}
}

// visit asks for one URL and gives the one that it redirects to, or nil.
func (l *look) visit(ctx context.Context, u *url.URL) (*url.URL, error) {
	l.report.Visits = append(l.report.Visits, Visit{URL: u.String()})
	v := &l.report.Visits[len(l.report.Visits)-1]
	addrs := l.resolve(ctx, v, u.Hostname())
	if len(addrs) == 0 {
		return nil, ctx.Err()
	}
	conn := l.connect(ctx, v, addrs, portOf(u))
	if conn == nil {
		return nil, ctx.Err()
	}
	defer func() { _ = conn.Close() }()
	if u.Scheme == "https" {
		secured := l.secure(ctx, v, conn, u.Hostname())
		if secured == nil {
			return nil, ctx.Err()
		}
		conn = secured
	}
	return l.ask(ctx, v, conn, u)
}

func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

// find notes a finding with what it leaves possible.
func (l *look) find(id, detail string) {
	k := l.known[id]
	l.report.Findings = append(l.report.Findings, Finding{ID: id, Bad: k.Bad, Says: k.Says, Detail: detail, Cite: k.Cite})
	for _, s := range l.catalogue.All() {
		answered := k.Answers != 0 && slices.ContainsFunc(s.Pins, func(p scenarios.Pin) bool {
			return p.Outcome == scenarios.Outcome{Kind: scenarios.Made, Status: k.Answers}
		})
		if s.Fits(k.Scenarios) || answered {
			l.possible[s.ID] = true
		}
	}
	l.next(k.Next...)
}

func (l *look) next(steps ...string) {
	for _, step := range steps {
		if !slices.Contains(l.report.Next, step) {
			l.report.Next = append(l.report.Next, step)
		}
	}
}

// conclude gathers what remains possible.
func (l *look) conclude() {
	r := l.report
	for _, c := range scenarios.Causes() {
		for _, s := range l.catalogue.All() {
			if s.Cause == c && l.possible[s.ID] {
				r.Scenarios = append(r.Scenarios, s.ID)
				if !slices.Contains(r.Causes, c) {
					r.Causes = append(r.Causes, c)
				}
			}
		}
	}
}

// timeout tells whether an error is that of a deadline.
func timeout(err error) bool {
	var n net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &n) && n.Timeout()
}
