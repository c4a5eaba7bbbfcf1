package diagnose

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
)

// Sizes of what is read at once; a line has to fit into the buffer.
const (
	maxLine    = 64 << 10 // the rest of a longer line is left out
	readBuffer = 128 << 10
)

// source gives the lines of one log.
type source struct {
	Source
	file   *os.File // nil: standard input
	in     *bufio.Reader
	packed bool
	parser parser

	line  []byte // that was read last, and what it says; both are valid until the next one
	entry entry
	at    int64 // the last time that a line had

	following bool
	begun     []byte // of a line whose end is not there yet
	long      []byte // beginning of a line that the buffer cannot hold
}

// Stdin is the name of standard input.
const Stdin = "-"

// open opens a log, or standard input. Compressed ones are told by their first bytes, whatever their name.
func open(name string, stdin io.Reader) (*source, error) {
	s := &source{Source: Source{Name: name}}
	if name != Stdin {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		if info, err := f.Stat(); err == nil && info.IsDir() {
			return nil, errors.Join(fmt.Errorf("%s is a folder; name the logs in it", name), f.Close())
		}
		s.file, stdin = f, f
	}
	s.in = bufio.NewReaderSize(stdin, readBuffer)
	if head, _ := s.in.Peek(2); bytes.Equal(head, []byte{0x1f, 0x8b}) {
		unpacked, err := gzip.NewReader(s.in)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", name, err), s.close())
		}
		s.in, s.packed = bufio.NewReaderSize(unpacked, readBuffer), true
	}
	return s, nil
}

func (s *source) close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// next reads a line, and gives false at the end, or when the rest cannot be read.
func (s *source) next() bool {
	line, err := s.in.ReadSlice('\n')
	n := len(line)
	if errors.Is(err, bufio.ErrBufferFull) {
		s.long = append(s.long[:0], line[:maxLine+1]...)
		line = s.long
		n, err = s.skip(n)
	}
	s.Bytes += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		s.Error = err.Error()
		return false
	}
	if err != nil && s.following {
		s.begun = append(s.begun, line[:min(n, len(line), max(0, maxLine+1-len(s.begun)))]...)
		return false
	}
	if len(s.begun) > 0 {
		s.long = append(append(s.long[:0], s.begun...), line...)
		line, s.begun = s.long, s.begun[:0]
	}
	if len(line) == 0 {
		return false
	}
	s.take(line)
	return true
}

// skip reads to the end of a line that the buffer cannot hold.
func (s *source) skip(n int) (int, error) {
	for {
		more, err := s.in.ReadSlice('\n')
		n += len(more)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return n, err
		}
	}
}

// take parses a line.
func (s *source) take(line []byte) {
	line = bytes.TrimRight(line, "\r\n")
	if len(line) > maxLine {
		line = line[:maxLine]
		s.Cut++
	}
	s.Lines++
	s.line = line
	reads(s.parser, line, &s.entry)
	if s.entry.kind != foreign {
		s.Readable++
	}
	if s.entry.at == 0 {
		s.entry.at = s.at
	}
	s.at = s.entry.at
}

// beginning gives the lines that are there without waiting for more.
func (s *source) beginning() [][]byte {
	if _, err := s.in.Peek(1); err != nil {
		return nil
	}
	head, _ := s.in.Peek(s.in.Buffered())
	return bytes.Split(head, []byte("\n"))
}
