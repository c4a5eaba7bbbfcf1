package diagnose

import "strings"

// Bounds of what is kept of lines.
const (
	firstLines = 3    // of a kind of line, and the last one
	maxSample  = 2048 // bytes of a line
)

// sample keeps the first lines of a kind and the last one.
type sample struct {
	first []string
	last  []byte
	seen  int
}

func (s *sample) add(line []byte) {
	s.seen++
	line = line[:min(len(line), maxSample)]
	if len(s.first) < firstLines {
		s.first = append(s.first, string(line))
		return
	}
	s.last = append(s.last[:0], line...)
}

// lines gives what was kept, as text that a terminal can show.
func (s *sample) lines() []string {
	all := make([]string, 0, len(s.first)+1)
	for _, line := range s.first {
		all = append(all, strings.ToValidUTF8(line, "\uFFFD"))
	}
	if len(s.last) > 0 {
		all = append(all, strings.ToValidUTF8(string(s.last), "\uFFFD"))
	}
	return all
}
