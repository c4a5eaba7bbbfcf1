package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/probe"
	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/control"
	"github.com/gatefault/gatefault/upstream/fault"
)

// RouteError tells that no healthy answer came through the gateway from the servers of a route.
type RouteError struct {
	Route Route
	// Seen is what came instead.
	Seen probe.Exchange
	// Advice says what it was and what to do about it.
	Advice string
}

// Error is one sentence with the request, what it got and what to do.
func (e *RouteError) Error() string {
	return fmt.Sprintf("route %s: %s: %s", e.Route.Name, e.Route.asked(), e.Advice)
}

// asked is the route's request as people write it.
func (r Route) asked() string {
	scheme, host := "http", ""
	if r.Entry.TLS {
		scheme = "https"
	}
	if r.Entry.Host != "" {
		host = fmt.Sprintf(" (Host %s)", r.Entry.Host)
	}
	return fmt.Sprintf("%s %s://:%d%s%s", methodOf(r.Request), scheme, r.Entry.Port, cmp.Or(r.Request.Path, "/"), host)
}

func methodOf(r scenarios.Request) string { return cmp.Or(r.Method, http.MethodGet) }

// found is what is known of a route once a fresh gateway was asked.
type found struct {
	err     error         // it leads nowhere
	pace    time.Duration // between the starts of two requests, so that all get through
	burst   bool          // several at once get through, too
	servers map[int]bool  // places, in endpoints, of those that answer healthy requests
	workers bool          // several processes may answer
	mute    bool          // the gateway's log does not show the mark of a request
	server  string        // the field Server of a healthy answer
}

