package gateway

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"
)

func testBook() *LogBook { return NewLogBook(Regexp{regexp.MustCompile(`lane(?P<lane>\d+)`)}) }

func texts(lines []Line) string {
	var all []string
	for _, line := range lines {
		all = append(all, line.Text)
	}
	return strings.Join(all, "|")
}

func TestLinesOfACell(t *testing.T) {
	b := testBook()
	since := time.Now()
	for _, text := range []string{
		"lane1 /gf-00000001-1/a", "lane1 /gf-00000001-17/a", "lane1 about no cell", "lane2 about no cell",
		"about nothing", "lane2 /gf-00000001-1/b", "gf-00000001-17 then gf-00000001-1",
	} {
		b.Add(text)
	}
	until := time.Now()
	got := texts(b.Lines("gf-00000001-1", "lane1", since, until))
	want := "lane1 /gf-00000001-1/a|lane1 about no cell|lane2 /gf-00000001-1/b|gf-00000001-17 then gf-00000001-1"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := texts(b.Lines("gf-00000001-1", "lane1", until.Add(time.Second), until.Add(time.Minute))); strings.Contains(got, "no cell") {
		t.Errorf("lines of the lane outside of the time: %s", got)
	}
}

func TestAwaitFindsPastAndFutureLines(t *testing.T) {
	b := testBook()
	b.Add("already here")
	if err := b.Await(t.Context(), "already"); err != nil {
		t.Error(err)
	}
	found := make(chan error)
	go func() { found <- b.Await(t.Context(), "later") }()
	b.Add("not yet")
	b.Add("later on")
	if err := <-found; err != nil {
		t.Error(err)
	}
}

func TestAwaitEndsWithTheContextAndWithTheLog(t *testing.T) {
	b := testBook()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Await(ctx, "never"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want Canceled", err)
	}
	ended := make(chan error)
	go func() { ended <- b.Await(t.Context(), "never") }()
	b.end()
	if err := <-ended; !errors.Is(err, ErrLogEnded) {
		t.Errorf("got %v, want ErrLogEnded", err)
	}
	b.end()
	b.Add("too late")
	if len(b.Tail(5)) != 0 {
		t.Error("a line was added after the end")
	}
}

func TestMemoryIsBounded(t *testing.T) {
	b := testBook()
	for range maxLogLines + 10 {
		b.Add("short")
	}
	if len(b.lines) != maxLogLines || b.first != 10 {
		t.Errorf("%d lines kept, %d dropped", len(b.lines), b.first)
	}
	for range 2 * maxLogBytes / maxLogLine {
		b.Add(strings.Repeat("x", 2*maxLogLine))
	}
	if b.bytes > maxLogBytes {
		t.Errorf("%d bytes kept", b.bytes)
	}
	b.Add("the last")
	if err := b.Await(t.Context(), "the last"); err != nil {
		t.Error(err)
	}
}

func TestLongLinesAreCutNotLost(t *testing.T) {
	b := testBook()
	b.read(strings.NewReader("one\r\n" + strings.Repeat("x", 3*maxLogLine) + "\nthree\n\nunfinished"))
	got := b.Tail(10)
	if len(got) != 4 || got[0].Text != "one" || len(got[1].Text) != maxLogLine || got[2].Text != "three" || got[3].Text != "unfinished" {
		t.Errorf("got %d lines: %.40q", len(got), texts(got))
	}
}

func TestFollowGivesLinesAsTheyComeUntilTheEnd(t *testing.T) {
	book := NewLogBook(Regexp{})
	book.Add("before")
	lines := book.Follow(t.Context())
	book.Add("first")
	got := make(chan string)
	go func() {
		defer close(got)
		for line := range lines {
			got <- line.Text
		}
	}()
	if text := <-got; text != "first" {
		t.Errorf("got %q", text)
	}
	book.Add("second")
	if text := <-got; text != "second" {
		t.Errorf("got %q", text)
	}
	book.end()
	if _, more := <-got; more {
		t.Error("there was a line after the end")
	}
}
