package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/run"
)

// ByProfile writes a comparison for people: for each gateway a table of faults by profile that says whether users see the
// fault and what hiding it costs, and a line for each profile that sums it up. The profiles keep the order in which the
// cells were planned.
func ByProfile(w io.Writer, r *run.Report, o TerminalOptions) error {
	o.Repeat = o.Repeat.or()
	t := &terminal{Writer: bufio.NewWriter(w), opts: o, report: r, columns: columns(r)}
	if len(r.Results) > 0 {
		told := *r // what the tables do not tell
		for _, c := range t.columns {
			told.Results = t.compare(c, told.Results)
		}
		t.gateways()
		t.compareLegend()
		t.report = &told
		t.attention()
		t.report = r
	}
	t.summary()
	return t.Flush()
}

// compare prints one gateway's table and sums up its profiles. It gives the results without those of profiles that the
// gateway does not have, which it has told of.
func (t *terminal) compare(c *column, results []*run.Result) []*run.Result {
	own := slices.DeleteFunc(slices.Clone(results), func(r *run.Result) bool { return r.Gateway.Name != c.name })
	table := &terminal{Writer: t.Writer, opts: t.opts, rows: comparedRows(own), labels: [2]string{"fault", "request"}, show: compared}
	var lines []string
	for _, profile := range distinct(own, func(r *run.Result) string { return r.Gateway.Profile }) {
		cells := slices.DeleteFunc(slices.Clone(own), func(r *run.Result) bool { return r.Gateway.Profile != profile })
		if why := lacking(cells); why != "" {
			results = slices.DeleteFunc(slices.Clone(results), func(r *run.Result) bool { return slices.Contains(cells, r) })
			c.parts = slices.DeleteFunc(c.parts, func(g run.Gateway) bool { return g.Profile == profile })
			lines = append(lines, t.entry(profile, "not compared: "+why))
			continue
		}
		table.columns = append(table.columns, &column{name: profile})
		lines = append(lines, t.entry(profile, worth(cells)))
	}
	t.printf("%s\n", t.paint(bold, product(c)))
	if len(table.columns) > 0 {
		table.tables()
	}
	t.printf("%s\n", strings.Join(append(lines, ""), "\n"))
	return results
}

// profileWidth is enough for the names of profiles before their sums.
const profileWidth = 12

func (t *terminal) entry(profile, text string) string {
	return Wrap(text, t.width(), pad(profile, profileWidth), strings.Repeat(" ", profileWidth))
}

// lacking gives the reason why none of a profile's cells could run, if they share one.
func lacking(cells []*run.Result) string {
	for _, r := range cells {
		if r.Verdict != run.Unsupported || r.Reason != cells[0].Reason {
			return ""
		}
	}
	return cells[0].Reason
}

// comparedRows are one a fault and method; methods share a row where all profiles do the same.
func comparedRows(results []*run.Result) (out []*row) {
	for _, id := range IDs(results) {
		var same []*row
		for _, r := range results {
			if r.ID != id {
				continue
			}
			i := slices.IndexFunc(same, func(w *row) bool { return w.labels[1] == r.Method })
			if i < 0 {
				i = len(same)
				same = append(same, &row{[2]string{id, r.Method}, map[string]*run.Result{}})
			}
			same[i].cells[r.Gateway.Profile] = r
		}
		if len(same) == 2 && same[0].shows(same[1]) {
			same[0].labels[1] += ", " + same[1].labels[1]
			same = same[:1]
		}
		out = append(out, same...)
	}
	return out
}

// shows tells whether the cells of another row read the same.
func (w *row) shows(other *row) bool {
	return maps.EqualFunc(w.cells, other.cells, func(a, b *run.Result) bool {
		mine, _ := compared(a)
		theirs, _ := compared(b)
		return mine == theirs
	})
}

// compared is a cell of the comparison: whether users see the fault, what they get, and the price.
func compared(r *run.Result) (text, colour string) {
	if r.Verdict != run.Observed {
		return Mark(r.Verdict) + " " + Cell(r), look(r.Verdict).colour
	}
	mark, colour := seenMark, red
	switch {
	case hidden(r) && duplicated(r):
		mark, colour = hiddenMark, yellow
	case hidden(r):
		mark, colour = hiddenMark, green
	}
	words := []string{mark, Short(r.Observed)}
	if r.Attempts > 1 && !(duplicated(r) && r.Received == r.Attempts) {
		words = append(words, fmt.Sprintf("x%d", r.Attempts))
	}
	if duplicated(r) {
		words = append(words, fmt.Sprintf("%s x%d", r.Method, r.Received))
	}
	if d := added(r); d > 0 {
		words = append(words, "+"+seconds(d))
	}
	return strings.Join(words, " "), colour
}

