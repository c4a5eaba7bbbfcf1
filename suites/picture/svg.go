package picture

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
	"time"

	"github.com/gatefault/gatefault/suites/look"
)

// Sizes of the drawing, in its own units; text is 12 of them high.
const (
	gutter   = 96  // for the time axis
	laneGap  = 220 // between two lanes
	margin   = 78  // beside the outer lanes
	headY    = 50  // where the lifelines begin
	topY     = 78  // where time begins
	rowStep  = 30  // least distance of two events
	waitRoom = 150 // further height for a long wait
	footRoom = 28
	axisX    = gutter - 18
	perRune  = 6.4 // mean width of a character
	// localRunes is the room for the text of what happens at one place.
	localRunes = 40
)

// Colours are custom properties of the page, with values for a drawing that stands alone.
const (
	ink   = "currentColor"
	faint = "var(--gf-line, #8a8f98)"
	bad   = "var(--gf-bad, #c4281c)"
	good  = "var(--gf-good, #1a7f37)"
	paper = "var(--gf-paper, none)"
)

// SVG draws the picture. Time goes down and is to scale on the axis at the left; events that are closer than text is high are
// drawn below each other, each with a line to its time. id makes the ids in the drawing unique in the page; it may be empty
// where the page has one drawing. All text is escaped.
func (p *Picture) SVG(id string) string {
	d := &drawing{Picture: p, id: id}
	d.layout()
	d.open()
	d.lifelines()
	d.axis()
	for i, e := range p.Events {
		d.event(e, d.rows[i])
	}
	d.printf("</svg>\n")
	return d.String()
}

type drawing struct {
	bytes.Buffer
	*Picture
	id     string
	from   time.Duration
	perSec float64 // units
	rows   []int   // y of each event
	height int
}

func (d *drawing) printf(format string, args ...any) { fmt.Fprintf(d, format, args...) }

// layout finds the places of the events: each at its time, or below the one before it.
func (d *drawing) layout() {
	d.from = d.start()
	span := max(d.end()-d.from, time.Microsecond)
	length := max(len(d.Events)*rowStep, rowStep)
	if d.longestWait()*5 > span*2 {
		length += waitRoom
	}
	d.perSec = float64(length) / span.Seconds()
	last := topY - rowStep
	for _, e := range d.Events {
		last = max(d.y(e.At), last+rowStep)
		d.rows = append(d.rows, last)
	}
	d.height = max(last, d.y(d.end())) + footRoom
}

func (d *drawing) longestWait() (longest time.Duration) {
	before := d.from
	for _, e := range d.Events {
		longest, before = max(longest, e.At-before), e.At
	}
	return max(longest, d.end()-before)
}

// y is the true place of a time.
func (d *drawing) y(t time.Duration) int { return topY + int((t-d.from).Seconds()*d.perSec+0.5) }

func (d *drawing) x(lane int) int { return gutter + margin + lane*laneGap }

func (d *drawing) width() int { return d.x(len(d.Lanes)-1) + margin }

func (d *drawing) open() {
	title, desc := "title-"+d.id, "desc-"+d.id
	d.printf(`<svg xmlns="http://www.w3.org/2000/svg" class="gf-picture" role="img" aria-labelledby="%s %s" viewBox="0 0 %d %d" width="%d" height="%d" font-size="12" fill="%s" stroke="none">`+"\n",
		escape(title), escape(desc), d.width(), d.height, d.width(), d.height, ink)
	d.printf("<title id=\"%s\">%s</title>\n", escape(title), escape(look.VisibleLine(d.Title)))
	var words []string
	for _, e := range d.Events {
		words = append(words, d.Sentence(e))
	}
	d.printf("<desc id=\"%s\">%s</desc>\n", escape(desc), escape(strings.Join(words, ". ")))
}

func (d *drawing) lifelines() {
	for i, l := range d.Lanes {
		x := d.x(i)
		d.printf(`<path d="M%d %dV%d" stroke="%s" stroke-dasharray="2 4"/>`+"\n", x, headY, d.height-8, faint)
		d.printf(`<rect x="%d" y="6" width="%d" height="%d" rx="6" fill="%s" stroke="%s"/>`+"\n", x-72, 144, headY-6, paper, faint)
		y := 33
		if l.Note != "" {
			y = 25
			d.text(x, 41, "middle", clip(look.VisibleLine(l.Note), 22), `font-size="11"`)
		}
		d.text(x, y, "middle", l.Name, `font-weight="600"`)
	}
}

func (d *drawing) text(x, y int, anchor, text, attributes string) {
	if attributes != "" {
		attributes = " " + attributes
	}
	d.printf(`<text x="%d" y="%d" text-anchor="%s"%s>%s</text>`+"\n", x, y, anchor, attributes, escape(text))
}

