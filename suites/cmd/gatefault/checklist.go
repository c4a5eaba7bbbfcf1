package main

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/check"
	"github.com/gatefault/gatefault/suites/report"
)

// listPlan tells what would run on each route, what is left out and why, and how long it may take.
func (a *app) listPlan(s *subject) error {
	a.printf("%s, %s\n", s.definition.Title, report.Printable(what(s.project)))
	a.bullets("To know", s.plan.Notes...)
	all := everywhere(s.plan)
	for _, r := range s.plan.Routes {
		a.printf("\n%s\n", report.Printable(r.Name))
		if err := a.listRoute(r, all); err != nil {
			return err
		}
	}
	heading := "\nLeft out"
	if len(s.plan.Routes) > 1 {
		heading += " on all routes"
	}
	a.leftOut(heading, all)
	a.printf("\n%s, %s", plural(len(s.plan.Routes), "route", "routes"), plural(s.plan.Cells(), "cell", "cells"))
	if s.plan.Longest() > 0 {
		a.printf("; by the timeouts of the configuration it may take %s + %s", s.plan.Longest(), check.Slack)
	}
	a.printf("\n")
	return nil
}

// what is checked: a configuration or a gateway that runs.
func what(p *check.Project) string {
	if p.Target != "" {
		return "running at " + p.Target
	}
	return p.Config
}

// listRoute tells how clients get to the upstream, and which scenarios run there, by cause.
func (a *app) listRoute(r *check.PlannedRoute, everywhere []check.LeftOut) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "  request\t%s\n", report.Printable(requestLine(r)))
	fmt.Fprintf(w, "  upstream\t%s\n", report.Printable(upstreams(r)))
	if r.At.File != "" {
		fmt.Fprintf(w, "  at\t%s\n", r.At)
	}
	fmt.Fprintf(w, "  patience\t%s\n", r.Patience)
	if err := w.Flush(); err != nil {
		return err
	}
	var rows [][]string
	for _, cause := range scenarios.Causes() {
		var ids []string
		for _, s := range r.Scenarios {
			if s.Cause == cause {
				ids = append(ids, s.ID)
			}
		}
		if len(ids) > 0 {
			slices.Sort(ids)
			rows = append(rows, []string{"  " + string(cause), strings.Join(ids, ", ")})
		}
	}
	if len(rows) > 0 {
		a.table(rows)
	}
	a.leftOut("  left out:", own(r, everywhere))
	return nil
}

// leftOut tells what does not run, and why.
func (a *app) leftOut(heading string, all []check.LeftOut) {
	if len(all) > 0 {
		a.printf("%s\n", heading)
	}
	for _, l := range all {
		a.printf("%s\n", report.Wrap(report.Printable(fmt.Sprintf("%s: %s", l.Why, strings.Join(l.Scenarios, ", "))), a.width(), "  - ", "    "))
	}
}

// everywhere lists what all routes leave out alike, which is told once.
func everywhere(p *check.Plan) []check.LeftOut {
	return slices.DeleteFunc(slices.Clone(p.Routes[0].LeftOut), func(l check.LeftOut) bool {
		return slices.ContainsFunc(p.Routes, func(r *check.PlannedRoute) bool { return !slices.ContainsFunc(r.LeftOut, same(l)) })
	})
}

// own lists what a route leaves out besides.
func own(r *check.PlannedRoute, everywhere []check.LeftOut) []check.LeftOut {
	return slices.DeleteFunc(slices.Clone(r.LeftOut), func(l check.LeftOut) bool { return slices.ContainsFunc(everywhere, same(l)) })
}

func same(l check.LeftOut) func(check.LeftOut) bool {
	return func(other check.LeftOut) bool {
		return l.Why == other.Why && slices.Equal(l.Scenarios, other.Scenarios)
	}
}

func requestLine(r *check.PlannedRoute) string {
	scheme := "http"
	if r.Entry.TLS {
		scheme = "https"
	}
	text := fmt.Sprintf("%s %s at %s port %d", r.Request.Method, r.Request.Path, scheme, r.Entry.Port)
	if r.Entry.Host != "" {
		text += ", Host " + r.Entry.Host
	}
	return text
}

func upstreams(r *check.PlannedRoute) string {
	var keys []string
	for _, s := range r.Servers {
		keys = append(keys, s.Key())
	}
	return strings.Join(keys, ", ") + " by " + string(r.Protocol)
}
