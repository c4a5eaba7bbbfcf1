package check

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatefault/gatefault/suites/run"
	"github.com/gatefault/gatefault/upstream"
)

// Bounds of the evidence for one finding: a report is read by people, and the cell has the rest.
const (
	maxBytes    = 600
	maxEvents   = 8
	maxLogLines = 4
	maxLogLine  = 400
)

// evidence gathers what shows a finding, the most telling first.
func (c *judged) evidence(id string) (out []Evidence) {
	add := func(kind, text string) {
		if text != "" {
			out = append(out, Evidence{kind, text})
		}
	}
	times := fmt.Sprintf("first byte after %s, end after %s, recovery %s", precise(c.FirstByte), precise(c.Total), c.recovered())
	if c.FirstByte == 0 {
		times = fmt.Sprintf("no byte, given up or closed after %s, recovery %s", precise(c.Total), c.recovered())
	}
	switch id {
	case SlowAnswer, NeverAnswers, BlocksTraffic, NeverRecovers:
		add("time", times)
		add("bytes", sample(c.Result))
	case PostRepeated:
		add("journal", c.events())
		add("bytes", sample(c.Result))
	default:
		add("bytes", sample(c.Result))
		add("journal", c.events())
		add("time", times)
	}
	add("log", log(c.Result))
	return out
}

func precise(d time.Duration) string { return fmt.Sprintf("%.3f s", d.Seconds()) }

func (c *judged) recovered() string {
	if c.Lasting {
		return "not looked for"
	}
	if c.Recovery == nil {
		return "not within " + c.looked().String()
	}
	return "after " + precise(*c.Recovery)
}

// looked is how long recovery was looked for.
func (c *judged) looked() time.Duration {
	if c.Watched > 0 {
		return c.Watched.Round(time.Millisecond)
	}
	return run.RecoveryTimeout
}

// sample is the beginning of what the client received, with what is not printable as \x and two digits.
func sample(res *run.Result) string {
	var b strings.Builder
	left := maxBytes
	for _, chunk := range res.Client {
		for _, c := range chunk.Data[:min(left, len(chunk.Data))] {
			switch {
			case c == '\n' || c >= ' ' && c < 0x7f && c != '\\':
				b.WriteByte(c)
			case c == '\\':
				b.WriteString(`\\`)
			case c == '\r':
			default:
				fmt.Fprintf(&b, `\x%02x`, c)
			}
		}
		if left -= len(chunk.Data); left <= 0 {
			return b.String() + " ..."
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

// events are the journal's lines of the cell's request.
func (c *judged) events() string {
	var lines []string
	var first time.Duration
	telling := []upstream.EventKind{upstream.Requested, upstream.Fired, upstream.Closed, upstream.KernelSaw, upstream.Handshake, upstream.ProcessEnd, upstream.Stopped}
	conns := map[uint64]bool{}
	for _, e := range c.arrivals() {
		conns[e.Conn] = true
	}
	for _, e := range c.Journal {
		if !slices.Contains(telling, e.Kind) || e.Conn > 0 && !conns[e.Conn] && e.Kind != upstream.Fired {
			continue
		}
		if len(lines) == 0 {
			first = e.At
		}
		if len(lines) == maxEvents {
			return strings.Join(append(lines, "..."), "\n")
		}
		lines = append(lines, c.event(e, first))
	}
	return strings.Join(lines, "\n")
}

// event tells one in a line: when it was, at which server, and what.
func (c *judged) event(e upstream.Event, first time.Duration) string {
	words := []string{fmt.Sprintf("%+.3f s", (e.At - first).Seconds()), c.route.serverOf(e.Endpoint), string(e.Kind)}
	for _, word := range []string{e.Method, e.Target, e.Fault, e.How, e.Detail} {
		if word != "" {
			words = append(words, word)
		}
	}
	if e.Kind == upstream.KernelSaw {
		words = append(words, count(e.Attempts, "connection attempt"))
		if c.route.Checked {
			words = append(words, "with health checks")
		}
	}
	return strings.Join(words, " ")
}

// log are the gateway's lines of the cell, those first that name it.
func log(res *run.Result) string {
	var lines []string
	for _, line := range slices.Concat(res.Log, res.SharedLog) {
		if len(lines) == maxLogLines {
			break
		}
		if len(line) > maxLogLine {
			line = strings.ToValidUTF8(line[:maxLogLine], "") + " ..."
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}
