package diagnose

import (
	"cmp"
	"slices"
)

// Bounds of what a diagnosis keeps, however long the logs are.
const (
	maxClasses = 1024 // sorts of lines
	maxGroups  = 512  // signatures
	maxShapes  = 32   // sorts of unknown lines
)

// Diagnosis reads lines and keeps what they tell: counts, and samples of lines. Its memory does not grow with the logs.
type Diagnosis struct {
	rules   *Rules
	clock   clock
	classes map[lineKey]*class
	groups  map[signature]*group
	joiner  *joiner

	lines, requests, idle, further int
	events                         bool // error lines were seen
	shapes                         shapes
	idleOf                         map[int]*sample // by rule
	onGroup                        func(*group)    // told of each incident; may be nil
}

// group is all incidents of one signature.
type group struct {
	signature   signature
	count       int
	first, last int64
	time        timeline
	classes     []*class
}

// NewDiagnosis begins a diagnosis.
func NewDiagnosis(rules *Rules) *Diagnosis {
	d := &Diagnosis{
		rules: rules, classes: map[lineKey]*class{}, groups: map[signature]*group{}, idleOf: map[int]*sample{},
		shapes: shapes{},
	}
	d.joiner = newJoiner(d.incident)
	return d
}

// line takes in one line, as a parser has read it.
func (d *Diagnosis) line(line []byte, e *entry) {
	d.lines++
	d.clock.see(e.at)
	if e.well {
		d.requests++
		d.idle++
		return
	}
	set := d.rules.match(e.text)
	telling := set.without(d.rules.idle)
	if telling.empty() && !set.empty() {
		d.harmless(set, line)
		if e.kind != access || e.status < 500 {
			return
		}
	}
	switch {
	case e.kind == access:
		d.requests++
		if telling.empty() && (e.status >= 100 && e.status < 500) {
			d.idle++
			return
		}
	case !telling.empty():
		e.kind = event
	case e.kind == quiet:
		d.idle++
		return
	case e.kind == foreign:
		d.class(telling, e, line).unknown++
		return
	}
	if e.kind == event {
		d.events = true
	}
	d.joiner.add(e, d.class(telling, e, line))
}

// harmless counts a line that healthy traffic has, too.
func (d *Diagnosis) harmless(set ruleSet, line []byte) {
	d.idle++
	for n := range set.each() {
		s := d.idleOf[n]
		if s == nil {
			s = &sample{}
			d.idleOf[n] = s
		}
		s.add(line)
		return
	}
}

// class gives the sort of a line. Lines beyond the bound are of a sort that says nothing.
func (d *Diagnosis) class(rules ruleSet, e *entry, line []byte) *class {
	key := lineKey{rules: rules, kind: e.kind, status: int16(e.status)}
	switch {
	case e.alone:
		key.kind = event
	case rules.empty() && e.kind != access:
		key.shape = d.shapes.of(line)
	}
	c := d.classes[key]
	if c == nil {
		if len(d.classes) >= maxClasses {
			key = lineKey{kind: e.kind}
		}
		if c = d.classes[key]; c == nil {
			c = &class{lineKey: key, statuses: d.rules.statuses(rules)}
			d.classes[key] = c
		}
	}
	c.sample.add(line)
	return c
}

// incident counts what a joiner has put together.
func (d *Diagnosis) incident(i *incident) {
	s := i.signature()
	if s.events.empty() && s.told && s.answer.empty() && s.status == 0 {
		for _, part := range i.parts[:i.n] {
			part.unknown++
		}
		return
	}
	g := d.groups[s]
	if g == nil {
		if len(d.groups) >= maxGroups {
			d.further++
			return
		}
		g = &group{signature: s, first: i.at}
		d.groups[s] = g
	}
	g.add(i, &d.clock)
	if d.onGroup != nil {
		d.onGroup(g)
	}
}

func (g *group) add(i *incident, c *clock) {
	g.count++
	if i.at != 0 {
		g.time.add(c, i.at)
		g.last = max(g.last, i.at)
		if g.first == 0 || i.at < g.first {
			g.first = i.at
		}
	}
	for _, part := range i.parts[:i.n] {
		if !slices.Contains(g.classes, part) && len(g.classes) < 2*maxParts {
			g.classes = append(g.classes, part)
		}
	}
}

// shapes numbers the sorts of lines that no rule fits; the last number is for all that are too many.
type shapes map[string]uint8

func (s shapes) of(line []byte) uint8 {
	kind := shape(line)
	n, ok := s[string(kind)]
	if !ok {
		n = uint8(min(len(s), maxShapes))
		if n < maxShapes {
			s[string(kind)] = n
		}
	}
	return n
}

// shape is the first words of a line, without those that have digits: lines of one shape are of one sort.
func shape(line []byte) []byte {
	words := make([]byte, 0, 80)
	word := 0
	for i := 0; i <= len(line) && len(words) < 48; i++ {
		if i < len(line) && line[i] != ' ' {
			continue
		}
		w := line[word:i]
		word = i + 1
		if !slices.ContainsFunc(w, func(b byte) bool { return b >= '0' && b <= '9' }) {
			words = append(append(words, w[:min(len(w), 24)]...), ' ')
		}
	}
	return words
}

// sorted lists the groups, the one with the most incidents first.
func (d *Diagnosis) sorted() []*group {
	all := make([]*group, 0, len(d.groups))
	for _, g := range d.groups {
		all = append(all, g)
	}
	slices.SortFunc(all, func(a, b *group) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.first, b.first), a.signature.compare(b.signature))
	})
	return all
}

// compare gives signatures an order, whichever: reports must not differ from run to run.
func (s signature) compare(o signature) int {
	return cmp.Or(slices.Compare(s.events[:], o.events[:]), slices.Compare(s.answer[:], o.answer[:]), cmp.Compare(s.status, o.status))
}
