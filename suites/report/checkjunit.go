package report

import (
	"io"
	"strings"
	"time"

	"github.com/gatefault/gatefault/suites/check"
	"github.com/gatefault/gatefault/suites/run"
)

// CheckJUnit writes a check as JUnit XML: one suite a route, one case a cell. A cell fails where it fails the check, so the
// report agrees with the exit code; errors are the harness's own, ignored and unsupported cells are skipped.
func CheckJUnit(w io.Writer, r *check.Report, gate check.Gate) error {
	all := junitSuites{Name: "gatefault check", Time: junitTime(r.Timing.Total)}
	for _, route := range r.Subject.Routes {
		s := junitSuite{Name: printableLine(route), Timestamp: junitMoment(r.Started), Properties: subjectProperties(r.Subject)}
		var took time.Duration
		for _, c := range ofRoute(r, route) {
			s.add(checkCase(r, c, gate))
			took += c.Took
		}
		s.Time = junitTime(took)
		all.add(s)
	}
	return all.write(w)
}

func subjectProperties(s check.Subject) []junitProperty {
	out := []junitProperty{{"product", s.Gateway.Title}, {"version", s.Gateway.Version}}
	for _, p := range []junitProperty{{"configuration", s.Config}, {"target", s.Target}, {"place", string(s.Gateway.Place)}, {"image", s.Gateway.Image}} {
		if p.Value != "" {
			out = append(out, junitProperty{p.Name, printableLine(p.Value)})
		}
	}
	return out
}

func checkCase(r *check.Report, cell check.Cell, gate check.Gate) junitCase {
	class := []string{"gatefault", cell.Gateway.Name, cell.Route, string(cell.Cause)}
	c := junitCase{Name: cell.ID, Class: printableLine(strings.Join(class, ".")), Time: junitTime(cell.Took), Out: observation(cell.Result)}
	why, _, _ := strings.Cut(Printable(cell.Why), "\n")
	switch {
	case gate.Fails(r, cell):
		c.Failure = failure(r, cell, why)
	case cell.Status == check.Skipped && cell.Verdict != run.Unsupported:
		c.Error = &junitProblem{Message: why, Type: string(cell.Verdict), Text: Printable(cell.Why) + "\nreproduce: " + printableLine(cell.Reproduce)}
	case cell.Status == check.Skipped, cell.Status == check.Ignored:
		c.Skipped = &junitProblem{Message: why}
	}
	return c
}

// failure tells a failed cell by its findings, with their mends.
func failure(r *check.Report, cell check.Cell, why string) *junitProblem {
	p := &junitProblem{Message: why, Type: "not-as-expected"}
	lines := []string{why, "wanted: " + cell.Want}
	for i, f := range findingsOf(r, cell) {
		if i == 0 {
			p.Type, p.Message = f.ID, Printable(f.Title+": "+f.Seen)
		}
		lines = append(lines, "", string(f.Severity)+" "+f.ID+at(f, " (", ")")+": "+f.Title, "seen: "+f.Seen, "why: "+f.Why, "fix: "+f.Fix)
		for _, l := range [][2]string{{"example", f.Example}, {"manual", f.Manual}, {"source", f.Cite}} {
			if l[1] != "" {
				lines = append(lines, l[0]+": "+strings.TrimRight(l[1], "\n"))
			}
		}
	}
	p.Text = Printable(strings.Join(append(lines, "", "reproduce: "+cell.Reproduce), "\n"))
	return p
}

// findingsOf gives the findings that a cell shows, worst first.
func findingsOf(r *check.Report, cell check.Cell) (out []check.Finding) {
	for _, f := range WorstFirst(r.Findings) {
		for _, id := range cell.Findings {
			if f.ID == id && f.Route == cell.Route {
				out = append(out, f)
			}
		}
	}
	return out
}
