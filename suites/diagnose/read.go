package diagnose

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/gatefault/gatefault/scenarios"
)

// maxSources bounds the logs that are open at once.
const maxSources = 256

// Options say which logs are read.
type Options struct {
	Catalogue *scenarios.Catalogue
	Gateway   string    // product that wrote the logs; empty: it is told by their lines
	Version   string    // of the product; empty: not known
	Names     []string  // files; [Stdin] is standard input
	Stdin     io.Reader // needed only for that
	// Every is how often [Follow] tells of what is new; default: 1 s.
	Every time.Duration
}

// UsageError is a mistake of the one who asked.
type UsageError struct{ error }

func (e UsageError) Unwrap() error { return e.error }

// reading is a diagnosis and the logs that it reads.
type reading struct {
	*Diagnosis
	sources []*source
	version string
}

func begin(o Options) (*reading, error) {
	r := &reading{version: o.Version}
	err := r.begin(o)
	if err != nil {
		return nil, errors.Join(UsageError{err}, r.close())
	}
	return r, nil
}

func (r *reading) begin(o Options) error {
	if o.Gateway != "" {
		if err := isOne(o.Gateway); err != nil {
			return err
		}
	}
	if len(o.Names) > maxSources {
		return fmt.Errorf("%d logs are more than the %d that are read at once; send them through standard input, or fewer of them", len(o.Names), maxSources)
	}
	for n, name := range o.Names {
		if slices.Contains(o.Names[:n], name) {
			return fmt.Errorf("%s is named twice", name)
		}
		s, err := open(name, o.Stdin)
		if err != nil {
			return fmt.Errorf("read a log: %w", err)
		}
		r.sources = append(r.sources, s)
	}
	if o.Gateway == "" {
		var err error
		if o.Gateway, err = guess(r.sources); err != nil {
			return err
		}
	}
	rules, err := NewRules(o.Catalogue, o.Gateway, o.Version)
	if err != nil {
		return err
	}
	for _, s := range r.sources {
		s.parser = formats[o.Gateway]()
	}
	r.Diagnosis = NewDiagnosis(rules)
	return nil
}

func (r *reading) close() error {
	var errs []error
	for _, s := range r.sources {
		errs = append(errs, s.close())
	}
	return errors.Join(errs...)
}

// Read reads logs to their ends and tells what is in them. Lines of several logs are taken in the order of their times, so
// it does not matter in which order rotated ones are named. Memory does not grow with the logs.
func Read(ctx context.Context, o Options) (*Report, error) {
	r, err := begin(o)
	if err != nil {
		return nil, err
	}
	done := make(chan error, 1)
	go func() {
		done <- r.all(ctx)
	}()
	select {
	case err = <-done:
	case <-ctx.Done():
		return nil, context.Cause(ctx) // a read from a pipe may last for ever; the process is about to end
	}
	if err := errors.Join(err, r.close()); err != nil {
		return nil, err
	}
	r.joiner.flush()
	return r.report()
}

// all takes the lines of all logs, the earliest first.
func (r *reading) all(ctx context.Context) error {
	open := make([]*source, 0, len(r.sources))
	for _, s := range r.sources {
		if s.next() {
			open = append(open, s)
		}
	}
	for n := 0; len(open) > 0; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		first := 0
		for i, s := range open {
			if s.entry.at < open[first].entry.at {
				first = i
			}
		}
		s := open[first]
		r.line(s.line, &s.entry)
		if !s.next() {
			open = slices.Delete(open, first, first+1)
		}
	}
	return nil
}

// report tells what was read, or that none of it could be understood.
func (r *reading) report() (*Report, error) {
	report := r.Report()
	report.Version = r.version
	readable, lines := 0, 0
	for _, s := range r.sources {
		report.Sources = append(report.Sources, s.Source)
		readable += s.Readable
		lines += s.Lines
		if s.Error != "" && s.Lines == 0 {
			return report, fmt.Errorf("read %s: %s", s.Name, s.Error)
		}
	}
	if lines > 0 && readable == 0 && len(report.Groups) == 0 {
		return report, UsageError{fmt.Errorf("none of the %d lines is in a form of %s's logs; is --gateway right?", lines, r.rules.Gateway)}
	}
	return report, nil
}

// Follow reads logs as they grow, until the context ends; a log that was rotated is opened anew. each gets a report whenever
// there is something new, at most every [Options.Every].
func Follow(ctx context.Context, o Options, each func(*Report)) (*Report, error) {
	r, err := begin(o)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.close() }() // files that were only read
	piped := make(chan []byte)
	for _, s := range r.sources {
		switch {
		case s.packed:
			return nil, UsageError{fmt.Errorf("%s is compressed: nothing will be added to it; leave out -f", s.Name)}
		case s.file == nil:
			go s.pump(ctx, piped)
		default:
			s.following = true
		}
	}
	if err := r.follow(ctx, cmp.Or(o.Every, time.Second), piped, each); err != nil {
		return nil, err
	}
	r.joiner.flush()
	return r.report()
}

// pollsPerReport is how often, between two reports, it is looked whether logs have grown.
const pollsPerReport = 5

func (r *reading) follow(ctx context.Context, every time.Duration, piped chan []byte, each func(*Report)) error {
	poll, tell := time.NewTicker(every/pollsPerReport), time.NewTicker(every)
	defer poll.Stop()
	defer tell.Stop()
	told := 0
	for {
		if err := r.grown(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case line, more := <-piped:
			if !more {
				return nil
			}
			s := r.sources[slices.IndexFunc(r.sources, func(s *source) bool { return s.file == nil })]
			s.Bytes += int64(len(line))
			s.take(line)
			r.line(s.line, &s.entry)
		case <-poll.C:
		case <-tell.C:
			if closed := r.joiner.age(); closed == 0 && r.lines == told {
				continue
			}
			told = r.lines
			report, err := r.report()
			if err == nil {
				each(report)
			}
		}
	}
}

// grown takes what was added to files.
func (r *reading) grown() error {
	for _, s := range r.sources {
		for s.file != nil && (s.next() || s.rotated() && s.next()) {
			r.line(s.line, &s.entry)
		}
		if s.Error != "" {
			return fmt.Errorf("read %s: %s", s.Name, s.Error)
		}
	}
	return nil
}

// rotated opens a log anew when its name belongs to another file now, or when it was cut.
func (s *source) rotated() bool {
	now, err := os.Stat(s.Name)
	if err != nil {
		return false // between moving it away and making a new one
	}
	old, err := s.file.Stat()
	at, err2 := s.file.Seek(0, io.SeekCurrent)
	if err != nil || err2 != nil || os.SameFile(now, old) && now.Size() >= at {
		return false
	}
	again, err := open(s.Name, nil)
	if err != nil || again.packed {
		return false
	}
	_ = s.file.Close() // it was only read
	s.file, s.in, s.begun = again.file, again.in, nil
	return true
}

// pump reads standard input, whose end is that of the lines.
func (s *source) pump(ctx context.Context, lines chan<- []byte) {
	defer close(lines)
	for {
		line, err := s.in.ReadSlice('\n')
		if len(line) > 0 {
			select {
			case lines <- append([]byte(nil), line...):
			case <-ctx.Done():
				return
			}
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}
