package alert

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/gatefault/gatefault/scenarios"
)

// Expr gives the rule in Prometheus's language.
func (r *Rule) Expr() string {
	var value string
	switch {
	case r.Share != nil:
		value = rate(r.Share.Of, r.Share.Over) + " / " + rate(r.Share.In, r.Share.Over)
	case r.Rate != nil:
		value = rate(r.Rate.Of, r.Rate.Over)
	case r.Level != nil:
		value = fmt.Sprintf("%s(%s)", r.Level.Worst, r.Level.Of)
	default:
		value = fmt.Sprintf("histogram_quantile(%s, sum by (le) (rate(%s[%s])))", number(r.Quantile.Q), r.Quantile.Of.buckets(), span(r.Quantile.Over))
	}
	if r.Above != nil {
		return value + " > " + number(*r.Above)
	}
	return value + " < " + number(*r.Below)
}

func rate(s Selector, over time.Duration) string {
	return fmt.Sprintf("sum(rate(%s[%s]))", s, span(over))
}

func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// span writes a duration as Prometheus reads it: 1m30s, 2m, 500ms.
func span(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

// The form of a file of rules, see Prometheus's documentation, Configuration, Alerting rules.
type ruleFile struct {
	Groups []ruleGroup `yaml:"groups"`
}

type ruleGroup struct {
	Name  string     `yaml:"name"`
	Rules []ruleForm `yaml:"rules"`
}

type ruleForm struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

// Prometheus writes the rules as a file that Prometheus loads: a group for each gateway, and one for its log lines. Every rule
// names its causes and where the runbook tells of them.
func (b *Book) Prometheus(w io.Writer, rules []*Rule) error {
	var f ruleFile
	for _, r := range rules {
		name := "gatefault-" + r.Gateway
		if r.overLines() {
			name += "-log"
		}
		i := slices.IndexFunc(f.Groups, func(g ruleGroup) bool { return g.Name == name })
		if i < 0 {
			i = len(f.Groups)
			f.Groups = append(f.Groups, ruleGroup{Name: name})
		}
		f.Groups[i].Rules = append(f.Groups[i].Rules, b.form(r))
	}
	text, err := yaml.Dump(f, yaml.WithIndent(2), yaml.WithLineWidth(-1))
	if err != nil {
		return fmt.Errorf("write the rules: %w", err)
	}
	_, err = fmt.Fprintf(w, "# Alert rules for gateways, by gatefault runbook --alerts. Metrics are read from:\n%s\n%s", b.sources(rules), text)
	return err
}

func (r *Rule) overLines() bool { return r.Rate != nil && r.Rate.Of.Metric == LineMetric }

func (b *Book) form(r *Rule) ruleForm {
	return ruleForm{Alert: r.Alert, Expr: r.Expr(), For: span(r.For),
		Labels: map[string]string{"severity": string(r.Severity), "gateway": r.Gateway},
		Annotations: map[string]string{
			"summary":     r.Title,
			"description": "Possible causes: " + scenarios.Names(r.Causes) + ". Now {{ $value | humanize }}.",
			"causes":      scenarios.Names(r.Causes),
			"scenarios":   strings.Join(r.Scenarios, ", "),
			"runbook":     r.Runbook(),
		}}
}

// Runbook is the command that tells what to do.
func (r *Rule) Runbook() string {
	return "gatefault runbook -g " + r.Gateway + " -c " + strings.ReplaceAll(scenarios.Names(r.Causes), ", ", ",")
}

// sources lists which exporter each metric of the rules comes from, as comments.
func (b *Book) sources(rules []*Rule) string {
	var lines []string
	for _, r := range rules {
		for _, s := range r.Selectors() {
			line := "#   " + s.Metric + ": mtail, with the program that gatefault runbook --mtail writes"
			if m := b.metric(s, r.Gateway); m != nil {
				line = fmt.Sprintf("#   %s: %s (%s)", m.Name, m.Exporter, m.Cite)
			}
			if !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
		}
	}
	return strings.Join(lines, "\n")
}

// Mtail writes the program for mtail (https://github.com/google/mtail) that counts a gateway's log lines by sign and, for
// Apache, whose exporter does not tell them, answers by status.
func (b *Book) Mtail(w io.Writer, gateway string) error {
	var out strings.Builder
	fmt.Fprintf(&out, "# Counts what %s logs, by gatefault runbook --mtail.\ncounter %s by gateway, sign\n", gateway, LineMetric)
	for _, m := range b.Metrics {
		if m.Gateway == gateway && m.Counts == Responses && strings.HasPrefix(m.Exporter, "mtail") {
			fmt.Fprintf(&out, "counter %s by code\n\n# combined or common log format\n/^\\S+ \\S+ \\S+ \\[[^\\]]+\\] \"[^\"]*\" (?P<code>\\d\\d\\d) / {\n  %s[$code]++\n}\n", m.Name, m.Name)
		}
	}
	for _, s := range b.Signs {
		if s.Gateway != gateway {
			continue
		}
		fmt.Fprintf(&out, "\n# %s\n", strings.Join(s.Errors, ", "))
		for _, p := range s.Patterns {
			fmt.Fprintf(&out, "/%s/ {\n  %s[%q][%q]++\n}\n", slashes(p), LineMetric, gateway, s.Name)
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// slashes escapes what would end a pattern of mtail.
func slashes(pattern string) string { return strings.ReplaceAll(pattern, "/", `\/`) }
