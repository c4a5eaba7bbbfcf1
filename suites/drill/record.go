package drill

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/report"
)

// Record is what a drill was and how it went, for a review. All times are the drill's own, from its beginning, in nanoseconds.
type Record struct {
	Format  int           `json:"format"` // of this document: 1
	Kind    string        `json:"kind"`   // drill
	Title   string        `json:"title,omitempty"`
	Seed    uint64        `json:"seed,omitempty"`
	Level   int           `json:"level,omitempty"`
	Gateway string        `json:"gateway"`
	Profile string        `json:"profile"`
	Rate    int           `json:"rate"`   // requests a second
	Lasted  time.Duration `json:"lasted"` // when it was over
	Faults  []FaultRecord `json:"faults"`
	Hints   int           `json:"hints"`
	Entries []Entry       `json:"commands"`
	Answers []Answer      `json:"answers"`
	Alerts  []AlertRecord `json:"alerts"` // that would have fired, in that order
	// Unmeasured are alert rules that read what a drill does not have.
	Unmeasured []string `json:"unmeasured,omitempty"`
	Graph      string   `json:"graph"` // share of failed requests, one character for each ten seconds
	Log        []Line   `json:"log"`   // of the first minute of each fault, in part
}

// FaultRecord is one fault and when what became of it.
type FaultRecord struct {
	Name      string            `json:"name"`
	Title     string            `json:"title,omitempty"`
	Causes    []scenarios.Cause `json:"causes"` // right answers
	From      time.Duration     `json:"from"`
	Till      time.Duration     `json:"till"`
	Began     bool              `json:"began"`             // before the drill was over
	Failing   *time.Duration    `json:"failing,omitempty"` // the first request that failed
	Detected  *time.Duration    `json:"detected,omitempty"`
	Diagnosed *time.Duration    `json:"diagnosed,omitempty"`
	Hints     int               `json:"hints"`
	Wrong     int               `json:"wrong"` // answers
	Tells     string            `json:"tells"` // what gave it away
	Checks    []string          `json:"checks,omitempty"`
	Fix       string            `json:"fix,omitempty"`
}

// AlertRecord is an alert that would have fired.
type AlertRecord struct {
	Alert    string            `json:"alert"`
	Severity string            `json:"severity"`
	Title    string            `json:"title"`
	From     time.Duration     `json:"from"`
	Till     time.Duration     `json:"till,omitempty"` // 0: to the end
	Fault    string            `json:"fault,omitempty"`
	After    time.Duration     `json:"after"` // since that fault began
	Causes   []scenarios.Cause `json:"causes"`
	Names    bool              `json:"names"` // the fault's cause is among its causes
}

// logShown is how many log lines of each fault are kept.
const logShown = 5

// Record gives the drill's record; a drill that is not over yet is revealed all the same.
func (d *Drill) Record() *Record {
	g := d.Seat.Gateway()
	r := &Record{Format: 1, Kind: "drill", Title: d.Exercise.Title, Seed: d.Seed, Level: d.Level, Gateway: g.Title + " " + g.Version, Profile: d.way.Profile,
		Rate: d.Exercise.Rate, Lasted: d.now, Graph: d.graph(),
		Entries: append([]Entry{}, d.entries...), Answers: append([]Answer{}, d.answers...), Alerts: []AlertRecord{}, Log: []Line{}}
	for i := range d.Exercise.Faults {
		f := d.faultRecord(i)
		r.Faults, r.Hints = append(r.Faults, f), r.Hints+f.Hints
		r.Log = append(r.Log, d.logOf(f)...)
	}
	can, cannot := d.rules()
	for _, f := range d.counters.Fired(can) {
		a := AlertRecord{Alert: f.Rule.Alert, Severity: string(f.Rule.Severity), Title: f.Rule.Title, From: f.From, Till: f.Till, Causes: f.Rule.Causes}
		for _, hidden := range r.Faults {
			if hidden.From <= f.From {
				a.Fault, a.After = hidden.Name, f.From-hidden.From
				a.Names = slices.ContainsFunc(hidden.Causes, func(c scenarios.Cause) bool { return slices.Contains(f.Rule.Causes, c) })
			}
		}
		r.Alerts = append(r.Alerts, a)
	}
	for _, rule := range cannot {
		r.Unmeasured = append(r.Unmeasured, rule.Alert)
	}
	return r
}

