package main

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// outputs are where a command's reports go: files by their names, - is standard output.
type outputs struct {
	people screen
	files  map[string]io.Writer
	opened []*os.File
}

// outputs opens the files before anything runs, so that one that cannot be written is told of at once. Empty names are
// reports that nobody wants. What people read goes to standard error when standard output gets a document.
func (a *app) outputs(names ...string) (*outputs, error) {
	o := &outputs{people: a.screen(a.out), files: map[string]io.Writer{}}
	for _, name := range names {
		if name == "" {
			continue
		}
		if err := o.open(a, name); err != nil {
			o.discard()
			return nil, fmt.Errorf("the report cannot be written: %w", err)
		}
	}
	return o, nil
}

func (o *outputs) open(a *app, name string) error {
	if o.files[name] != nil {
		return fmt.Errorf("two reports are to go to %s", name)
	}
	if name == "-" {
		o.people, o.files[name] = a.screen(a.err), a.out
		return nil
	}
	f, err := os.Create(name)
	if err == nil {
		o.files[name], o.opened = f, append(o.opened, f)
	}
	return err
}

// document is a report for machines.
type document struct {
	name  string // as given to outputs
	write func(io.Writer) error
}

// write writes the documents that are wanted and closes all files.
func (o *outputs) write(documents ...document) error {
	var errs []error
	for _, d := range documents {
		if w := o.files[d.name]; w != nil {
			errs = append(errs, d.write(w))
		}
	}
	return errors.Join(append(errs, o.close())...)
}

// discard removes the files of reports that were never written, because nothing ran.
func (o *outputs) discard() {
	for _, f := range o.opened {
		info, err := f.Stat()
		if f.Close(); err == nil && info.Mode().IsRegular() {
			_ = os.Remove(f.Name()) // an empty report is a nuisance, not a failure
		}
	}
	o.opened = nil
}

// close closes the files once.
func (o *outputs) close() error {
	var errs []error
	for _, f := range o.opened {
		errs = append(errs, f.Close())
	}
	o.opened = nil
	return errors.Join(errs...)
}
