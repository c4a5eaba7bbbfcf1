package report

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/gatefault/gatefault/scenarios"
	"github.com/gatefault/gatefault/suites/run"
)

// Sizes of a chart, in its own units.
const (
	chartWidth  = 640
	chartHeight = 170
	chartLeft   = 64
	chartTop    = 30
	chartFoot   = 24
	perLetter   = 8 // room for a character
)

// chart is a drawing over the time of the traffic.
type chart struct {
	strings.Builder
	t    *run.Traffic
	most float64 // the top of the scale
}

// trafficCharts draw the outcomes and the latency of the requests by the times when they started.
func trafficCharts(t *run.Traffic, id string) []template.HTML {
	if len(t.Series) == 0 {
		return nil
	}
	return []template.HTML{outcomeChart(t, id+"-outcomes"), latencyChart(t, id+"-latency")}
}

func newChart(t *run.Traffic, id, title, desc string, most float64) *chart {
	c := &chart{t: t, most: max(most, 1)}
	c.printf(`<svg xmlns="http://www.w3.org/2000/svg" class="gf-picture" role="img" aria-labelledby="%s-t %s-d" viewBox="0 0 %d %d" font-size="12" fill="currentColor">`,
		id, id, chartWidth, chartHeight+chartTop+chartFoot)
	c.printf(`<title id="%s-t">%s</title><desc id="%s-d">%s</desc>`, id, title, id, template.HTMLEscapeString(desc))
	c.printf(`<text x="%d" y="14" font-weight="600">%s</text>`, chartLeft, title)
	return c
}

func (c *chart) printf(format string, args ...any) { fmt.Fprintf(c, format, args...) }

// x is where a part of the series begins, y the place of a value.
func (c *chart) x(bucket int) float64 {
	return chartLeft + float64(bucket)*(chartWidth-chartLeft-8)/float64(len(c.t.Series))
}

func (c *chart) y(v float64) float64 { return chartTop + chartHeight*(1-v/c.most) }

// axes draws the scales and the time in which the fault was in force.
func (c *chart) axes(top string) template.HTML {
	foot := chartTop + chartHeight
	span := c.t.Bucket * time.Duration(len(c.t.Series))
	at := func(d time.Duration) float64 {
		return chartLeft + min(1, d.Seconds()/span.Seconds())*(chartWidth-chartLeft-8)
	}
	if c.t.Injected > 0 {
		to := span
		if c.t.Cleared > 0 {
			to = c.t.Cleared
		}
		c.printf(`<path d="M%.1f %dH%.1f" stroke="var(--gf-bad)" stroke-width="4"/><text x="%.1f" y="%d" text-anchor="middle">fault in force</text>`,
			at(c.t.Injected), foot+2, at(to), (at(c.t.Injected)+at(to))/2, foot+18)
	}
	c.printf(`<path d="M%d %dV%dH%d" fill="none" stroke="var(--gf-line)"/>`, chartLeft, chartTop, foot, chartWidth-8)
	c.printf(`<text x="%d" y="%d" text-anchor="end">%s</text><text x="%d" y="%d" text-anchor="end">0</text>`, chartLeft-6, chartTop+10, top, chartLeft-6, foot)
	c.printf(`<text x="%d" y="%d">0 s</text><text x="%d" y="%d" text-anchor="end">%s</text></svg>`, chartLeft, foot+18, chartWidth-8, foot+18, seconds(span))
	return template.HTML(c.String()) //nolint:gosec // the texts are ours or escaped
}

// outcomesInOrder lists the outcomes of the traffic, those that did not fail first.
func outcomesInOrder(t *run.Traffic) []scenarios.Outcome {
	failed, _ := t.Failed()
	var out []scenarios.Outcome
	for o := range t.Shares {
		if !slices.Contains(failed, o) {
			out = append(out, o)
		}
	}
	slices.SortFunc(out, func(a, b scenarios.Outcome) int { return strings.Compare(a.String(), b.String()) })
	return append(out, failed...)
}

// outcomeColour differs by outcome; its place in the stack and the legend tell the same.
func outcomeColour(t *run.Traffic, i int) string {
	failed, _ := t.Failed()
	if good := len(t.Shares) - len(failed); i < good {
		return []string{"good", "accent"}[min(i, 1)]
	} else {
		return []string{"bad", "warn", "odd", "mute"}[min(i-good, 3)]
	}
}

func outcomeChart(t *run.Traffic, id string) template.HTML {
	most := 0
	for _, b := range t.Series {
		n := 0
		for _, count := range b.Outcomes {
			n += count
		}
		most = max(most, n)
	}
	c := newChart(t, id, fmt.Sprintf("Requests by start, %s a bar", t.Bucket), t.String(), float64(most))
	outcomes := outcomesInOrder(t)
	for i, b := range t.Series {
		below := 0
		for k, o := range outcomes {
			n := b.Outcomes[o]
			if n == 0 {
				continue
			}
			top := c.y(float64(below + n))
			c.printf(`<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="var(--gf-%s)"><title>%s: %d</title></rect>`,
				c.x(i)+.5, top, c.x(i+1)-c.x(i)-1, max(0.5, c.y(float64(below))-top-.5), outcomeColour(t, k), o, n)
			below += n
		}
	}
	x := chartWidth - 8
	for k := len(outcomes) - 1; k >= 0; k-- {
		label := fmt.Sprintf("%s %.0f %%", outcomes[k], t.Shares[outcomes[k]]*100)
		c.printf(`<text x="%d" y="14" text-anchor="end">%s</text><rect x="%d" y="5" width="10" height="10" fill="var(--gf-%s)"/>`,
			x, label, x-len(label)*perLetter-16, outcomeColour(t, k))
		x -= len(label)*perLetter + 32
	}
	return c.axes(fmt.Sprint(most))
}

func latencyChart(t *run.Traffic, id string) template.HTML {
	most := time.Millisecond
	for _, b := range t.Series {
		most = max(most, b.Latency.Max)
	}
	l := t.Latency
	c := newChart(t, id, "Latency by start", fmt.Sprintf("p50 %s, p95 %s, longest %s", milliseconds(l.P50), milliseconds(l.P95), milliseconds(l.Max)), most.Seconds())
	c.most = most.Seconds()
	lines := []struct {
		name, look string
		of         func(run.Latency) time.Duration
	}{
		{"longest", `stroke="var(--gf-bad)" stroke-dasharray="2 3"`, func(l run.Latency) time.Duration { return l.Max }},
		{"p95", `stroke="var(--gf-warn)" stroke-dasharray="7 3"`, func(l run.Latency) time.Duration { return l.P95 }},
		{"p50", `stroke="var(--gf-accent)"`, func(l run.Latency) time.Duration { return l.P50 }},
	}
	x := chartWidth - 8
	for _, line := range lines {
		path, pen := "", "M"
		for i, b := range t.Series {
			if len(b.Outcomes) == 0 {
				pen = "M"
				continue
			}
			path += fmt.Sprintf("%s%.1f %.1fH%.1f", pen, c.x(i), c.y(line.of(b.Latency).Seconds()), c.x(i+1))
			pen = "L"
		}
		c.printf(`<path d="%s" fill="none" stroke-width="2" %s/>`, path, line.look)
		c.printf(`<text x="%d" y="14" text-anchor="end">%s</text><path d="M%d 10h22" stroke-width="2" %s/>`, x, line.name, x-len(line.name)*perLetter-30, line.look)
		x -= len(line.name)*perLetter + 46
	}
	return c.axes(milliseconds(most))
}