// prove asks on each route of a fresh instance, and gives the cells of those that lead to their servers. The others' cells
// are done. The error is why no route does.
func (k *check) prove(ctx context.Context, in *instance, cells []*cell) ([]*cell, error) {
	var wg sync.WaitGroup
	for _, s := range k.strands {
		wg.Go(func() {
			for _, w := range s.ways {
				w.found = in.look(ctx, w)
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var sound []*cell
	for _, c := range cells {
		if c.way.found.err == nil {
			sound = append(sound, c)
			continue
		}
		c.fail(NotInjected, c.way.found.err)
		k.done(c)
	}
	if len(sound) > 0 {
		return sound, nil
	}
	var errs []error
	for _, s := range k.strands {
		for _, w := range s.ways {
			errs = append(errs, w.found.err)
		}
	}
	return nil, errors.Join(errs...)
}

// look finds out whether a route leads to its servers through a fresh gateway, and what it takes to ask there.
func (in *instance) look(ctx context.Context, w *way) found {
	c := &cell{lane: in.lanes[w], way: w, id: w.id, scenario: &scenarios.Scenario{Patience: healthPatience}, fault: &fault.Fault{}, result: &Result{}}
	for _, id := range c.endpoints() {
		change, err := c.control.SetPlan(ctx, id, upstream.Plan{}, upstream.Keep)
		if err != nil {
			return found{err: err}
		}
		c.cleared = change.Journal
	}
	server, err := c.firstAnswer(ctx)
	if err != nil {
		return found{err: err}
	}
	f := found{server: server, workers: in.check.workers()}
	f.pace, f.burst = c.findPace(ctx, f.workers)
	f.servers = c.seen
	return c.listen(ctx, f)
}

// firstAnswer asks until a healthy answer comes, and gives its field Server. What a gateway says because it is only starting
// is given time.
func (c *cell) firstAnswer(ctx context.Context) (server string, err error) {
	for deadline := time.Now().Add(healthTimeout); ; {
		ex := c.healthy(ctx, phaseProof)
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		err := c.isOurs(ex)
		reached, met := c.reached(ctx, err == nil)
		if err == nil && reached {
			return ex.Header.Get("Server"), nil
		}
		if err == nil || !passing(ex) || time.Now().After(deadline) || pause(ctx, recoveryPause) != nil {
			return "", &RouteError{Route: c.way.Route, Seen: ex, Advice: c.advise(ex, reached, met)}
		}
	}
}

// passing tells whether a gateway may say that only as long as it, or its upstream, is starting.
func passing(ex probe.Exchange) bool {
	o := ex.Outcome()
	return o.Kind != probe.Complete || o.Status >= http.StatusInternalServerError
}

// reached tells whether a request with the cell's mark came to the lane's servers, and whether any request did. The journal may
// tell of an answered request a moment after its answer.
func (c *cell) reached(ctx context.Context, answered bool) (marked, any bool) {
	for deadline := time.Now().Add(evidenceTimeout); ; {
		for _, id := range c.endpoints() {
			page, err := c.control.Journal(ctx, control.JournalQuery{After: c.cleared, Filter: upstream.Filter{Endpoint: id, Kind: upstream.Requested}})
			any = any || err == nil && len(page.Events) > 0
			marked = marked || slices.ContainsFunc(page.Events, func(e upstream.Event) bool { return strings.Contains(e.Target, c.id) })
		}
		if marked || !answered || time.Now().After(deadline) || pause(ctx, recoveryPause) != nil {
			return marked, any
		}
	}
}

// advise says what came instead of a healthy answer and what to do about it.
func (c *cell) advise(ex probe.Exchange, marked, any bool) string {
	o, r := ex.Outcome(), c.way.Route
	from := ex.Header.Get(upstream.EndpointField)
	switch {
	case o.Kind == probe.Failed:
		return fmt.Sprintf("nothing answers there (%v); name the entry that leads to %s with --entry", ex.Err, r.Name)
	case o.Kind == probe.Hang && o.Status == 0:
		return fmt.Sprintf("no answer within %s%s", healthPatience, c.words())
	case o.Kind == probe.Closed, o.Kind == probe.Reset, o.Kind == probe.Raw:
		return fmt.Sprintf("got no HTTP (%s); if the entry speaks another protocol, name it so with --entry%s", o.Kind, c.words())
	case from != "" && !slices.Contains(c.endpoints(), from):
		return fmt.Sprintf("the answer comes from %s, another upstream; name a request that leads to %s with --request", serverOf(from), r.Name)
	case marked && from == "" && o.Status == http.StatusOK:
		return fmt.Sprintf("the answer comes without the fields %s and %s, which tell who made it; have the gateway pass them", upstream.EndpointField, upstream.NonceField)
	case any && !marked && o.Status == http.StatusOK:
		return fmt.Sprintf("the request comes to %s without its query, which tells one request from another; name one with --request whose query is passed on", r.Name)
	case from != "":
		return fmt.Sprintf("the upstream itself answered %d; is %s what the gateway is to speak to it?", o.Status, r.Protocol)
	}
	return c.adviseOn(o.Status, ex.Header.Get("Location"))
}

// adviseOn says what to do about an answer that the gateway made.
func (c *cell) adviseOn(status int, location string) string {
	r := c.way.Route
	path := cmp.Or(r.Request.Path, "/")
	switch {
	case status/100 == 3 && strings.HasPrefix(location, "https:") && !r.Entry.TLS:
		return fmt.Sprintf("got %d to %s; name that entry with --entry, such as --entry https://:443", status, unmarked(location))
	case status/100 == 3:
		return fmt.Sprintf("got %d to %s; name a request that leads to %s with --request", status, unmarked(location), r.Name)
	case status == http.StatusUnauthorized || status == http.StatusProxyAuthRequired:
		return fmt.Sprintf("got %d: a login is asked for; give the field that holds it in gatefault.yaml, or name a request that needs none with --request", status)
	case status >= http.StatusInternalServerError:
		return fmt.Sprintf("%d made by the gateway: it did not get through to %s%s", status, r.Name, c.words())
	}
	return fmt.Sprintf("%d made by the gateway: %s %s does not lead to %s; name a request that does with --request",
		status, methodOf(r.Request), path, r.Name)
}

// unmarked takes the mark out of a target.
func unmarked(target string) string {
	before, _, _ := strings.Cut(target, cellParameter)
	return strings.TrimRight(before, "?&")
}

// words are what the gateway logged of the request at first, after a semicolon: its complaint comes before its access log.
func (c *cell) words() string {
	if c.gateway == nil {
		return ""
	}
	lines := c.gateway.Logs().Lines(c.id, "", time.Time{}, time.Now())
	if len(lines) == 0 {
		return ""
	}
	return "; it logged: " + lines[0].Text
}

// paces are tried in this order.
var paces = []time.Duration{ownPause, recoveryPause, 100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond, time.Second}

// limitedStreak is how many requests in a row are asked for where the configuration limits their rate: it may let some through
// at once before it begins.
const limitedStreak = 40

// findPace gives the shortest time between requests at which they all get through, and whether bursts of them are of use, for
// there are workers, and do.
func (c *cell) findPace(ctx context.Context, workers bool) (pace time.Duration, burst bool) {
	if workers && !c.way.RateLimited && c.getThrough(ctx, ownPause, recoveryStreak, c.burst) {
		return ownPause, true
	}
	single := func(ctx context.Context, n int) bool {
		return c.isOurs(c.healthy(ctx, c.numberedPhase(phaseRecover, n))) == nil
	}
	for _, pace := range paces[:len(paces)-1] {
		streak := recoveryStreak
		if c.way.RateLimited {
			streak = limitedStreak
		}
		if c.getThrough(ctx, pace, streak, single) {
			return pace, false
		}
		_ = pause(ctx, time.Second) // for a limit to forget
	}
	return paces[len(paces)-1], false
}

func (c *cell) getThrough(ctx context.Context, pace time.Duration, streak int, ask func(ctx context.Context, n int) bool) bool {
	c.seen = map[int]bool{}
	for n := range streak {
		sent := time.Now()
		if !ask(ctx, n) || pause(ctx, pace-time.Since(sent)) != nil {
			return false
		}
	}
	return true
}

// listenTimeout is enough for a log line of a request that is over.
const listenTimeout = 2 * time.Second

// listen finds out whether the gateway's log shows the mark of a request.
func (c *cell) listen(ctx context.Context, f found) found {
	if c.gateway == nil {
		f.mute = true
		return f
	}
	ctx, cancel := context.WithTimeout(ctx, listenTimeout)
	defer cancel()
	f.mute = c.gateway.Logs().Await(ctx, c.id) != nil
	return f
}
