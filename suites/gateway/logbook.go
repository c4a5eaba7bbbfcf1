package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"
)

// Bounds of a LogBook: the oldest lines go first, a longer line is cut.
const (
	maxLogLines = 50_000
	maxLogBytes = 16 << 20
	maxLogLine  = 64 << 10
)

// ErrLogEnded is returned by [LogBook.Await] when the gateway's log ended and the line never came.
var ErrLogEnded = errors.New("the gateway's log ended")

// Line is one line that a gateway logged.
type Line struct {
	// Time is when the line arrived here.
	Time time.Time
	// Lane is the tag of the lane that the line names, lane0, lane1 ..., or empty.
	Lane string
	Text string
}

// LogBook keeps what one gateway logs, in the order of arrival, with bounded memory. It is safe for concurrent use.
type LogBook struct {
	lane Regexp

	mu      sync.Mutex // guards all below
	lines   []Line
	first   int // how many lines were dropped: the sequence number of lines[0]
	bytes   int
	changed chan struct{} // closed and replaced when a line arrives, closed for good at the end
	ended   bool
}

// NewLogBook makes an empty book. lane finds a lane's number in its group named lane.
func NewLogBook(lane Regexp) *LogBook {
	return &LogBook{lane: lane, changed: make(chan struct{})}
}

// Add appends one line, received now.
func (b *LogBook) Add(text string) {
	if len(text) > maxLogLine {
		text = text[:maxLogLine]
	}
	line := Line{Time: time.Now(), Lane: b.laneOf(text), Text: text}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return
	}
	b.lines = append(b.lines, line)
	b.bytes += len(text)
	b.trim()
	close(b.changed)
	b.changed = make(chan struct{})
}

// trim drops the oldest lines until the bounds hold. The caller holds the lock.
func (b *LogBook) trim() {
	drop := 0
	for len(b.lines)-drop > maxLogLines || b.bytes > maxLogBytes {
		b.bytes -= len(b.lines[drop].Text)
		drop++
	}
	if drop == 0 {
		return
	}
	b.first += drop
	clear(b.lines[:drop])
	b.lines = b.lines[drop:]
}

func (b *LogBook) laneOf(text string) string {
	if b.lane.Regexp == nil {
		return ""
	}
	found := b.lane.FindStringSubmatch(text)
	if found == nil {
		return ""
	}
	return "lane" + found[b.lane.SubexpIndex("lane")]
}

// Lines are the lines of one cell: those that contain its id, whenever they came, and those that are tagged with its
// lane, arrived from since to until, and name no other cell.
func (b *LogBook) Lines(cell, lane string, since, until time.Time) []Line {
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []Line
	for _, line := range b.lines {
		inTime := !line.Time.Before(since) && !line.Time.After(until)
		ofLane := line.Lane != "" && line.Lane == lane && inTime && !namesCell(line.Text)
		if ofLane || containsCell(line.Text, cell) {
			found = append(found, line)
		}
	}
	return found
}

// Matching are the lines that match accepts.
func (b *LogBook) Matching(match func(string) bool) []Line {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(b.lines), func(line Line) bool { return !match(line.Text) })
}

// Tail is the last n lines.
func (b *LogBook) Tail(n int) []Line {
	b.mu.Lock()
	defer b.mu.Unlock()
	from := max(0, len(b.lines)-n)
	return append([]Line(nil), b.lines[from:]...)
}

// Await returns as soon as a line contains the substring, also if it came before. It fails with the context's error, or
// with [ErrLogEnded] when the gateway has ended.
func (b *LogBook) Await(ctx context.Context, substring string) error {
	_, err := b.Find(ctx, time.Time{}, func(text string) bool { return strings.Contains(text, substring) })
	if err != nil {
		return fmt.Errorf("await log line %q: %w", substring, err)
	}
	return nil
}

// Find gives the first line that arrived at since or later and that match accepts, as soon as there is one. It fails as
// [LogBook.Await] does.
func (b *LogBook) Find(ctx context.Context, since time.Time, match func(string) bool) (Line, error) {
	seen := 0
	for {
		found, next, changed, ended := b.scan(seen, since, match)
		switch {
		case found != nil:
			return *found, nil
		case ended:
			return Line{}, ErrLogEnded
		}
		seen = next
		select {
		case <-changed:
		case <-ctx.Done():
			return Line{}, ctx.Err()
		}
	}
}

// Follow gives the lines that arrive from now on, until ctx or the log ends. Of a reader that is too slow for the book's bounds
// the oldest lines are lost.
func (b *LogBook) Follow(ctx context.Context) iter.Seq[Line] {
	b.mu.Lock()
	next := b.first + len(b.lines)
	b.mu.Unlock()
	return func(yield func(Line) bool) {
		for ctx.Err() == nil {
			lines, after, changed, ended := b.from(next)
			for _, line := range lines {
				if !yield(line) {
					return
				}
			}
			if next = after; len(lines) > 0 {
				continue
			}
			if ended {
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
			}
		}
	}
}

// from gives the lines from sequence number next on.
func (b *LogBook) from(next int) (lines []Line, after int, changed <-chan struct{}, ended bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.lines[max(0, next-b.first):]), b.first + len(b.lines), b.changed, b.ended
}

// scan looks through the lines from sequence number from on.
func (b *LogBook) scan(from int, since time.Time, match func(string) bool) (found *Line, next int, changed <-chan struct{}, ended bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, line := range b.lines[max(0, from-b.first):] {
		if !line.Time.Before(since) && match(line.Text) {
			return &line, 0, nil, false
		}
	}
	return nil, b.first + len(b.lines), b.changed, b.ended
}

// end marks the end of the log: the gateway is gone. Lines added later are ignored.
func (b *LogBook) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.ended {
		b.ended = true
		close(b.changed)
	}
}

// read adds lines from r until it ends. A line longer than the bound is cut, never an error.
func (b *LogBook) read(r io.Reader) {
	buffered := bufio.NewReaderSize(r, maxLogLine)
	for {
		line, err := buffered.ReadSlice('\n')
		text := strings.TrimRight(string(line), "\r\n")
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = buffered.ReadSlice('\n')
		}
		if text != "" {
			b.Add(text)
		}
		if err != nil {
			return
		}
	}
}