// axis draws time to scale, with a line from each event's time to its row, and tells long waits.
func (d *drawing) axis() {
	d.printf(`<path d="M%d %dV%d" stroke="%s" stroke-width="1.5"/>`+"\n", axisX, d.y(d.from), max(d.y(d.end()), d.y(d.from)+1), faint)
	said := ""
	for i, e := range d.Events {
		d.printf(`<path d="M%d %dh4L%d %dh4" fill="none" stroke="%s"/>`+"\n", axisX-4, d.y(e.At), axisX+12, d.rows[i], faint)
		label := clock(e.At)
		if e.About {
			label = "~" + label
		}
		if label != said {
			d.text(axisX-8, max(d.rows[i], d.y(e.At))+4, "end", label, `font-size="11"`)
		}
		said = label
	}
	d.waits()
}

// waits are told where they leave room for it.
func (d *drawing) waits() {
	before, at := topY, d.from
	for i := 0; i <= len(d.Events); i++ {
		y, t := d.y(d.end()), d.end()
		if i < len(d.Events) {
			y, t = d.rows[i], d.Events[i].At
		}
		if y-before >= 2*rowStep && t-at >= 50*time.Millisecond {
			x, middle := d.x(1), (before+y)/2
			d.printf(`<path d="M%d %dV%d" stroke="%s" stroke-width="5" opacity=".35"/>`+"\n", x, before+10, y-14, faint)
			d.text(x+12, middle+4, "start", "nothing for "+clock(t-at), d.halo(`font-style="italic"`))
		}
		before, at = y, t
	}
}

// halo keeps text readable across lines.
func (d *drawing) halo(attributes string) string {
	return strings.TrimSpace(attributes + ` stroke="` + paper + `" stroke-width="3" paint-order="stroke"`)
}

func (d *drawing) event(e Event, y int) {
	colour := ink
	if e.Broke || e.Kind == Reset || e.Kind == Timeout {
		colour = bad
	} else if e.Kind == Done {
		colour = good
	}
	d.printf(`<g class="gf-event gf-event-%s" color="%s"><title>%s</title>`+"\n", e.Kind, colour, escape(d.Sentence(e)))
	if e.local() {
		d.local(e, y)
	} else {
		d.arrow(e, y)
	}
	d.printf("</g>\n")
}

// local draws what happens at one place: the shape says what, and the colour says it again.
func (d *drawing) local(e Event, y int) {
	x := d.x(e.From)
	switch {
	case e.Broke:
		d.printf(`<path d="M%d %dl6 -11 2 7h6l-9 14 1 -9z" fill="%s"/>`+"\n", x-4, y, ink)
	case e.Kind == Done:
		d.printf(`<path d="M%d %dl4 4 8 -9" fill="none" stroke="%s" stroke-width="2.5"/>`+"\n", x-6, y, ink)
	case e.Kind == Timeout:
		d.printf(`<circle cx="%d" cy="%d" r="7" fill="%s" stroke="%s" stroke-width="1.5"/><path d="M%d %dv-4m0 4h3" stroke="%s" stroke-width="1.5"/>`+"\n", x, y, paper, ink, x, y, ink)
	default:
		d.printf(`<path d="M%d %dl5 5 -5 5 -5 -5z" fill="%s"/>`+"\n", x, y-5, ink)
	}
	at, anchor := x+14, "start"
	if e.From == len(d.Lanes)-1 {
		at, anchor = x-14, "end"
	}
	d.text(at, y+4, anchor, clip(e.full(), localRunes), d.halo(weight(e)))
}

func weight(e Event) string {
	if e.Broke {
		return `font-weight="600"`
	}
	return ""
}

// arrow draws what goes from one to another. Its head says what: filled for bytes, a bar for FIN, a cross for what breaks.
func (d *drawing) arrow(e Event, y int) {
	from, to := d.x(e.From), d.x(e.To)
	way := 1
	if to < from {
		way = -1
	}
	end, line := to-3*way, `stroke-width="1.5"`
	switch e.Kind {
	case Lost:
		end, line = (from+3*to)/4, `stroke-width="1.5" stroke-dasharray="6 4"`
	case Connect, Ask:
		line = `stroke-dasharray="5 3"`
	case Bytes:
		line = `stroke-width="2.5"`
	}
	d.printf(`<path d="M%d %dH%d" stroke="%s" %s/>`+"\n", from, y, end, ink, line)
	switch e.Kind {
	case Lost, Reset:
		d.printf(`<path d="M%d %dl10 10m0 -10l-10 10" stroke="%s" stroke-width="2.5"/>`+"\n", end-5-6*way, y-5, ink)
	case Close:
		d.printf(`<path d="M%d %dv12" stroke="%s" stroke-width="3"/>`+"\n", end-2*way, y-6, ink)
	case Ask:
		d.head(from+2*way, y, -way)
		d.head(to, y, way)
	default:
		d.head(to, y, way)
	}
	text := e.signed()
	most := int(float64(max(from, to)-min(from, to)-24) / perRune)
	d.text((from+to)/2, y-5, "middle", clip(text, most), d.halo(weight(e)))
}

func (d *drawing) head(x, y, way int) {
	d.printf(`<path d="M%d %dl%d -4v8z" fill="%s"/>`+"\n", x, y, -9*way, ink)
}

// escape makes text fit for XML and HTML, in elements and in attributes.
func escape(text string) string {
	var out bytes.Buffer
	_ = xml.EscapeText(&out, []byte(text)) // a buffer takes everything
	return out.String()
}