func (d *Drill) faultRecord(i int) FaultRecord {
	h, f := &d.Exercise.Faults[i], d.found[i]
	out := FaultRecord{Name: h.Name(), Causes: h.Causes, From: h.At, Till: min(h.end(d.Exercise.Length), max(d.now, h.At)), Began: d.begun(i), Failing: f.failing,
		Detected: f.detected, Diagnosed: f.diagnosed, Hints: f.hints, Wrong: f.wrong, Tells: h.Tells}
	if h.of != nil {
		out.Title, out.Checks, out.Fix = h.of.Title, h.of.Operator.Checks, h.of.Operator.Fix
	}
	return out
}

// logOf gives lines of the fault's first minute that are signs of it or, where there are none, the first ones.
func (d *Drill) logOf(f FaultRecord) (out []Line) {
	var rest []Line
	for _, l := range d.lines {
		if l.At < f.From || l.At > f.From+time.Minute {
			continue
		}
		if len(d.Alerts.Count(d.Seat.Gateway().Name, []string{l.Text})) > 0 {
			out = append(out, l)
		} else {
			rest = append(rest, l)
		}
	}
	if len(out) == 0 {
		out = rest
	}
	return out[:min(len(out), logShown)]
}

// graphEach is how many seconds one character of a record's graph stands for.
const graphEach = 10

func (d *Drill) graph() string {
	var out strings.Builder
	for i := 0; i < len(d.seconds); i += graphEach {
		failed, all := 0, 0
		for _, s := range d.seconds[i:min(i+graphEach, len(d.seconds))] {
			failed, all = failed+s.failures(), all+s.good+s.failures()
		}
		out.WriteRune(bar(float64(failed), float64(all)))
	}
	return out.String()
}

// Solved tells whether every fault that began was found.
func (r *Record) Solved() bool {
	return !slices.ContainsFunc(r.Faults, func(f FaultRecord) bool { return f.Diagnosed == nil })
}

// JSON writes the record.
func (r *Record) JSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

// since writes a time as one since the fault began.
func (f FaultRecord) since(at *time.Duration) string {
	if at == nil {
		return "never"
	}
	return (*at - f.From).String() + " after it began"
}

// moment is one of the timeline.
type moment struct {
	at   time.Duration
	what string
}

// timeline is everything that happened, in order.
func (r *Record) timeline() (out []moment) {
	for _, f := range r.Faults {
		if !f.Began {
			continue
		}
		out = append(out, moment{f.From, "begins: " + f.Name})
		if f.Failing != nil {
			out = append(out, moment{*f.Failing, "the first request fails"})
		}
		if f.Detected != nil {
			out = append(out, moment{*f.Detected, "seen by you"})
		}
		if f.Till < r.Lasted {
			out = append(out, moment{f.Till, "ends: " + f.Name})
		}
	}
	for _, a := range r.Alerts {
		out = append(out, moment{a.From, "alert: " + a.Alert})
		if a.Till > 0 {
			out = append(out, moment{a.Till, "resolved: " + a.Alert})
		}
	}
	for _, e := range r.Entries {
		if !strings.HasPrefix(e.Do, "answer") && e.Do != "ack" {
			out = append(out, moment{e.At, "you: " + e.Do})
		}
	}
	for _, a := range r.Answers {
		what := "you: answer " + a.Cause + ", wrong"
		if a.Right {
			what = "you: answer " + a.Cause + ", right"
		}
		out = append(out, moment{a.At, what})
	}
	slices.SortStableFunc(out, func(a, b moment) int { return cmp.Compare(a.at, b.at) })
	return out
}

