package main

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/gatefault/gatefault/suites/report"
	"github.com/gatefault/gatefault/suites/run"
)

// progress shows a run while it goes: in a terminal one status line that is rewritten, above it what must not be
// missed; elsewhere a plain line for each step.
type progress struct {
	screen
	began time.Time

	mu     sync.Mutex // guards what follows
	status string
}

func newProgress(s screen) *progress {
	p := &progress{screen: s, began: time.Now()}
	p.show("starting")
	return p
}

// clearLine goes to the line's begin and erases it (ECMA-48 §8.3.41 EL).
const clearLine = "\r\x1b[K"

// step takes a step of the run.
func (p *progress) step(s run.Progress) {
	if s.Message != "" {
		p.say(report.Printable(s.Message))
	}
	if s.Result == nil {
		return
	}
	r := s.Result
	head := fmt.Sprintf("[%*d/%d]", len(fmt.Sprint(s.Cells)), s.Done, s.Cells)
	cell := fmt.Sprintf("%s %s %s %s", report.Mark(r.Verdict), r.Gateway.Name, report.Name(r), r.Observed)
	switch {
	case !p.live:
		p.say(head + " " + strings.TrimRight(cell, " ") + " " + report.Word(r))
	case r.Verdict == run.Drifted || r.Verdict == run.NotInjected || r.Verdict == run.Error:
		p.say(report.PaintVerdict(p.colour, r.Verdict, cell+" "+report.Word(r)))
	}
	p.show(fmt.Sprintf("%s running, %.0f s", head, time.Since(p.began).Seconds()))
}

// checkStep takes a step of a check, whose cells are judged when all are done: it tells what was observed, and above a
// terminal's status line only what says nothing of the gateway.
func (p *progress) checkStep(s run.Progress) {
	if s.Message != "" {
		p.say(report.Printable(s.Message))
	}
	if s.Result == nil {
		return
	}
	r := s.Result
	head := fmt.Sprintf("[%*d/%d]", len(fmt.Sprint(s.Cells)), s.Done, s.Cells)
	cell := fmt.Sprintf("%s %s", report.Printable(r.Route), r.ID)
	lost := r.Verdict == run.NotInjected || r.Verdict == run.Error
	switch {
	case lost && p.live:
		p.say(report.PaintVerdict(p.colour, r.Verdict, cell+" "+report.Word(r)))
	case !p.live && (lost || r.Verdict == run.Unsupported):
		p.say(head + " " + cell + " " + report.Word(r))
	case !p.live:
		p.say(fmt.Sprintf("%s %s %s in %.1f s", head, cell, r.Observed, r.Total.Seconds()))
	}
	p.show(fmt.Sprintf("%s running, %.0f s", head, time.Since(p.began).Seconds()))
}

// say prints a line for good.
func (p *progress) say(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.live {
		line = clearLine + line
	}
	fmt.Fprintf(p, "%s\n%s", line, p.status)
}

// show rewrites the status line.
func (p *progress) show(status string) {
	if !p.live {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status = status
	fmt.Fprint(p, clearLine, status)
}

// end removes the status line.
func (p *progress) end() {
	p.show("")
	if !p.live {
		fmt.Fprintln(p)
	}
}
