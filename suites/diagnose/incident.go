package diagnose

// Bounds of the incidents that wait for further lines.
const (
	maxOpen  = 4096
	openTime = 300 // seconds by the log's clock: Apache dates a request by its beginning and an error by its end
)

// sort of line: the same rules fit, it is of the same kind and has the same status.
type lineKey struct {
	rules  ruleSet
	kind   kind
	status int16
	shape  uint8 // of lines that no rule fits; see [shapes]
}

// class is what all lines of a sort have in common.
type class struct {
	lineKey
	sample   sample
	statuses map[int]bool // that clients may get where an event fits; nil: any
	unknown  int          // lines in incidents that no rule fits
}

// goes tells whether an event may be of a request that was answered with a status.
func (c *class) goes(status int16) bool {
	return status >= 500 || c.statuses == nil || c.statuses[int(status)]
}

// maxParts bounds the sorts of lines that one incident is told by.
const maxParts = 6

// incident is one failed request, as far as it can be told: the lines that belong together.
type incident struct {
	request, thread uint64
	at, last        int64 // when it began, and when it was last heard of
	parts           [maxParts]*class
	n               int
	gone            bool // it was told, or is a part of another one
	aged            bool // it has waited for a while
}

func (i *incident) add(c *class) {
	if i.n < maxParts {
		i.parts[i.n] = c
		i.n++
	}
}

func (i *incident) has(c *class) bool {
	for _, part := range i.parts[:i.n] {
		if part == c {
			return true
		}
	}
	return false
}

// signature is what an incident looks like. Those that look alike have the same cause, as far as a log can tell.
type signature struct {
	events, answer ruleSet
	status         int16
	told           bool // by more than an access line
}

func (i *incident) signature() (s signature) {
	for _, part := range i.parts[:i.n] {
		if part.status != 0 {
			s.status = part.status
		}
		if part.kind == access {
			s.answer.join(part.rules)
			continue
		}
		s.events.join(part.rules)
		s.told = true
	}
	return s
}

// joiner puts lines of one request together: events and the access line, whichever comes first.
type joiner struct {
	waiting []*incident // oldest first, from head on
	head    int
	events  map[uint64][]*incident // by request: no access line yet
	answers map[uint64][]*incident // by request: nothing but an access line yet
	threads map[uint64]*incident   // by thread: what it was doing last
	done    func(*incident)
	now     int64
}

func newJoiner(done func(*incident)) *joiner {
	return &joiner{events: map[uint64][]*incident{}, answers: map[uint64][]*incident{}, threads: map[uint64]*incident{}, done: done}
}

// add takes a line in.
func (j *joiner) add(e *entry, c *class) {
	j.now = max(j.now, e.at)
	switch {
	case e.alone || e.request == 0 && e.thread == 0:
		i := &incident{at: e.at}
		i.add(c)
		j.done(i)
	case c.kind == access:
		j.answer(e, c)
	default:
		j.event(e, c)
	}
	j.expire()
}

// answer takes in an access line: of the oldest incident of its request, or of one of its own.
func (j *joiner) answer(e *entry, c *class) {
	goes := func(i *incident) bool { return i.parts[0].goes(c.status) }
	if i := pop(j.events, e.request, goes); i != nil {
		i.add(c)
		j.close(i)
		return
	}
	i := &incident{request: e.request, at: e.at}
	i.add(c)
	j.answers[e.request] = append(j.answers[e.request], i)
	j.waiting = append(j.waiting, i)
}

// event takes in what went wrong. The same event again is another incident.
func (j *joiner) event(e *entry, c *class) {
	i := j.sameThread(e, c)
	if i == nil && e.request != 0 {
		i = j.sameRequest(e, c)
	}
	if i == nil {
		i = &incident{at: e.at}
		j.waiting = append(j.waiting, i)
	}
	i.add(c)
	i.last = e.at
	if e.thread != 0 {
		i.thread = e.thread
		j.threads[e.thread] = i
	}
	if i.request == 0 && e.request != 0 {
		i.request = e.request
		j.pair(i)
	}
}

// sameThread finds what the thread has just told of the same request.
func (j *joiner) sameThread(e *entry, c *class) *incident {
	i := j.threads[e.thread]
	if e.thread == 0 || i == nil || i.gone || i.has(c) || e.at-i.last > 1 || e.request != 0 && i.request != 0 && i.request != e.request {
		return nil
	}
	return i
}

// few bounds the search for an incident that a further line belongs to.
const few = 8

func (j *joiner) sameRequest(e *entry, c *class) *incident {
	list := j.events[e.request]
	for n := len(list) - 1; n >= max(0, len(list)-few); n-- {
		if i := list[n]; !i.has(c) && (e.thread == 0 || i.thread == 0) {
			return i
		}
	}
	return nil
}

// pair joins an incident, whose request is known now, with an access line that came before it.
func (j *joiner) pair(i *incident) {
	answer := pop(j.answers, i.request, func(a *incident) bool { return i.parts[0].goes(a.parts[0].status) })
	if answer == nil {
		j.events[i.request] = append(j.events[i.request], i)
		return
	}
	i.add(answer.parts[0])
	answer.gone = true
	if i.thread == 0 {
		j.close(i)
	}
}

// pop takes the oldest incident that goes from the list of a request.
func pop(lists map[uint64][]*incident, request uint64, goes func(*incident) bool) *incident {
	list := lists[request]
	for n, i := range list[:min(len(list), few)] {
		if goes(i) {
			drop(lists, request, n)
			return i
		}
	}
	return nil
}

func drop(lists map[uint64][]*incident, request uint64, n int) {
	list := lists[request]
	switch {
	case len(list) == 1:
		delete(lists, request)
	case n == 0:
		lists[request] = list[1:]
	default:
		lists[request] = append(list[:n:n], list[n+1:]...)
	}
}

// expire tells of incidents that nothing can be added to any more, and of the oldest ones when there are too many.
func (j *joiner) expire() {
	for j.head < len(j.waiting) {
		i := j.waiting[j.head]
		if !i.gone && len(j.waiting)-j.head <= maxOpen && j.now-i.at <= openTime {
			break
		}
		j.leave(i)
		j.waiting[j.head] = nil
		j.head++
	}
	if j.head > maxOpen {
		n := copy(j.waiting, j.waiting[j.head:])
		clear(j.waiting[n:])
		j.waiting, j.head = j.waiting[:n], 0
	}
}

// leave takes an incident out of the lists and closes it.
func (j *joiner) leave(i *incident) {
	if i.gone {
		return
	}
	for _, lists := range []map[uint64][]*incident{j.events, j.answers} {
		for n, other := range lists[i.request] {
			if other == i {
				drop(lists, i.request, n)
				break
			}
		}
	}
	j.close(i)
}

func (j *joiner) close(i *incident) {
	if j.threads[i.thread] == i {
		delete(j.threads, i.thread)
	}
	i.gone = true
	j.done(i)
}

// age tells of what has waited since it was called last, and how many that were: when logs are followed, what belongs
// together comes at nearly the same time.
func (j *joiner) age() (closed int) {
	for _, i := range j.waiting[j.head:] {
		switch {
		case i.aged && !i.gone:
			j.leave(i)
			closed++
		default:
			i.aged = true
		}
	}
	return closed
}

// flush tells of all that wait.
func (j *joiner) flush() {
	for _, i := range j.waiting[j.head:] {
		j.leave(i)
	}
	j.waiting, j.head = nil, 0
}
