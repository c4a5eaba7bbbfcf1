package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/control"
	"github.com/gatefault/gatefault/upstream/fault"
)

type journalCmd struct {
	Endpoint string `arg:"" optional:"" help:"Only this endpoint."`
	Follow   bool   `short:"f" help:"Go on until interrupted."`
	After    uint64 `placeholder:"N" help:"Only events after number N. A number beyond the newest event means all: it is from before the upstream was started again."`
	JSON     bool   `name:"json" help:"Print JSON, one event a line."`
	target
}

func (c *journalCmd) Run(ctx context.Context, a *app) error {
	if c.Follow {
		return c.follow(ctx, a)
	}
	return c.with(func(client *control.Client) error { return c.pages(ctx, a, client) })
}

func (c *journalCmd) filter() upstream.Filter { return upstream.Filter{Endpoint: c.Endpoint} }

// pages prints the journal as it is now.
func (c *journalCmd) pages(ctx context.Context, a *app, client *control.Client) error {
	start, err := c.begin(ctx, client)
	if err != nil {
		return err
	}
	for after := c.After; ; {
		page, err := client.Journal(ctx, control.JournalQuery{After: after, Filter: c.filter()})
		if err != nil {
			return err
		}
		if page.Lost > 0 {
			a.lost(&control.LostError{Events: page.Lost})
		}
		for _, e := range page.Events {
			c.print(a, start, e)
		}
		if len(page.Events) < control.DefaultPage {
			return nil
		}
		after = page.Next
	}
}

// lost tells of events that nobody can show any more.
func (a *app) lost(err *control.LostError) { fmt.Fprintf(a.err, "gatefault: %v\n", err) }

// follow prints events as they come; Ctrl-C is its usual end.
func (c *journalCmd) follow(ctx context.Context, a *app) error {
	watch := newWatch(func() {
		fmt.Fprintf(a.err, "gatefault: the upstream at %s is gone; waiting for it to come back, Ctrl-C ends this\n", c.Control)
	})
	defer watch.CloseIdleConnections()
	return c.through(watch, func(client *control.Client) error {
		start, err := c.begin(ctx, client)
		if err != nil {
			return err
		}
		for e, err := range client.Events(ctx, c.After, c.filter()) {
			var lost *control.LostError
			if watch.returned() { // another process may have another start
				start, _ = startOf(ctx, client) // if it has gone again, the zero time says that it is not known
			}
			switch {
			case errors.As(err, &lost):
				a.lost(lost)
			case err != nil:
				return err
			default:
				c.print(a, start, e)
			}
		}
		return nil
	})
}

// begin checks the endpoint's name and gives the time from which the journal's clock counts.
func (c *journalCmd) begin(ctx context.Context, client *control.Client) (time.Time, error) {
	if err := c.known(ctx, client); err != nil {
		return time.Time{}, err
	}
	return startOf(ctx, client)
}

// known makes sure that there is such an endpoint, or that there was one that the journal tells of.
func (c *journalCmd) known(ctx context.Context, client *control.Client) error {
	if c.Endpoint == "" {
		return nil
	}
	endpoints, err := client.Endpoints(ctx)
	if err != nil {
		return err
	}
	var names []string
	for _, e := range endpoints {
		if e.ID == c.Endpoint {
			return nil
		}
		names = append(names, e.ID)
	}
	page, err := client.Journal(ctx, control.JournalQuery{Filter: c.filter(), Limit: 1})
	if err != nil || len(page.Events) > 0 {
		return err
	}
	if near := fault.Nearest(c.Endpoint, names); len(near) > 0 || len(names) == 0 {
		return usage(&fault.UnknownError{Kind: "endpoint", Name: c.Endpoint, Nearest: near})
	}
	return usagef("no endpoint is called %q; there are %s", c.Endpoint, strings.Join(names, ", "))
}

// startOf computes when the upstream started from its uptime, in the middle of the question and the answer.
func startOf(ctx context.Context, client *control.Client) (time.Time, error) {
	asked := time.Now()
	health, err := client.Health(ctx)
	if err != nil {
		return time.Time{}, err
	}
	return asked.Add(time.Since(asked) / 2).Add(-time.Duration(health.Uptime)), nil
}

func (c *journalCmd) print(a *app, start time.Time, e upstream.Event) {
	if !c.JSON {
		a.printf("%s\n", eventLine(start, e))
		return
	}
	b, _ := json.Marshal(e) // an Event has nothing that cannot be JSON
	a.printf("%s\n", b)
}

// clock is RFC 3339 with milliseconds.
const clock = "2006-01-02T15:04:05.000Z07:00"

// eventLine tells an event in one line: number, time, endpoint, kind, and what else is known.
func eventLine(start time.Time, e upstream.Event) string {
	words := []string{fmt.Sprintf("%6d %s  %-10s %-11s", e.Seq, start.Add(e.At).Format(clock), e.Endpoint, e.Kind)}
	add := func(present bool, format string, args ...any) {
		if present {
			words = append(words, fmt.Sprintf(format, args...))
		}
	}
	add(e.Conn > 0, "connection %d", e.Conn)
	add(e.Request > 0, "request %d", e.Request)
	add(e.Target != "", "%s %s", e.Method, e.Target)
	add(e.Fault != "" && e.Kind == upstream.Fired, "%s took effect", e.Fault)
	add(e.Fault != "" && e.Kind != upstream.Fired, "%s", e.Fault)
	add(e.Answer != "", "%s %s answered %s", e.Type, e.Name, e.Answer)
	add(e.Status > 0, "answered %d", e.Status)
	add(e.Bytes > 0, "%d bytes", e.Bytes)
	add(e.Packets > 0, "%d packets", e.Packets)
	add(e.Attempts > 0, "%d attempts", e.Attempts)
	add(e.How != "", "%s", e.How)
	add(e.By != "", "by %s", e.By)
	add(e.OOM, "out of memory")
	add(e.Detail != "", "%s", e.Detail)
	return strings.TrimRight(strings.Map(inLine, strings.Join(words, " ")), " ")
}

// inLine keeps what others sent from breaking the line or steering the terminal.
func inLine(r rune) rune {
	if unicode.IsControl(r) {
		return '\ufffd'
	}
	return r
}
