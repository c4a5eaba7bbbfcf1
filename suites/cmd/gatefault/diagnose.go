package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/diagnose"
	"github.com/gatefault/gatefault/suites/report"
)

type diagnoseCmd struct {
	Logs      []string `arg:"" optional:"" help:"Logs to read: access logs and error logs, rotated ones and .gz files, too, in any order; - is standard input."`
	Gateway   string   `short:"g" placeholder:"NAME" help:"Product that wrote them: apache, caddy, go, haproxy or nginx. Default: told by the lines."`
	Release   string   `placeholder:"VERSION" help:"Version of the product, if you know it: lines that only other versions write are no sign then."`
	Follow    bool     `short:"f" help:"Go on as the logs grow, until interrupted; each sort of failure is told as it comes, and the whole at the end."`
	Groups    int      `default:"10" placeholder:"N" help:"Show so many groups of failures at most; 0: all. Default: ${default}."`
	Scenarios string   `placeholder:"DIR" help:"Add your own scenarios, the *.yaml files in DIR: their signs are looked for, too."`
	JSON      bool     `name:"json" xor:"form" help:"Print JSON. With -f: one report a line, whenever something is new."`
	Schema    bool     `xor:"form" help:"Print the JSON Schema of that."`
	Confusion bool     `xor:"form" help:"The logs are JSON reports of gatefault run, whose causes are known: print, as Markdown, how often each is found."`
}

// Help is shown below the flags.
func (diagnoseCmd) Help() string {
	return `From the symptom to the cause: failures in the logs are grouped by what may have made them, over time, with the lines that tell it, what ` +
		`tells the candidates apart, what to do, and the scenario that reproduces it. Shares are estimates; lines that nothing is known of are ` +
		`counted and shown. Give the error log and the access log together: their lines are joined by request.

    gatefault diagnose -g nginx /var/log/nginx/error.log /var/log/nginx/access.log*
    journalctl -u haproxy -o cat -f | gatefault diagnose -g haproxy -f -
    gatefault diagnose --json access.log error.log | jq '.groups[0].causes[0]'

Read are nginx's error log and access logs in the combined form or longer ones, HAProxy's option httplog, Caddy's JSON, Apache's error log and ` +
		`common, combined or vhost_combined access logs; each also behind the prefix of syslog, docker logs -t or docker compose. Times are those ` +
		`of the logs, without a zone.

Exit codes: 0 no failure was found; 1 failures were found; 2 a log cannot be read, or its form is not known; 130 interrupted. With -f an ` +
		`interrupt is the usual end.`
}

func (c *diagnoseCmd) Run(ctx context.Context, a *app) error {
	if c.Schema {
		return a.document(diagnose.Schema())
	}
	switch {
	case len(c.Logs) == 0:
		return usagef("name the logs to read, or - for standard input")
	case c.Groups < 0:
		return usagef("--groups %d: it must be 0 or more", c.Groups)
	}
	catalogue, err := loadCatalogue(c.Scenarios)
	if err != nil {
		return usage(err)
	}
	if c.Confusion {
		return c.confusion(a, catalogue)
	}
	o := diagnose.Options{Catalogue: catalogue, Gateway: c.Gateway, Version: c.Release, Names: c.Logs, Stdin: a.in}
	if c.Follow {
		return c.follow(ctx, a, o)
	}
	r, err := diagnose.Read(ctx, o)
	if err != nil {
		return asUsage(err)
	}
	if err := c.show(a, r); err != nil {
		return err
	}
	return found(r)
}

// asUsage gives a mistake of the user its exit code.
func asUsage(err error) error {
	var mistake diagnose.UsageError
	if errors.As(err, &mistake) {
		return usage(err)
	}
	return err
}

func found(r *diagnose.Report) error {
	if len(r.Groups) > 0 {
		return &failure{exitFindings, nil}
	}
	return nil
}

func (c *diagnoseCmd) show(a *app, r *diagnose.Report) error {
	r.Gatefault = version()
	if c.JSON {
		return a.printJSON(r)
	}
	return diagnose.Text(a.out, r, diagnose.TextOptions{Width: a.width(), Groups: c.Groups})
}

// follow tells of failures as they come.
func (c *diagnoseCmd) follow(ctx context.Context, a *app, o diagnose.Options) error {
	told := map[string]int{}
	r, err := diagnose.Follow(ctx, o, func(r *diagnose.Report) {
		if c.JSON {
			r.Gatefault = version()
			_ = printLine(a.out, r) // what is wrong with standard output is told by the app
			return
		}
		for _, g := range r.Groups {
			key := fmt.Sprint(g.Status, g.Sign)
			if more := g.Incidents - told[key]; more > 0 {
				a.printf("%s\n", report.Printable(diagnose.Line(g, more)))
			}
			told[key] = g.Incidents
		}
	})
	if err != nil {
		return asUsage(err)
	}
	if c.JSON {
		r.Gatefault = version()
		return errors.Join(printLine(a.out, r), found(r))
	}
	a.printf("\n")
	if err := c.show(a, r); err != nil {
		return err
	}
	return found(r)
}

func printLine(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// confusion measures the round trip on reports of runs.
func (c *diagnoseCmd) confusion(a *app, catalogue *scenarios.Catalogue) error {
	var runs []diagnose.Run
	for _, name := range c.Logs {
		_, ran, err := openReport(name)
		if err == nil && ran == nil {
			err = fmt.Errorf("%s is no report of gatefault run", name)
		}
		if err != nil {
			return usage(err)
		}
		rounds, err := diagnose.RoundTrip(catalogue, diagnose.CellsOf(ran.Results))
		if err != nil {
			return err
		}
		runs = append(runs, diagnose.Run{Started: ran.Started, Rounds: rounds})
	}
	return diagnose.ConfusionMarkdown(a.out, runs)
}
