package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/gatefault/gatefault/suites/run"
)

// The JUnit XML that CI systems read: one suite a gateway or route, one case a cell. What they read in common is in
// testdata/junit.xsd.
type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Time     string       `xml:"time,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Time       string          `xml:"time,attr"`
	Timestamp  string          `xml:"timestamp,attr"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitProblem `xml:"failure,omitempty"`
	Error   *junitProblem `xml:"error,omitempty"`
	Skipped *junitProblem `xml:"skipped,omitempty"`
	Out     string        `xml:"system-out,omitempty"`
}

type junitProblem struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

// JUnit writes a run as JUnit XML: drifted is a failure, not-injected and error are errors, unsupported is skipped.
// repeat may be nil, as in [TerminalOptions].
func JUnit(w io.Writer, r *run.Report, repeat Repeat) error {
	all := junitSuites{Name: "gatefault", Time: junitTime(r.Timing.Total)}
	for _, c := range columns(r) {
		all.add(suite(r, c, repeat.or()))
	}
	return all.write(w)
}

func (all *junitSuites) add(s junitSuite) {
	all.Suites = append(all.Suites, s)
	all.Tests, all.Failures, all.Errors = all.Tests+s.Tests, all.Failures+s.Failures, all.Errors+s.Errors
}

func (all *junitSuites) write(w io.Writer) error {
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return fmt.Errorf("write the JUnit report: %w", err)
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(*all); err != nil {
		return fmt.Errorf("write the JUnit report: %w", err)
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func suite(r *run.Report, c *column, repeat Repeat) junitSuite {
	s := junitSuite{Name: c.name, Timestamp: junitMoment(r.Started), Properties: properties(c)}
	var took time.Duration
	for _, res := range r.Results {
		if res.Gateway.Name != c.name {
			continue
		}
		s.add(testCase(res, repeat))
		took += res.Took
	}
	s.Time = junitTime(took)
	return s
}

func properties(c *column) []junitProperty {
	out := []junitProperty{{"product", c.parts[0].Title}, {"version", c.version}, {"place", string(c.parts[0].Place)}}
	for _, p := range c.parts {
		out = append(out, junitProperty{"image of profile " + p.Profile, p.Image})
	}
	return out
}

func (s *junitSuite) add(c junitCase) {
	s.Cases = append(s.Cases, c)
	s.Tests++
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Error != nil:
		s.Errors++
	case c.Skipped != nil:
		s.Skipped++
	}
}

func testCase(r *run.Result, repeat Repeat) junitCase {
	c := junitCase{Name: r.ID, Class: "gatefault." + r.Gateway.Name + "." + string(r.Cause), Time: junitTime(r.Took), Out: observation(r)}
	reason := Printable(r.Reason)
	first, _, _ := strings.Cut(reason, "\n")
	problem := &junitProblem{Message: first, Type: string(r.Verdict), Text: reason + "\nreproduce: " + repeat(r)}
	switch r.Verdict {
	case run.Drifted:
		c.Failure = problem
	case run.NotInjected, run.Error:
		c.Error = problem
	case run.Unsupported:
		c.Skipped = &junitProblem{Message: first}
	}
	return c
}

// observation tells in lines what the cell saw.
func observation(r *run.Result) string {
	lines := []string{"verdict: " + string(r.Verdict) + ", " + r.Reason}
	if r.Traffic != nil {
		lines = append(lines, TrafficTotals(r.Traffic)...)
	} else if !r.Observed.IsZero() {
		attempts := fmt.Sprint(r.Attempts)
		if r.Uncounted {
			attempts = "not to be told from health checks"
		}
		lines = append(lines, fmt.Sprintf("observed: %s, upstream attempts: %s, first byte after %s, end after %s",
			r.Observed, attempts, milliseconds(r.FirstByte), milliseconds(r.Total)))
	}
	if r.Evidence != "" {
		lines = append(lines, "evidence: "+r.Evidence)
	}
	if judged(r) {
		recovered := "not in the time watched"
		if r.Recovery != nil {
			recovered = milliseconds(*r.Recovery)
		}
		lines = append(lines, "recovered: "+recovered)
	}
	for _, l := range r.Log {
		lines = append(lines, "log: "+l)
	}
	return Printable(strings.Join(lines, "\n"))
}

func milliseconds(d time.Duration) string { return d.Round(time.Millisecond).String() }

func junitTime(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

func junitMoment(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05") }
