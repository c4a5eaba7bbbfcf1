package runbook

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/gatefault/gatefault/scenarios"
)

// Markdown writes the book; of several gateways one part each.
func (b *Book) Markdown(w io.Writer) error {
	products, err := Products()
	if err != nil {
		return err
	}
	var out strings.Builder
	for i, name := range b.Gateways {
		p, ok := products[name]
		if !ok {
			p = Product{Title: name}
		}
		if i > 0 {
			out.WriteString("\n")
		}
		b.part(&out, name, p)
	}
	_, err = io.WriteString(w, out.String())
	return err
}

func (b *Book) part(out *strings.Builder, gateway string, p Product) {
	fmt.Fprintf(out, "# Runbook: %s\n\n", p.Title)
	if b.For != "" {
		fmt.Fprintf(out, "For `%s`; what cannot happen there is left out.\n\n", b.For)
		for _, place := range b.Places {
			fmt.Fprintf(out, "- %s\n", place)
		}
		out.WriteString("\n")
	}
	commands(out, p)
	b.symptoms(out, gateway)
	for _, c := range b.causes() {
		fmt.Fprintf(out, "## Cause: %s\n\n", c)
		for _, s := range b.of(c) {
			b.chapter(out, gateway, p, s)
		}
	}
	b.missing(out)
}

func commands(out *strings.Builder, p Product) {
	if p.Test == "" {
		return
	}
	fmt.Fprintf(out, "```sh\n%-60s # what it logs\n%-60s # what it knows of its upstreams\n%-60s # is the configuration right?\n%-60s # take it\n```\n\n(%s)\n\n", p.Watch, p.State, p.Test, p.Reload, p.Cite)
}

// symptoms is the way in: from alerts and log lines to scenarios.
func (b *Book) symptoms(out *strings.Builder, gateway string) {
	out.WriteString("## From the symptom to the cause\n\n| alert | what it says | causes | look at |\n|---|---|---|---|\n")
	for _, r := range b.Rules() {
		if r.Gateway != gateway {
			continue
		}
		var links []string
		for _, s := range b.Scenarios {
			if slices.Contains(r.Scenarios, s.ID) {
				links = append(links, link(s))
			}
		}
		if more := len(links) - 6; more > 0 {
			links = append(links[:6], fmt.Sprintf("%d more", more))
		}
		fmt.Fprintf(out, "| %s | %s | %s | %s |\n", r.Alert, cell(r.Title), scenarios.Names(r.Causes), strings.Join(links, ", "))
	}
	out.WriteString("\n")
}

// cell keeps a text within one cell of a table.
func cell(text string) string { return strings.NewReplacer("|", `\|`, "\n", " ").Replace(text) }

func (b *Book) chapter(out *strings.Builder, gateway string, p Product, s *scenarios.Scenario) {
	fmt.Fprintf(out, "### %s: %s\n\n%s\n\n", s.ID, s.Title, s.Operator.Symptom)
	if known := outcomes(s, gateway); len(known) > 0 {
		fmt.Fprintf(out, "**Clients get** %s\n\n", strings.Join(known, "; "))
	}
	b.log(out, gateway, p, s)
	out.WriteString("**Look at, in this order**\n\n")
	for i, c := range s.Operator.Checks {
		fmt.Fprintf(out, "%d. %s\n", i+1, strings.TrimSpace(c))
	}
	fmt.Fprintf(out, "\n**Mend** %s\n\n**Prevent** %s\n\n**Rehearse** `gatefault run -g %s -s %s`\n\n", s.Operator.Fix, s.Operator.Prevention, gateway, s.ID)
}

// outcomes says what this gateway is known to tell clients.
func outcomes(s *scenarios.Scenario, gateway string) (out []string) {
	for _, p := range s.Pins {
		if p.Gateway != gateway {
			continue
		}
		text := p.Outcome.String()
		if len(p.Shares) > 0 {
			text = p.Shares.String()
		}
		versions := p.Versions
		if p.Observed != "" {
			versions = p.Observed
		}
		out = append(out, fmt.Sprintf("`%s` (%s): %s", text, versions, p.Why))
	}
	return out
}

// log shows the lines that were really logged or, without, the patterns that they fit, and how to find them.
func (b *Book) log(out *strings.Builder, gateway string, p Product, s *scenarios.Scenario) {
	lines, signs := b.Logged[Key{gateway, s.ID}], s.Signs[gateway]
	if slices.Contains(s.Unlogged, gateway) {
		out.WriteString("**In the log** nothing: it looks like a request that went well.\n\n")
		return
	}
	if len(lines) > 0 {
		fence := strings.Repeat("`", longestRun(lines)+1)
		fmt.Fprintf(out, "**In the log** as a run of gatefault saw it\n\n%s\n%s\n%s\n\n", fence, strings.Join(lines, "\n"), fence)
	}
	if len(signs) == 0 {
		return
	}
	var args []string
	for _, sign := range signs {
		args = append(args, "-e "+quote(sign.Pattern))
	}
	fmt.Fprintf(out, "**Find it** in %s\n\n```sh\ngrep -P %s\n```\n\n", p.Log, strings.Join(args, " \\\n  ")+" "+p.Log)
	if alike := s.Alike[gateway]; len(alike) > 0 {
		fmt.Fprintf(out, "Such lines alone do not tell it from: %s.\n\n", scenarios.Names(alike))
	}
}

// longestRun is the number of backquotes that a fence must exceed, at least 2.
func longestRun(lines []string) int {
	longest := 2
	for _, line := range lines {
		n := 0
		for _, r := range line {
			if r != '`' {
				n = 0
				continue
			}
			n++
			longest = max(longest, n)
		}
	}
	return longest
}

// quote makes one word of a text for a shell.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

func (b *Book) missing(out *strings.Builder) {
	if len(b.Impossible) == 0 {
		return
	}
	out.WriteString("## What cannot happen here\n\n")
	for _, why := range slices.Sorted(maps.Keys(b.Impossible)) {
		fmt.Fprintf(out, "- %s: %s\n", why, strings.Join(b.Impossible[why], ", "))
	}
}
