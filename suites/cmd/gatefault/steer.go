package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatefault/gatefault/upstream"
	"github.com/gatefault/gatefault/upstream/control"
)

// target is a running upstream.
type target struct {
	Control string `placeholder:"URL" default:"http://127.0.0.1:9500" from:"GATEFAULT_CONTROL" help:"Control API of the upstream. Default: ${default}."`
	Token   string `from:"GATEFAULT_TOKEN" help:"Token of the control API."`
}

// with calls f with a client for the upstream and puts its errors into the words of the command line.
func (t target) with(f func(*control.Client) error) error { return t.through(nil, f) }

// through is with over a transport; nil is the usual one.
func (t target) through(transport http.RoundTripper, f func(*control.Client) error) error {
	var o control.ClientOptions
	if transport != nil {
		o.HTTP = &http.Client{Transport: transport}
	}
	c, err := control.NewClient(reachable(t.Control), t.Token, o)
	if err != nil {
		return usage(err)
	}
	defer c.Close()
	return t.explain(f(c))
}

// reachable turns an address to listen on into one to ask: 0.0.0.0 is this machine.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(strings.TrimPrefix(addr, "http://"))
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		return "http://" + net.JoinHostPort("127.0.0.1", port)
	}
	return addr
}

func (t target) explain(err error) error {
	var problem *control.Problem
	var unreached *url.Error
	switch {
	case errors.As(err, &problem) && problem.Status == http.StatusUnauthorized && t.Token != "":
		return usagef("the upstream at %s refuses this token: correct GATEFAULT_TOKEN or --token", t.Control)
	case errors.As(err, &problem) && problem.Status == http.StatusUnauthorized:
		return usagef("the upstream at %s demands a token: set GATEFAULT_TOKEN or give --token", t.Control)
	case errors.As(err, &problem) && problem.Status < 500:
		return usage(problem)
	case errors.As(err, &unreached) && !errors.Is(err, context.Canceled):
		return fmt.Errorf("no upstream answers at %s (%w); start one with gatefault upstream, or name another with --control", t.Control, unreached.Err)
	}
	return err
}

type injectCmd struct {
	Endpoint string   `arg:"" help:"Endpoint, such as app."`
	Fault    string   `arg:"" optional:"" help:"Fault, see gatefault faults."`
	Params   []string `arg:"" optional:"" name:"name=value" help:"Parameters of the fault."`

	Times       *int           `placeholder:"N" help:"End after it fired so often."`
	After       *int           `placeholder:"N" help:"Let so many requests pass first."`
	Probability *float64       `placeholder:"P" help:"Fire in this share of the requests, above 0 and up to 1."`
	For         *time.Duration `placeholder:"D" help:"End after this time, such as 30s."`
	Path        string         `help:"Only requests of this path; /api/* means all below."`
	Target      string         `placeholder:"TEXT" help:"Only requests whose target, path and query as sent, contains this text."`
	Method      string         `help:"Only requests with this method."`
	Request     string         `placeholder:"N" help:"Only the n-th request of a connection: 2, 2- or 2-5."`
	Existing    string         `enum:"keep,close" default:"keep" help:"What happens to open connections: keep or close."`
	planFlags
	target
}

func (c *injectCmd) Run(ctx context.Context, a *app) error {
	if c.Fault == "" && c.Plan == "" && c.Script == "" {
		return usagef("name a fault, or give --plan or --script; gatefault faults lists the faults")
	}
	if c.Fault != "" && c.Plan+c.Script != "" {
		return usagef("--plan and --script take the place of the fault %s; leave one out", c.Fault)
	}
	rule, err := c.rule()
	if err != nil {
		return usage(err)
	}
	if c.Plan != "" && len(conditions(rule)) > 0 {
		return usagef("--plan has the conditions of its rules; leave out %s", strings.Join(conditions(rule), ", "))
	}
	plan, err := c.plan(a, c.Fault, c.Params, rule)
	if err != nil {
		return usage(err)
	}
	return c.with(func(client *control.Client) error {
		change, err := client.SetPlan(ctx, c.Endpoint, plan, upstream.Existing(c.Existing))
		if err != nil {
			return err
		}
		a.printf("%s: %s is in force\n", c.Endpoint, planText(change.Plan))
		return nil
	})
}

// rule makes the rule without its fault. A condition that is given has to say something.
func (c *injectCmd) rule() (upstream.Rule, error) {
	r := upstream.Rule{Match: upstream.Match{Path: c.Path, Target: c.Target, Method: strings.ToUpper(c.Method), Request: upstream.Range(c.Request)}}
	var d time.Duration
	err := errors.Join(positive("times", c.Times, &r.Times), positive("after", c.After, &r.After),
		positive("probability", c.Probability, &r.Probability), positive("for", c.For, &d))
	r.For = upstream.Duration(d)
	return r, err
}

// positive takes a flag's value if it was given.
func positive[T int | float64 | time.Duration](flag string, given *T, into *T) error {
	if given == nil {
		return nil
	}
	if *given <= 0 {
		return fmt.Errorf("--%s %v: it must be more than 0; leave it out for no such condition", flag, *given)
	}
	*into = *given
	return nil
}

func paramNames[M ~map[string]string](args M) []string { return slices.Sorted(maps.Keys(args)) }

type clearCmd struct {
	Endpoint string `arg:"" optional:"" help:"Endpoint; without one all are cleared."`
	target
}

func (c *clearCmd) Run(ctx context.Context, a *app) error {
	return c.with(func(client *control.Client) error {
		if c.Endpoint == "" {
			if err := client.Reset(ctx); err != nil {
				return err
			}
			a.printf("every endpoint is healthy\n")
			return nil
		}
		if _, err := client.Clear(ctx, c.Endpoint); err != nil {
			return err
		}
		a.printf("%s: healthy\n", c.Endpoint)
		return nil
	})
}

type healthCmd struct{ target }

// healthTimeout is below the three seconds that the image's HEALTHCHECK gives.
const healthTimeout = 2 * time.Second

func (c *healthCmd) Run(ctx context.Context, a *app) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	return c.with(func(client *control.Client) error {
		health, err := client.Health(ctx)
		if err == nil {
			a.printf("%s\n", health.Status)
		}
		return err
	})
}
