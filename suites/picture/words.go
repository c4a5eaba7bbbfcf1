package picture

import (
	"bytes"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gatefault/gatefault/suites/look"
)

// answerText tells what a run of bytes is: its status line if it begins an answer and, if short, itself.
func answerText(data []byte, first bool) string {
	line, _, whole := bytes.Cut(data, []byte("\r\n"))
	if status, found := bytes.CutPrefix(line, []byte("HTTP/1.1 ")); found && first && whole {
		return look.VisibleLine(string(status))
	}
	const short = 24
	text := look.VisibleLine(string(data[:min(len(data), short)]))
	if len(data) > short {
		text += "..."
	}
	return "“" + text + "”"
}

// clip shortens a text to most characters.
func clip(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	runes := []rune(text)
	return string(runes[:max(0, most-1)]) + "…"
}

// clock is a time as the axis shows it: in milliseconds below a second.
func clock(d time.Duration) string {
	switch ms := float64(d) / float64(time.Millisecond); {
	case d.Abs() < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", ms)
	case d.Abs() < time.Second:
		return fmt.Sprintf("%.0f ms", ms)
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

// full is all that an event says, with its size.
func (e Event) full() string {
	text := look.VisibleLine(e.Text)
	if e.Size > 0 {
		text += fmt.Sprintf(", %d B", e.Size)
	}
	return text
}

// signed is full with a sign where it broke, unless the head of its arrow is one.
func (e Event) signed() string {
	if e.Broke && e.Kind != Lost && e.Kind != Reset {
		return "✗ " + e.full()
	}
	return e.full()
}

// Sentence tells an event in words, for those who do not see the picture.
func (p *Picture) Sentence(e Event) string {
	about := ""
	if e.About {
		about = "about "
	}
	who := p.Lanes[e.From].Name
	if !e.local() {
		who += " to " + p.Lanes[e.To].Name
	}
	text := fmt.Sprintf("%s%s, %s: %s", about, clock(e.At), who, e.full())
	if e.Broke {
		text += " (here it broke)"
	}
	return text
}

// mostEvents bounds a picture: beyond, runs of bytes that follow each other are drawn as one.
const mostEvents = 40

// thin draws runs of bytes together while there are too many events, the closest ones first.
func thin(all []Event) []Event {
	for len(all) > mostEvents {
		best := -1
		for i := 1; i < len(all); i++ {
			if joins(all[i-1], all[i]) && (best < 0 || all[i].At-all[i-1].At < all[best].At-all[best-1].At) {
				best = i
			}
		}
		if best < 0 {
			return clipped(all)
		}
		all[best-1].Size += all[best].Size
		all[best-1].Text = strings.TrimSuffix(all[best-1].Text, more) + more
		all = append(all[:best], all[best+1:]...)
	}
	return all
}

const more = " and more"

func joins(a, b Event) bool {
	return a.Kind == Bytes && b.Kind == Bytes && a.From == b.From && a.To == b.To && a.Conn == b.Conn
}

// clipped keeps the first and the last events, and every one where it broke as far as there is room.
func clipped(all []Event) []Event {
	const last = 10
	left := len(all) - mostEvents
	at := mostEvents - last
	gap := Event{At: all[at].At, Kind: Mark, From: 1, To: 1, Text: fmt.Sprintf("%d more events", left+1)}
	out := append([]Event{}, all[:at-1]...)
	return append(append(out, gap), all[at+left:]...)
}