// Text reveals everything, for a terminal.
func (r *Record) Text() string {
	var out strings.Builder
	for _, f := range r.Faults {
		fmt.Fprintf(&out, "\nIt was %s%s\n", f.Name, title(f))
		if !f.Began {
			fmt.Fprintf(&out, "  and it had not begun: it would have at %s\n", clock(f.From))
			continue
		}
		fmt.Fprintf(&out, "  causes     %s\n  seen       %s\n  diagnosed  %s\n  hints      %d, wrong answers %d\n  what gave it away: %s\n",
			scenarios.Names(f.Causes), f.since(f.Detected), f.since(f.Diagnosed), f.Hints, f.Wrong, f.Tells)
	}
	fmt.Fprintf(&out, "\nTimeline (failed: %s, %d s each)\n", r.Graph, graphEach)
	for _, m := range r.timeline() {
		fmt.Fprintf(&out, "  %s  %s\n", clock(m.at), m.what)
	}
	out.WriteString("\nAlerts that would have fired\n")
	for _, a := range r.Alerts {
		fmt.Fprintf(&out, "  %s  %s, %s after %s began%s\n", clock(a.From), a.Alert, a.After, a.Fault, naming(a))
	}
	if len(r.Alerts) == 0 {
		out.WriteString("  none\n")
	}
	return out.String()
}

func title(f FaultRecord) string {
	if f.Title == "" {
		return ""
	}
	return ": " + f.Title
}

func naming(a AlertRecord) string {
	if a.Names {
		return "; its causes include the right one"
	}
	return "; its causes do not include the right one"
}

// Markdown writes the record for a review.
func (r *Record) Markdown(w io.Writer) error {
	var out strings.Builder
	fmt.Fprintf(&out, "# Drill%s\n\n%s, profile %s, %d requests a second", prefixed(": ", r.Title), r.Gateway, r.Profile, r.Rate)
	if r.Level > 0 {
		fmt.Fprintf(&out, ", level %d, seed %d", r.Level, r.Seed)
	}
	fmt.Fprintf(&out, "; it lasted %s.\n\n| fault | causes | began | seen | diagnosed | hints | wrong answers |\n|---|---|---|---|---|---|---|\n", r.Lasted)
	for _, f := range r.Faults {
		fmt.Fprintf(&out, "| %s%s | %s | %s | %s | %s | %d | %d |\n", f.Name, title(f), scenarios.Names(f.Causes), clock(f.From), f.since(f.Detected), f.since(f.Diagnosed), f.Hints, f.Wrong)
	}
	fmt.Fprintf(&out, "\nFailed requests, %d s each: `%s`\n\n## What gave it away\n\n", graphEach, r.Graph)
	for _, f := range r.Faults {
		fmt.Fprintf(&out, "- %s: %s\n", f.Name, f.Tells)
	}
	out.WriteString("\n## Timeline\n\n| time | |\n|---|---|\n")
	for _, m := range r.timeline() {
		fmt.Fprintf(&out, "| %s | %s |\n", clock(m.at), strings.ReplaceAll(m.what, "|", `\|`))
	}
	out.WriteString("\n## Alerts\n\n| time | alert | after the fault | names the cause |\n|---|---|---|---|\n")
	for _, a := range r.Alerts {
		fmt.Fprintf(&out, "| %s | %s | %s | %t |\n", clock(a.From), a.Alert, a.After, a.Names)
	}
	if len(r.Unmeasured) > 0 {
		fmt.Fprintf(&out, "\nNot evaluated, because they read what a drill does not have: %s.\n", strings.Join(r.Unmeasured, ", "))
	}
	if len(r.Log) > 0 {
		out.WriteString("\n## From the log\n\n")
		for _, l := range r.Log {
			fmt.Fprintf(&out, "    %s %s%s\n", clock(l.At), prefixed("", l.Tier+" "), strings.ReplaceAll(report.Printable(l.Text), "\n", " "))
		}
	}
	out.WriteString("\n## To talk about\n\n- What would have told us sooner?\n- Which check came first, and which should have?\n- Which alert was missing, and which was one too many?\n")
	_, err := io.WriteString(w, out.String())
	return err
}

func prefixed(prefix, text string) string {
	if strings.TrimSpace(text) == "" {
		return ""
	}
	return prefix + text
}
