package report

import (
	"cmp"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	pages "github.com/gatefault/gatefault/suites/look"
	"github.com/gatefault/gatefault/suites/picture"
	"github.com/gatefault/gatefault/suites/run"
)

// story is all that a page tells of one cell.
type story struct {
	Heading      string
	ID           string
	Mark         template.HTML
	Word, Answer string
	Reason, Log0 string // the reason, and the log that it ends with
	Picture      template.HTML
	Notes        []string
	Charts       []template.HTML
	Series       string
	Standard     []asked
	Known        *asked
	Observed     []Fact
	Scenario     *scenarios.Scenario
	Bytes        []wire
	Log, Shared  template.HTML
	Missing      []string
	Repeat       string
}

// asked is what the standards ask for, or a product is known to do.
type asked struct{ Want, Why, Cite string }

// wire is what went over one of the wires in one direction.
type wire struct {
	Name, Note string
	Text, Dump template.HTML
}

// Bounds of what a story shows of bytes.
const (
	readableBytes = 2 << 10
	dumpedBytes   = 512
)

// story tells a cell. id makes ids in it unique.
func (p *page) story(r *run.Result, id, repeat string, more []Fact) *story {
	s := &story{ID: id, Mark: pages.Mark(string(r.Verdict), Mark(r.Verdict)), Word: Word(r), Answer: Cell(r), Scenario: p.scenario(r), Repeat: repeat}
	s.Reason, s.Log0, _ = strings.Cut(r.Reason, "\n")
	for _, e := range r.Standard {
		s.Standard = append(s.Standard, asked{e.Want().String(), e.Why, e.Cite})
	}
	if k := r.Known; k != nil {
		s.Known = &asked{k.Want().String(), k.Why, cmp.Or(k.Cite, "observed of "+k.Observed)}
	}
	s.Observed = append(Observed(r), more...)
	if r.Exchange != nil || len(r.Client)+len(r.Journal) > 0 {
		drawn := picture.Of(r)
		s.Picture, s.Notes = template.HTML(drawn.SVG(id)), drawn.Notes //nolint:gosec // the drawing escapes its texts
		s.Bytes = wires(r, drawn)
	}
	if r.Traffic != nil {
		s.Charts = trafficCharts(r.Traffic, id)
		s.Series = strings.Join(append(TrafficTotals(r.Traffic), TrafficSeries(r.Traffic)...), "\n")
		s.Notes = append(s.Notes, fmt.Sprintf("The picture shows one of the %d requests.", r.Traffic.Requests))
	}
	s.logs(r)
	return s
}

// Story is what a page tells of one cell that stands alone in it, but for its picture, which the page shows in a place of its
// own. id makes ids in it unique. Its classes are those of package look.
func Story(r *run.Result, id string) (template.HTML, error) {
	s := (&page{}).story(r, id, "", nil)
	s.Picture, s.Notes = "", nil
	var out strings.Builder
	err := htmlTemplates.ExecuteTemplate(&out, "story", s)
	return template.HTML(out.String()), err //nolint:gosec // made by a template
}

// logs tells the gateway's lines: those that are signs of the fault stand out, and signs that no line fits are told.
func (s *story) logs(r *run.Result) {
	signs := func(line string) bool {
		return slices.ContainsFunc(r.Signs, func(g run.Sign) bool { return g.Line == line })
	}
	if len(r.Log) > 0 {
		s.Log = pages.Lines(r.Log, signs)
	}
	if len(r.SharedLog) > 0 {
		shown := r.SharedLog[:min(len(r.SharedLog), sharedLines)]
		s.Shared = pages.Lines(shown, signs)
	}
	for _, g := range r.Signs {
		if g.Line == "" {
			s.Missing = append(s.Missing, g.Pattern)
		}
	}
}

// sharedLines bounds the lines that may be of other cells.
const sharedLines = 20

// Observed lists what was seen of a cell, in words; nothing of one that was not observed.
func Observed(r *run.Result) (out []Fact) {
	add := func(name, text string) {
		if text != "" {
			out = append(out, Fact{name, text})
		}
	}
	if r.Observed.IsZero() {
		return nil
	}
	if r.Traffic != nil {
		add("observed", r.Traffic.String())
	} else {
		add("observed", strings.TrimSpace(r.Observed.String()+tierWords(r)))
	}
	if !r.Again.IsZero() {
		add("asked again", r.Again.String())
	}
	if !r.Uncounted {
		add("tries", fmt.Sprintf("the gateway went to the upstream %s", counted(r.Attempts, "time")))
	}
	if r.Traffic == nil {
		add("time", timesOf(r))
	}
	add("recovery", recoveryWords(r))
	add("evidence", r.Evidence)
	add("where", strings.TrimSpace(fmt.Sprintf("%s %s, profile %s", r.Gateway.Place, r.Gateway.Image, r.Gateway.Profile)))
	return out
}

func tierWords(r *run.Result) string {
	if len(r.Tap) == 0 || r.By == "" {
		return ""
	}
	return ", " + r.By.Words()
}

func timesOf(r *run.Result) string {
	text := "whole after " + milliseconds(r.Total)
	if r.FirstByte > 0 {
		text = "first byte after " + milliseconds(r.FirstByte) + ", " + text
	}
	if r.Healthy > 0 {
		text += "; a healthy request took " + milliseconds(r.Healthy)
	}
	return text
}

func recoveryWords(r *run.Result) string {
	switch {
	case r.Standing:
		return ""
	case r.Lasting:
		return "the configuration is the fault: there is none"
	case r.Watched > 0:
		return "not within the " + seconds(r.Watched) + " watched"
	case r.Recovery == nil:
		return "not within the " + seconds(run.RecoveryTimeout) + " watched"
	}
	return "well again " + milliseconds(*r.Recovery) + " after the end of the fault"
}

// wires gathers the bytes by who sent them to whom.
func wires(r *run.Result, drawn *picture.Picture) (out []wire) {
	var client []byte
	for _, c := range r.Client {
		client = append(client, c.Data...)
	}
	total := len(client)
	if x := r.Exchange; x != nil {
		total = max(total, int(x.Size))
		out = append(out, newWire("client to gateway", "", x.Wrote, 0))
	}
	note := "nothing came"
	if total > 0 {
		note = counted(total, "byte")
	}
	out = append(out, newWire("gateway to client", note, client, total))
	for _, e := range drawn.Events {
		if e.From < 1 || e.To < 1 || len(e.Sample) == 0 {
			continue
		}
		name := drawn.Lanes[e.From].Name + " to " + drawn.Lanes[e.To].Name
		note := fmt.Sprintf("at %s, %s", e.At.Round(time.Millisecond/10), counted(int(e.Size), "byte"))
		out = append(out, newWire(name, note, e.Sample, int(e.Size)))
	}
	return slices.DeleteFunc(out, func(w wire) bool { return w.Text == "" && w.Name != "gateway to client" })
}

func newWire(name, note string, data []byte, total int) wire {
	w := wire{Name: name, Note: note}
	if len(data) > 0 {
		w.Text, w.Dump = pages.Readable(data, readableBytes, total), pages.Bytes(data, dumpedBytes, total)
	}
	return w
}
