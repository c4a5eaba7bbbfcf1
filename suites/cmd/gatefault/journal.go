package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/control"
)

type journalCmd struct {
	Endpoint string `arg:"" optional:"" help:"Only this endpoint."`
	Follow   bool   `short:"f" help:"Go on until interrupted."`
	After    uint64 `placeholder:"N" help:"Only events after number N."`
	JSON     bool   `name:"json" help:"Print JSON, one event a line."`
	target
}

func (c *journalCmd) Run(ctx context.Context, a *app) error {
	return c.with(func(client *control.Client) error {
		if c.Follow {
			return c.follow(ctx, a, client)
		}
		return c.pages(ctx, a, client)
	})
}

func (c *journalCmd) filter() upstream.Filter { return upstream.Filter{Endpoint: c.Endpoint} }

// pages prints the journal as it is now.
func (c *journalCmd) pages(ctx context.Context, a *app, client *control.Client) error {
	for after := c.After; ; {
		page, err := client.Journal(ctx, control.JournalQuery{After: after, Filter: c.filter()})
		if err != nil {
			return err
		}
		for _, e := range page.Events {
			c.print(a, e)
		}
		if len(page.Events) < control.DefaultPage {
			return nil
		}
		after = page.Next
	}
}

// follow prints events as they come; Ctrl-C is its usual end.
func (c *journalCmd) follow(ctx context.Context, a *app, client *control.Client) error {
	for e, err := range client.Events(ctx, c.After, c.filter()) {
		var lost *control.LostError
		switch {
		case errors.As(err, &lost):
			fmt.Fprintf(a.err, "gatefault: %v\n", lost)
		case err != nil:
			return err
		default:
			c.print(a, e)
		}
	}
	return nil
}

func (c *journalCmd) print(a *app, e upstream.Event) {
	if !c.JSON {
		a.printf("%s\n", eventLine(e))
		return
	}
	b, _ := json.Marshal(e) // an Event has nothing that cannot be JSON
	a.printf("%s\n", b)
}

// eventLine tells an event in one line: number, time, endpoint, kind, and what else is known.
func eventLine(e upstream.Event) string {
	words := []string{fmt.Sprintf("%6d %10s  %-10s %-11s", e.Seq, e.At.Round(time.Millisecond/10), e.Endpoint, e.Kind)}
	add := func(present bool, format string, args ...any) {
		if present {
			words = append(words, fmt.Sprintf(format, args...))
		}
	}
	add(e.Conn > 0, "connection %d", e.Conn)
	add(e.Request > 0, "request %d", e.Request)
	add(e.Target != "", "%s %s", e.Method, e.Target)
	add(e.Fault != "", "%s", e.Fault)
	add(e.Status > 0, "answered %d", e.Status)
	add(e.Bytes > 0, "%d bytes", e.Bytes)
	add(e.Packets > 0, "%d packets", e.Packets)
	add(e.Attempts > 0, "%d attempts", e.Attempts)
	add(e.How != "", "%s", e.How)
	add(e.By != "", "by %s", e.By)
	add(e.OOM, "out of memory")
	add(e.Detail != "", "%s", e.Detail)
	return strings.TrimRight(strings.Join(words, " "), " ")
}
