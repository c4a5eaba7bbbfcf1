package drill

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gatefault/gatefault/scenarios"
)

// Help tells the commands.
const Help = `status              what clients see: the last minute, and a graph
logs [N] [PATTERN]  the last N lines that the gateway logged (20), or those of them that fit a pattern
alerts              alert rules that fire
metrics             what the gateway's exporters count
config              how the gateway gets to the upstream
resolve [NAME]      ask the gateway's name server
connect             connect to the upstream from where the gateway is, with TLS if the gateway speaks it
curl through [PATH] a request through the gateway
curl past [PATH]    the same request straight to the upstream
service             does anything come to the application?
runbook [WORD]      the runbook's table, or what it says of a cause or a scenario
hint                a hint; it is counted
ack                 say that you have seen that something is wrong
answer CAUSE        say what it is: a cause, or a scenario's id
wait 30s            let time pass
give up             end it, and see what it was`

// ErrUnknown is a command that there is not.
var ErrUnknown = errors.New("there is no such command; help tells which there are")

// Do performs a command and gives what it shows. The error is that of the context or of the lab; what is typed wrong is shown.
func (d *Drill) Do(ctx context.Context, text string) (string, error) {
	fields := strings.Fields(text)
	if len(fields) == 0 {
		return "", nil
	}
	shown, err := d.perform(ctx, fields)
	if errors.Is(err, ErrUnknown) {
		return err.Error(), nil
	}
	if err == nil && fields[0] != "help" && fields[0] != "wait" {
		d.entries = append(d.entries, Entry{At: d.now, Do: strings.Join(fields, " "), Shown: shown})
	}
	return shown, err
}

func (d *Drill) perform(ctx context.Context, f []string) (string, error) {
	rest := f[1:]
	switch f[0] {
	case "help", "?":
		return Help, nil
	case "status", "graph":
		return d.status(), nil
	case "logs", "log":
		return d.logs(rest), nil
	case "alerts":
		return d.firing(), nil
	case "metrics":
		return d.metrics(), nil
	case "config":
		return d.config(), nil
	case "resolve":
		return d.resolve(ctx, rest), ctx.Err()
	case "connect":
		return d.connect(ctx), ctx.Err()
	case "curl":
		return d.curl(ctx, rest), ctx.Err()
	case "service":
		return d.service(), nil
	case "runbook":
		return d.runbook(rest)
	case "hint":
		return d.hint(), nil
	case "ack":
		return d.ack(), nil
	case "answer":
		return d.answer(rest), nil
	case "wait":
		return d.wait(ctx, rest)
	case "give", "give-up", "quit", "exit":
		d.over = true
		return "", nil
	}
	return "", ErrUnknown
}

func (d *Drill) ack() string {
	for i := range d.found {
		if d.begun(i) && d.found[i].detected == nil {
			at := d.now
			d.found[i].detected = &at
			return "Noted at " + clock(d.now) + "."
		}
	}
	return "Noted, but nothing new is wrong."
}

func (d *Drill) answer(words []string) string {
	if len(words) != 1 {
		return "Write one cause, such as: answer dns. There are " + causes() + "."
	}
	word := words[0]
	if _, err := d.Catalogue.Find(word); err != nil && !slices.Contains(scenarios.Causes(), scenarios.Cause(word)) && !d.named(word) {
		return word + " is neither a cause nor a scenario. The causes are " + causes() + "."
	}
	return d.solve(word)
}

// named tells whether a fault of the user's own is called so.
func (d *Drill) named(word string) bool {
	return slices.ContainsFunc(d.Exercise.Faults, func(h Hidden) bool { return h.Name() == word })
}

func causes() string {
	return scenarios.Names(slices.DeleteFunc(scenarios.Causes(), func(c scenarios.Cause) bool { return c == "none" }))
}

func (d *Drill) wait(ctx context.Context, words []string) (string, error) {
	by := 30 * time.Second
	if len(words) > 0 {
		var err error
		if by, err = time.ParseDuration(words[0]); err != nil || by < time.Second {
			return "Write how long, such as: wait 30s", nil
		}
	}
	return "", d.Advance(ctx, by)
}

// mostShown bounds how many log lines are shown at once.
const mostShown = 200

func (d *Drill) logs(words []string) string {
	n := 20
	var pattern *regexp.Regexp
	for _, w := range words {
		var k int
		if _, err := fmt.Sscanf(w, "%d", &k); err == nil && k > 0 {
			n = min(k, mostShown)
			continue
		}
		p, err := regexp.Compile(w)
		if err != nil {
			return fmt.Sprintf("%q is no pattern: %v", w, err)
		}
		pattern = p
	}
	var out []string
	for _, l := range d.lines {
		if pattern != nil && !pattern.MatchString(l.Text) {
			continue
		}
		text := clock(l.At) + " "
		if l.Tier != "" {
			text += l.Tier + ": "
		}
		out = append(out, text+l.Text)
	}
	if len(out) == 0 {
		return "Nothing."
	}
	return strings.Join(out[max(0, len(out)-n):], "\n")
}

func (d *Drill) metrics() string {
	var out []string
	for _, v := range d.counters.Values() {
		out = append(out, fmt.Sprintf("%s %g", v.Name, v.Value))
	}
	if len(out) == 0 {
		return "Nothing was counted yet."
	}
	return strings.Join(out, "\n")
}

func (d *Drill) firing() string {
	can, _ := d.rules()
	var out []string
	for _, f := range d.counters.Fired(can) {
		if f.Till == 0 {
			out = append(out, fmt.Sprintf("%s %s since %s: %s", f.Rule.Severity, f.Rule.Alert, clock(f.From), f.Rule.Title))
		}
	}
	if len(out) == 0 {
		return "No alert fires."
	}
	return strings.Join(out, "\n")
}

func (d *Drill) runbook(words []string) (string, error) {
	if len(words) == 0 {
		return d.wayIn(), nil
	}
	b := *d.book
	b.Scenarios = nil
	for _, s := range d.Catalogue.All() {
		if s.ID == words[0] || string(s.Cause) == words[0] {
			b.Scenarios = append(b.Scenarios, s)
		}
	}
	if len(b.Scenarios) == 0 {
		return words[0] + " is neither a cause nor a scenario. The causes are " + causes() + ".", nil
	}
	var out strings.Builder
	err := b.Markdown(&out)
	return strings.TrimRight(out.String(), "\n"), err
}

// wayIn leads from alerts to causes.
func (d *Drill) wayIn() string {
	var out strings.Builder
	for _, r := range d.book.Rules() {
		fmt.Fprintf(&out, "%s: %s\n    %s\n", r.Alert, r.Title, scenarios.Names(r.Causes))
	}
	return out.String() + "runbook CAUSE tells what to look at."
}

// clock writes the drill's time.
func clock(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d:%02d", int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60)
}
