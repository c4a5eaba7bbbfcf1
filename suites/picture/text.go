package picture

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gatefault/gatefault/suites/look"
)

// TextOptions say how the picture looks in a terminal.
type TextOptions struct {
	Width int // columns; default: 80. Lanes are never closer than their names need
	// Paint marks an event's text, such as in red where it broke; nil: no colour.
	Paint func(Event, string) string
}

// Sizes of the text, in columns.
const (
	timeWidth  = 9
	leastLane  = 24
	widestLane = 44
)

// Text draws the picture for a terminal: one line an event, time at the left.
func (p *Picture) Text(o TextOptions) string {
	if o.Width == 0 {
		o.Width = 80
	}
	t := &typed{Picture: p, TextOptions: o}
	between := max(1, len(p.Lanes)-1)
	t.lane = max(leastLane, min(widestLane, (o.Width-timeWidth-16)/between))
	t.heads()
	before := p.start()
	for _, e := range p.Events {
		t.wait(e.At - before)
		t.event(e)
		before = e.At
	}
	t.wait(p.end() - before)
	return t.String()
}

type typed struct {
	strings.Builder
	*Picture
	TextOptions
	lane int // columns from one lane to the next
}

func (t *typed) x(lane int) int { return timeWidth + 5 + lane*t.lane }

// row begins a line: the time, and the lifelines with mark.
func (t *typed) row(label string, mark rune) []rune {
	out := []rune(strings.Repeat(" ", t.x(len(t.Lanes)-1)+1))
	copy(out, []rune(fmt.Sprintf("%*s", timeWidth, label)))
	for i := range t.Lanes {
		out[t.x(i)] = mark
	}
	return out
}

func (t *typed) line(runes []rune) { t.WriteString(strings.TrimRight(string(runes), " ") + "\n") }

func (t *typed) heads() {
	for _, words := range []func(Lane) string{func(l Lane) string { return l.Name }, func(l Lane) string { return look.VisibleLine(l.Note) }} {
		var line []rune
		for i, l := range t.Lanes {
			text := []rune(clip(words(l), t.lane-2))
			for len(line) < t.x(i)-min(t.x(i), len(text)/2) {
				line = append(line, ' ')
			}
			line = append(line, text...)
		}
		if strings.TrimSpace(string(line)) != "" {
			t.line(line)
		}
	}
}

// long is a wait that gets a line of its own.
const long = 100 * time.Millisecond

func (t *typed) wait(d time.Duration) {
	if d < long {
		return
	}
	line := t.row("", '┆')
	t.put(line, t.x(1)+2, "nothing for "+clock(d))
	t.line(line)
}

// put writes text over a line and gives the line, which may have grown.
func (t *typed) put(line []rune, at int, text string) []rune {
	for i, r := range []rune(text) {
		for at+i >= len(line) {
			line = append(line, ' ')
		}
		line[at+i] = r
	}
	return line
}

func (t *typed) event(e Event) {
	label := clock(e.At)
	if e.About {
		label = "~" + label
	}
	line := t.row(label, '│')
	text := e.full()
	if e.local() {
		text = localMark(e) + " " + text
		line = t.put(line, t.x(e.From), text)
	} else {
		text = t.arrow(line, e)
	}
	out := strings.TrimRight(string(line), " ")
	if t.Paint != nil {
		out = strings.Replace(out, text, t.Paint(e, text), 1)
	}
	t.WriteString(out + "\n")
	if full := e.full(); !strings.Contains(out, full) {
		t.rest(full)
	}
}

// rest tells in full what the line had no room for.
func (t *typed) rest(text string) {
	t.WriteString(strings.Repeat(" ", timeWidth+3) + clip(text, max(t.Width, 2*leastLane)-timeWidth-3) + "\n")
}

func localMark(e Event) string {
	switch {
	case e.Broke:
		return "✗"
	case e.Kind == Done:
		return "✓"
	case e.Kind == Timeout:
		return "⏱"
	}
	return "●"
}

// arrow writes an arrow with its text into the line and gives both.
func (t *typed) arrow(line []rune, e Event) string {
	left, right := min(t.x(e.From), t.x(e.To)), max(t.x(e.From), t.x(e.To))
	shaft := '─'
	if e.Kind == Connect || e.Kind == Lost || e.Kind == Ask {
		shaft = '╌'
	}
	body := []rune(strings.Repeat(string(shaft), right-left-1))
	tip := len(body) - 1
	if e.To < e.From {
		tip = 0
	}
	body[tip] = head(e)
	if e.Kind == Ask {
		body[len(body)-1-tip] = map[bool]rune{true: '◀', false: '▶'}[tip > 0]
	}
	text := e.signed()
	room := len(body) - 5
	if utf8.RuneCountInString(text) > room {
		text = clip(text, room)
	}
	t.put(body, 2, " "+text+" ")
	copy(line[left+1:right], body)
	return string(body)
}

func head(e Event) rune {
	switch {
	case e.Kind == Lost, e.Kind == Reset:
		return '✗'
	case e.Kind == Close && e.To > e.From:
		return '┤'
	case e.Kind == Close:
		return '├'
	case e.To > e.From:
		return '▶'
	}
	return '◀'
}
