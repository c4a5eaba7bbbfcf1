package check

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/run"
	"github.com/gatefault/gatefault/upstream"
)

// answer is what a client got, as far as the result keeps it.
type answer struct {
	header http.Header
	body   string
}

// parseAnswer takes the received bytes apart; nil when they are no HTTP.
func parseAnswer(res *run.Result) *answer {
	var all bytes.Buffer
	for _, c := range res.Client {
		all.Write(c.Data)
	}
	in := bufio.NewReader(&all)
	for {
		resp, err := http.ReadResponse(in, &http.Request{Method: res.Method})
		if err != nil {
			return nil
		}
		body, _ := io.ReadAll(resp.Body) // a result keeps the first part of a large one
		if resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			return &answer{resp.Header, string(body)}
		}
	}
}

// text is the answer as a client can compare it: without what differs from one request to the next.
func (a *answer) text() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(a.header)) {
		switch name {
		case "Date", "Content-Length", "Connection", "Keep-Alive", "Transfer-Encoding", upstream.EndpointField, upstream.NonceField, upstream.LengthField:
			continue
		}
		fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(a.header[name], ", "))
	}
	return unique.ReplaceAllString(b.String()+"\n"+a.body, "#")
}

// unique is what no two answers have in common: marks of our cells, dates (RFC 9110 §5.6.7) and ids.
var unique = regexp.MustCompile(`gf-[0-9a-f]+-\d+(?:/[a-z]+)?|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT|\b[0-9A-Fa-f]{8}(?:-?[0-9A-Fa-f]{4,}){2,}\b`)

// sameAnswers finds answers of the gateway that cannot be told from the application's of that status: both were observed and
// do not differ.
func (j *judging) sameAnswers() {
	for _, app := range j.cells {
		status := app.Observed.Status
		if !app.hasVerdict() || app.answer == nil || app.Scenario.Fault != fmt.Sprintf("app.%d", status) || status < 502 || status > 504 {
			continue
		}
		for _, own := range j.cells {
			made := scenarios.Outcome{Kind: scenarios.Made, Status: status}
			if own.route == app.route && own.hasVerdict() && own.Layer() != "app" && own.Observed == made && own.answer != nil && own.answer.text() == app.answer.text() {
				app.add(SameAsUpstream, fmt.Sprintf("When the application answers %d the client gets the same as when the gateway answers %[1]d itself (%s): the same fields and the same body.", status, own.ID), 1)
				break
			}
		}
	}
}

// apologies finds answers of success that the gateway makes for every failure also where the upstream's own answer would have
// been permitted: that it is the same page tells that it is not the upstream's.
func (j *judging) apologies() {
	pages := map[*PlannedRoute]map[string]bool{}
	for _, c := range j.cells {
		if c.shows(FailureAsSuccess) && c.answer != nil {
			if pages[c.route] == nil {
				pages[c.route] = map[string]bool{}
			}
			pages[c.route][c.answer.text()] = true
		}
	}
	for _, c := range j.cells {
		if c.answer == nil || c.Observed.Kind != scenarios.Made || !pages[c.route][c.answer.text()] || !c.shows(UnexpectedAnswer) {
			continue
		}
		c.seen = slices.DeleteFunc(c.seen, func(s sighting) bool { return s.id == UnexpectedAnswer })
		c.add(FailureAsSuccess, fmt.Sprintf("The gateway answers %d with the page that it has for failures.", c.Observed.Status), 0)
	}
}

// shows tells whether a finding was seen in the cell.
func (c *judged) shows(id string) bool {
	return slices.ContainsFunc(c.seen, func(s sighting) bool { return s.id == id })
}

// Layer is that of the cell's fault.
func (c *judged) Layer() string { return c.Scenario.Layer() }
