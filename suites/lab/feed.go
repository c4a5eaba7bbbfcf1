package lab

import (
	"encoding/json"
	"sync"
)

// Bounds of a feed.
const (
	maxFeed    = 1000 // lines that a viewer who connects again can catch up on
	maxLine    = 2 << 10
	maxViewers = 64
	recent     = 100 // lines that a new viewer gets
)

// Kinds of messages.
const (
	stateMessage = "state" // all of [State]; each replaces the one before
	logMessage   = "log"   // a [LogLine]
)

// message is one of an event stream.
type message struct {
	seq  uint64
	kind string
	data []byte
}

// feed is what all viewers see: the newest state, and the last lines of the log. Every message has a number, so that a viewer
// who was away gets what he missed.
type feed struct {
	mu      sync.Mutex // guards what follows
	last    uint64
	state   message
	lines   []message     // oldest first
	changed chan struct{} // closed and replaced at each message
	viewers int
	ended   bool
}

func newFeed() *feed { return &feed{changed: make(chan struct{})} }

// publish sends a message to everyone.
func (f *feed) publish(kind string, content any) {
	data, err := json.Marshal(content)
	if err != nil {
		return // our own types can be written
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended {
		return
	}
	f.last++
	m := message{f.last, kind, data}
	if kind == stateMessage {
		f.state = m
	} else {
		f.lines = append(f.lines, m)
		f.lines = f.lines[max(0, len(f.lines)-maxFeed):]
	}
	f.wake()
}

// wake tells those who wait; the caller holds mu.
func (f *feed) wake() {
	close(f.changed)
	f.changed = make(chan struct{})
}

// since gives the messages after a number, oldest first, and what is closed when there are more. A state that another has
// replaced is left out.
func (f *feed) since(seq uint64) (out []message, changed <-chan struct{}, ended bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.lines {
		if m.seq > seq {
			out = append(out, m)
		}
	}
	if f.state.seq > seq {
		i := 0
		for i < len(out) && out[i].seq < f.state.seq {
			i++
		}
		out = append(out[:i:i], append([]message{f.state}, out[i:]...)...)
	}
	return out, f.changed, f.ended
}

// start is the number from which a new viewer sees: the newest state and the last lines.
func (f *feed) start() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	from := f.state.seq
	if n := len(f.lines); n > 0 {
		from = min(from, f.lines[max(0, n-recent)].seq)
	}
	return max(from, 1) - 1
}

// known is seq, or the start for a number that this feed has not given out, such as one of an earlier program.
func (f *feed) known(seq uint64) uint64 {
	f.mu.Lock()
	last := f.last
	f.mu.Unlock()
	if seq > last {
		return f.start()
	}
	return seq
}

// enter counts a viewer, or refuses him.
func (f *feed) enter() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.viewers >= maxViewers || f.ended {
		return false
	}
	f.viewers++
	return true
}

func (f *feed) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.viewers--
}

func (f *feed) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.viewers
}

// end lets the viewers go.
func (f *feed) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.ended {
		f.ended = true
		f.wake()
	}
}