const hiddenMark, seenMark = "✓", "✗"

// hidden tells whether the client got a good answer of the upstream in spite of the fault.
func hidden(r *run.Result) bool {
	return (r.Observed.Kind == scenarios.Passed || r.Observed.Kind == scenarios.Stored) && r.Observed.Status < http.StatusBadRequest
}

// duplicated tells whether a request that may be sent only once (RFC 9110 §9.2.2) arrived more than once.
func duplicated(r *run.Result) bool { return r.Method == http.MethodPost && r.Received > 1 }

// step is how exactly the table tells of time: finer differences are of the machine.
const step = 500 * time.Millisecond

// added is the time that the request took beyond a healthy one, in steps; less than half a step is 0.
func added(r *run.Result) time.Duration { return max(0, r.Total-r.Healthy).Round(step) }

// worth sums up what a profile does, by fault: how many it hides, and the price.
func worth(cells []*run.Result) string {
	seen := slices.DeleteFunc(slices.Clone(cells), func(r *run.Result) bool { return r.Verdict != run.Observed })
	if len(seen) == 0 {
		return "nothing was observed"
	}
	text := fmt.Sprintf("hides %d of %s", len(IDs(seen))-len(IDs(those(seen, not(hidden)))), counted(len(IDs(seen)), "fault"))
	for _, method := range distinct(seen, func(r *run.Result) string { return r.Method }) {
		if n := hiddenOnly(seen, method); n > 0 {
			text += fmt.Sprintf(", %d more for %s only", n, method)
		}
	}
	if price := price(seen); len(price) > 0 {
		text += "; price: " + strings.Join(price, ", ")
	}
	return text
}

// hiddenOnly counts the faults that are hidden from requests with this method and from no others.
func hiddenOnly(cells []*run.Result, method string) int {
	open := IDs(those(cells, func(r *run.Result) bool { return !hidden(r) && r.Method != method }))
	own := IDs(those(cells, func(r *run.Result) bool { return hidden(r) && r.Method == method }))
	return len(slices.DeleteFunc(own, func(id string) bool { return !slices.Contains(open, id) }))
}

// price lists what the faults cost, each with the number of faults.
func price(cells []*run.Result) (out []string) {
	if n := len(IDs(those(cells, func(r *run.Result) bool { return r.Attempts > 1 }))); n > 0 {
		out = append(out, fmt.Sprintf("more than one attempt in %d", n))
	}
	if slow := those(cells, func(r *run.Result) bool { return added(r) > 0 }); len(slow) > 0 {
		worst := slices.MaxFunc(slow, func(a, b *run.Result) int { return cmp.Compare(added(a), added(b)) })
		out = append(out, fmt.Sprintf("up to +%s in %d", seconds(added(worst)), len(IDs(slow))))
	}
	if n := len(IDs(those(cells, duplicated))); n > 0 {
		out = append(out, fmt.Sprintf("POST duplicated in %d", n))
	}
	if n := len(IDs(those(cells, lingers))); n > 0 {
		out = append(out, fmt.Sprintf("errors for more than %s after the fault in %d", seconds(slowRecovery), n))
	}
	return out
}

// lingers tells whether healthy requests went on failing for long after the fault was gone.
func lingers(r *run.Result) bool { return r.Recovery == nil || *r.Recovery > slowRecovery }

func those(cells []*run.Result, which func(*run.Result) bool) []*run.Result {
	return slices.DeleteFunc(slices.Clone(cells), not(which))
}

func not(which func(*run.Result) bool) func(*run.Result) bool {
	return func(r *run.Result) bool { return !which(r) }
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// compareLegend explains the marks and words of a comparison.
func (t *terminal) compareLegend() {
	any := func(which func(*run.Result) bool) bool {
		return slices.ContainsFunc(t.report.Results, func(r *run.Result) bool { return r.Verdict == run.Observed && which(r) })
	}
	if any(hidden) {
		t.printf("%s hidden: users get a good answer\n", t.paint(green, hiddenMark))
	}
	if any(not(hidden)) {
		t.printf("%s users see the fault\n", t.paint(red, seenMark))
	}
	for _, v := range []run.Verdict{run.NotInjected, run.Unsupported, run.Error} {
		if t.report.Count(v) > 0 {
			t.printf("%s %s\n", t.paint(look(v).colour, Mark(v)), look(v).meaning)
		}
	}
	t.words(append(words(),
		word{"POST xN", "the upstream received the POST N times", duplicated},
		word{"+N s", "longer than a healthy request", func(r *run.Result) bool { return judged(r) && added(r) > 0 }}))
	t.printf("\n")
}
